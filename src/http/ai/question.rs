//! A request for chat, checked as far as every model agrees: who speaks, and the types of the usual options. All the rest
//! is between the caller and the model, and passed on as it came.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::Fields;
use crate::error::{Error, Result};
use crate::voice::Question;

/// What was asked, and how the answer is wanted.
pub struct Asked {
    pub model: Option<String>,
    pub question: Question,
    /// Whether the caller wants to see what a streamed answer used.
    pub wants_usage: bool,
}

/// The form of an option.
enum Form {
    Flag,
    Text,
    List,
    Object,
    TextOrList,
    TextOrObject,
    Whole(i64, i64),
    Number(f64, f64),
}

const ANY: i64 = i64::MAX;

/// The options that every server of the protocol understands the same way.
const OPTIONS: &[(&str, Form)] = &[
    ("model", Form::Text),
    ("stream", Form::Flag),
    ("stream_options", Form::Object),
    ("temperature", Form::Number(0.0, 2.0)),
    ("top_p", Form::Number(0.0, 1.0)),
    ("presence_penalty", Form::Number(-2.0, 2.0)),
    ("frequency_penalty", Form::Number(-2.0, 2.0)),
    ("max_tokens", Form::Whole(1, ANY)),
    ("max_completion_tokens", Form::Whole(1, ANY)),
    ("n", Form::Whole(1, 128)),
    ("seed", Form::Whole(-ANY, ANY)),
    ("logprobs", Form::Flag),
    ("top_logprobs", Form::Whole(0, 20)),
    ("logit_bias", Form::Object),
    ("stop", Form::TextOrList),
    ("tools", Form::List),
    ("tool_choice", Form::TextOrObject),
    ("parallel_tool_calls", Form::Flag),
    ("response_format", Form::Object),
    ("user", Form::Text),
];

impl Form {
    /// Whether a JSON text has this form.
    fn fits(&self, text: &str) -> bool {
        let begins = |with: &[u8]| text.as_bytes().first().is_some_and(|first| with.contains(first));
        match *self {
            Self::Flag => begins(b"tf"),
            Self::Text => begins(b"\""),
            Self::List => begins(b"["),
            Self::Object => begins(b"{"),
            Self::TextOrList => begins(b"\"["),
            Self::TextOrObject => begins(b"\"{"),
            Self::Whole(least, most) => {
                text.parse().is_ok_and(|number: i64| (least..=most).contains(&number))
            }
            Self::Number(least, most) => {
                begins(b"-0123456789")
                    && text.parse().is_ok_and(|number: f64| (least..=most).contains(&number))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Text => "a string".to_owned(),
            Self::List => "an array".to_owned(),
            Self::Object => "an object".to_owned(),
            Self::TextOrList => "a string or an array of strings".to_owned(),
            Self::TextOrObject => "a string or an object".to_owned(),
            Self::Whole(least, ANY) if *least < 0 => "a whole number".to_owned(),
            Self::Whole(least, ANY) => format!("a whole number, at least {least}"),
            Self::Whole(least, most) => format!("a whole number between {least} and {most}"),
            Self::Number(least, most) => format!("a number between {least} and {most}"),
        }
    }
}

/// Reads the body of a request.
pub fn read(body: &[u8]) -> Result<Asked> {
    let mut fields: Fields<'_> = serde_json::from_slice(body).map_err(|error| no_object(&error))?;
    for (name, form) in OPTIONS {
        if fields.get(name).is_some_and(|text| !form.fits(text)) {
            return Err(Error::field(name, "type", format!("{name} must be {}", form.words())));
        }
    }
    check_messages(fields.get("messages"))?;
    check_format(fields.get("response_format"))?;
    let model = fields.get("model").and_then(|text| serde_json::from_str(text).ok());
    let streamed = fields.get("stream") == Some("true");
    let mut options = stream_options(&fields, streamed)?;
    let wants_usage = options.get("include_usage") == Some("true");
    fields.remove("model");
    // What a stream used is always asked for: it is counted, also when the caller does not want to see it.
    options.set("include_usage", "true");
    let options = options.text();
    if streamed {
        fields.set("stream_options", &options);
    }
    Ok(Asked { model, question: Question { body: Bytes::from(fields.text()), streamed }, wants_usage })
}

fn no_object(error: &serde_json::Error) -> Error {
    if error.is_data() {
        return Error::field("", "type", "The body must be a JSON object");
    }
    Error::field("", "json", format!("The body is not valid JSON: {error}"))
}

/// `stream_options` as an object, empty where there is none.
fn stream_options<'a>(fields: &Fields<'a>, streamed: bool) -> Result<Fields<'a>> {
    let given = fields.get("stream_options");
    if given.is_some() && !streamed {
        return Err(Error::field(
            "stream_options",
            "value",
            "stream_options is only allowed when stream is true",
        ));
    }
    let options: Fields<'a> =
        serde_json::from_str(given.unwrap_or("{}")).map_err(|error| no_object(&error))?;
    let flag = options.get("include_usage");
    if flag.is_some_and(|text| !Form::Flag.fits(text)) {
        let message = "stream_options.include_usage must be true or false";
        return Err(Error::field("stream_options.include_usage", "type", message));
    }
    Ok(options)
}

