//! The model's own chat template: Jinja, as the model's file carries it, with what such templates take for granted.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind};
use serde_json::{Map, Value};

use crate::Error;

/// How a model without a template is spoken to.
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n\
                      {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
const NAME: &str = "chat";

/// A template that has been understood.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    /// Whether it knows what to do with tools.
    pub takes_tools: bool,
    beginning: String,
    end: String,
}

impl Template {
    /// `beginning` and `end` are the texts of the tokens that begin and end everything.
    pub fn new(source: Option<String>, beginning: String, end: String) -> Result<Self, Error> {
        let source = source.unwrap_or_else(|| CHATML.to_owned());
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the usual marks"));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise);
        let takes_tools = source.contains("tools");
        environment.add_template_owned(NAME, source).map_err(|error| {
            Error::Failed(format!("the model's chat template is not understood: {error}"))
        })?;
        Ok(Self { environment, takes_tools, beginning, end })
    }

    /// The prompt for `messages`, up to where the model goes on. `more` is laid over what every template gets.
    pub fn render(
        &self,
        messages: &[Value],
        tools: &[Value],
        more: &Map<String, Value>,
    ) -> Result<String, Error> {
        let template = self.environment.get_template(NAME).expect("it was added");
        let tools = if tools.is_empty() { Value::Null } else { tools.into() };
        let mut context = more.clone();
        context.extend([
            ("messages".to_owned(), messages.into()),
            ("tools".to_owned(), tools),
            ("add_generation_prompt".to_owned(), true.into()),
            ("bos_token".to_owned(), self.beginning.as_str().into()),
            ("eos_token".to_owned(), self.end.as_str().into()),
        ]);
        template.render(Serde(context)).map_err(|error| {
            let why = error.detail().map_or_else(|| error.to_string(), str::to_owned);
            Error::Refused(format!("The model's chat template does not take these messages: {why}"))
        })
    }
}

/// What templates call when messages come in an order that their model was not made for.
fn raise(message: String) -> Result<String, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

/// The messages of a request in the form that templates expect: content is text, arguments are objects.
pub(crate) fn messages(asked: &[Value]) -> Result<Vec<Value>, Error> {
    if asked.is_empty() {
        return Err(Error::Refused("messages must not be empty".to_owned()));
    }
    asked.iter().enumerate().map(|(index, message)| normal(index, message)).collect()
}

fn normal(index: usize, message: &Value) -> Result<Value, Error> {
    let refuse = |what: &str| Error::Refused(format!("messages[{index}]{what}"));
    let Value::Object(message) = message else { return Err(refuse(" must be an object")) };
    let mut message = message.clone();
    let role = match message.get("role").and_then(Value::as_str) {
        // What OpenAI calls the system now.
        Some("developer") => "system".to_owned(),
        Some(role @ ("system" | "user" | "assistant" | "tool")) => role.to_owned(),
        _ => return Err(refuse(".role must be system, developer, user, assistant or tool")),
    };
    message.insert("role".to_owned(), role.into());
    let content = match message.remove("content") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => {
            let text = |part: &Value| part["text"].as_str().map(str::to_owned);
            let parts: Option<Vec<String>> = parts.iter().map(text).collect();
            parts.ok_or_else(|| refuse(".content: this model reads text only"))?.concat()
        }
        Some(_) => return Err(refuse(".content must be text or an array of parts")),
    };
    message.insert("content".to_owned(), content.into());
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    for call in calls.into_iter().flatten() {
        let arguments = call.pointer_mut("/function/arguments");
        if let Some(arguments) = arguments
            && let Some(text) = arguments.as_str()
        {
            *arguments =
                serde_json::from_str(text).map_err(|_| refuse(".tool_calls: arguments are no JSON"))?;
        }
    }
    Ok(Value::Object(message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(source: Option<&str>, asked: &Value, tools: &[Value]) -> Result<String, Error> {
        let template = Template::new(source.map(str::to_owned), "<s>".to_owned(), "</s>".to_owned()).unwrap();
        template.render(&messages(asked.as_array().unwrap())?, tools, &Map::new())
    }

    #[test]
    fn messages_take_the_form_that_templates_expect() {
        let asked = json!([
            { "role": "developer", "content": "Be short." },
            { "role": "user", "content": [{ "type": "text", "text": "Hi" }, { "type": "text", "text": "!" }] },
            { "role": "assistant", "content": null },
        ]);
        assert_eq!(
            render(None, &asked, &[]).unwrap(),
            "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n\
             <|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn python_habits_of_templates_work() {
        let source = "{{ bos_token }}{%- for m in messages %}\n{% set c = m['content'].strip().split('x')[-1] %}\
                      {{ m.role.upper() + ':' + c.lstrip('\\n') }}{% endfor %}\
                      {% if tools is not none %}{{ tools | tojson }}{% endif %}{{ eos_token }}";
        let tools = [json!({ "type": "function" })];
        let asked = json!([{ "role": "user", "content": " axb " }]);
        assert_eq!(render(Some(source), &asked, &tools).unwrap(), "<s>USER:b[{\"type\": \"function\"}]</s>");
        assert_eq!(render(Some(source), &asked, &[]).unwrap(), "<s>USER:b</s>");
    }

    #[test]
    fn what_a_template_refuses_is_refused_in_its_words() {
        let source = "{{ raise_exception('roles must alternate') }}";
        let error = render(Some(source), &json!([{ "role": "user", "content": "" }]), &[]).unwrap_err();
        assert!(error.to_string().ends_with("roles must alternate"), "{error}");
        for asked in [
            json!([]),
            json!(["hi"]),
            json!([{ "role": "robot", "content": "" }]),
            json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }]),
            json!([{ "role": "user", "content": 7 }]),
        ] {
            assert!(matches!(render(None, &asked, &[]), Err(Error::Refused(_))), "{asked}");
        }
    }
}