/// What of a message every model needs.
#[derive(Deserialize)]
struct Spoken<'a> {
    #[serde(borrow, default)]
    role: Option<&'a RawValue>,
}

fn check_messages(messages: Option<&str>) -> Result<()> {
    let missing = || Error::field("messages", "missing", "messages is required");
    let text = messages.ok_or_else(missing)?;
    let messages: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|_| Error::field("messages", "type", "messages must be an array of objects"))?;
    if messages.is_empty() {
        return Err(Error::field("messages", "value", "messages must have at least one message"));
    }
    for (place, message) in messages.iter().enumerate() {
        let spoken: Option<Spoken<'_>> = serde_json::from_str(message.get()).ok();
        let spoken = spoken.filter(|_| Form::Object.fits(message.get()));
        let field = format!("messages[{place}]");
        let Some(spoken) = spoken else {
            return Err(Error::field(&field, "type", format!("{field} must be an object")));
        };
        let role = spoken.role.map(RawValue::get);
        if role.is_none_or(|role| !Form::Text.fits(role) || role == "\"\"") {
            let message = format!("{field}.role must be a string such as user, assistant or system");
            return Err(Error::field(&format!("{field}.role"), "missing", message));
        }
    }
    Ok(())
}

/// A wish for JSON that names no schema can be kept by no model.
fn check_format(format: Option<&str>) -> Result<()> {
    let Some(format) = format else { return Ok(()) };
    let refused = |field: &str, message: &str| Err(Error::field(field, "value", message));
    let fields: Fields<'_> = serde_json::from_str(format).map_err(|error| no_object(&error))?;
    match fields.get("type") {
        Some("\"json_schema\"") => {}
        Some(kind) if Form::Text.fits(kind) => return Ok(()),
        _ => {
            return refused(
                "response_format.type",
                "response_format.type must be text, json_object or json_schema",
            );
        }
    }
    let named: Option<Fields<'_>> =
        fields.get("json_schema").and_then(|text| serde_json::from_str(text).ok());
    let Some(named) = named else {
        return refused("response_format.json_schema", "response_format.json_schema must be an object");
    };
    if !named.get("name").is_some_and(|name| Form::Text.fits(name)) {
        return refused(
            "response_format.json_schema.name",
            "response_format.json_schema.name must be a string",
        );
    }
    if named.get("schema").is_some_and(|schema| !Form::Object.fits(schema)) {
        return refused(
            "response_format.json_schema.schema",
            "response_format.json_schema.schema must be an object",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> (Option<String>, String, bool) {
        let asked = read(text.as_bytes()).unwrap();
        (asked.model, String::from_utf8(asked.question.body.to_vec()).unwrap(), asked.wants_usage)
    }

    #[test]
    fn everything_but_the_model_is_passed_on_as_it_came() {
        let (model, text, wants_usage) = body(
            r#"{"model":"m","messages":[{"role":"user","content":"a  b","x":1.0}],"top_k":5,"seed":null}"#,
        );
        assert_eq!((model.as_deref(), wants_usage), (Some("m"), false));
        assert_eq!(text, r#"{"messages":[{"role":"user","content":"a  b","x":1.0}],"top_k":5,"seed":null}"#);
    }

    #[test]
    fn what_a_stream_used_is_always_asked_for() {
        let messages = r#""messages":[{"role":"user","content":"a"}]"#;
        let (_, text, wants_usage) = body(&format!(r#"{{{messages},"stream":true}}"#));
        assert_eq!(
            text,
            format!(r#"{{{messages},"stream":true,"stream_options":{{"include_usage":true}}}}"#)
        );
        assert!(!wants_usage);
        let options = r#"{"x":1,"include_usage":true}"#;
        let (_, text, wants_usage) =
            body(&format!(r#"{{"stream":true,"stream_options":{options},{messages}}}"#));
        assert_eq!(text, format!(r#"{{"stream":true,"stream_options":{options},{messages}}}"#));
        assert!(wants_usage);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let one = r#""messages":[{"role":"user","content":"a"}]"#;
        for (text, said) in [
            ("{".to_owned(), "not valid JSON"),
            ("[]".to_owned(), "must be a JSON object"),
            ("{}".to_owned(), "messages is required"),
            (r#"{"messages":null}"#.to_owned(), "messages is required"),
            (r#"{"messages":{}}"#.to_owned(), "must be an array"),
            (r#"{"messages":[]}"#.to_owned(), "at least one"),
            (r#"{"messages":["a"]}"#.to_owned(), "messages[0] must be an object"),
            (r#"{"messages":[["user"]]}"#.to_owned(), "messages[0] must be an object"),
            (r#"{"messages":[{"role":"user"},{"content":"a"}]}"#.to_owned(), "messages[1].role"),
            (r#"{"messages":[{"role":5}]}"#.to_owned(), "messages[0].role"),
            (format!(r#"{{{one},"model":5}}"#), "model must be a string"),
            (format!(r#"{{{one},"stream":"yes"}}"#), "stream must be true or false"),
            (format!(r#"{{{one},"temperature":"hot"}}"#), "temperature must be a number"),
            (format!(r#"{{{one},"temperature":2.1}}"#), "between 0 and 2"),
            (format!(r#"{{{one},"max_tokens":0}}"#), "max_tokens must be a whole number, at least 1"),
            (format!(r#"{{{one},"max_tokens":1.5}}"#), "max_tokens must be a whole number"),
            (format!(r#"{{{one},"n":0}}"#), "n must be"),
            (format!(r#"{{{one},"stop":5}}"#), "stop must be"),
            (format!(r#"{{{one},"tools":{{}}}}"#), "tools must be an array"),
            (format!(r#"{{{one},"stream_options":{{}}}}"#), "only allowed when stream"),
            (
                format!(r#"{{{one},"stream":true,"stream_options":{{"include_usage":1}}}}"#),
                "include_usage must be",
            ),
            (format!(r#"{{{one},"response_format":{{}}}}"#), "response_format.type"),
            (
                format!(r#"{{{one},"response_format":{{"type":"json_schema"}}}}"#),
                "json_schema must be an object",
            ),
            (
                format!(
                    r#"{{{one},"response_format":{{"type":"json_schema","json_schema":{{"name":"a","schema":5}}}}}}"#
                ),
                "schema must be an object",
            ),
        ] {
            let Err(error) = read(text.as_bytes()) else { panic!("accepted: {text}") };
            assert!(error.to_string().contains(said), "{text}: {error}");
        }
    }
}
