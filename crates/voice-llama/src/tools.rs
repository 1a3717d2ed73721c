//! Tools: shown to the model by its template, or in words where the template knows none; found again in what it says.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Error;

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// A function that the model wants to be called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Call {
    pub name: String,
    /// A JSON object, as text.
    pub arguments: String,
}

/// What the request says about calling.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Choice {
    /// No tools, or none to be used.
    None,
    /// The model decides.
    Auto(Vec<Value>),
    /// One of these has to be called.
    Forced(Vec<Value>),
}

impl Choice {
    pub fn read(tools: Option<Vec<Value>>, choice: Option<&Value>) -> Result<Self, Error> {
        let tools = tools.unwrap_or_default();
        if let Some(wrong) = tools.iter().position(|tool| name(tool).is_none()) {
            return Err(Error::Refused(format!("tools[{wrong}] must be a function with a name")));
        }
        match choice {
            _ if tools.is_empty() => Ok(Self::None),
            None => Ok(Self::Auto(tools)),
            Some(Value::String(word)) => match word.as_str() {
                "none" => Ok(Self::None),
                "auto" => Ok(Self::Auto(tools)),
                "required" => Ok(Self::Forced(tools)),
                _ => Err(Error::Refused("tool_choice must be none, auto, required or a function".to_owned())),
            },
            Some(wanted) => {
                let wanted = name(wanted);
                let tool = tools.into_iter().find(|tool| wanted.is_some() && name(tool) == wanted);
                let tool =
                    tool.ok_or_else(|| Error::Refused("tool_choice names none of the tools".to_owned()))?;
                Ok(Self::Forced(vec![tool]))
            }
        }
    }

    pub fn tools(&self) -> &[Value] {
        match self {
            Self::None => &[],
            Self::Auto(tools) | Self::Forced(tools) => tools,
        }
    }

    /// What the whole answer must look like, where one has to be called.
    pub fn schema(&self) -> Option<Value> {
        let Self::Forced(tools) = self else { return None };
        let call = |tool: &Value| {
            let function = &tool["function"];
            let arguments = match &function["parameters"] {
                parameters @ Value::Object(_) => parameters.clone(),
                _ => json!({ "type": "object" }),
            };
            json!({
                "type": "object",
                "properties": { "name": { "const": function["name"] }, "arguments": arguments },
                "required": ["name", "arguments"],
                "additionalProperties": false,
            })
        };
        let calls: Vec<Value> = tools.iter().map(call).collect();
        Some(json!({ "anyOf": calls }))
    }
}

fn name(tool: &Value) -> Option<&str> {
    tool["function"]["name"].as_str()
}

/// Says in words what a template without tools cannot say.
pub(crate) fn tell(tools: &[Value], messages: &mut Vec<Value>) {
    for message in messages.iter_mut() {
        let calls: Vec<Value> = message["tool_calls"].as_array().cloned().unwrap_or_default();
        let said = calls.iter().map(|call| {
            let call =
                json!({ "name": call["function"]["name"], "arguments": call["function"]["arguments"] });
            format!("{OPEN}\n{call}\n{CLOSE}")
        });
        let said: String = said.collect();
        if !said.is_empty() {
            let content = message["content"].as_str().unwrap_or_default();
            message["content"] = format!("{content}{said}").into();
        }
    }
    if tools.is_empty() {
        return;
    }
    let mut told = format!(
        "You can call functions. To call one, answer with nothing but\n{OPEN}\n{{\"name\": \"its name\", \"arguments\": \
         {{its arguments}}}}\n{CLOSE}\nThere are these functions:"
    );
    for tool in tools {
        told.push('\n');
        told.push_str(&tool["function"].to_string());
    }
    match messages.first_mut() {
        Some(first) if first["role"] == "system" => {
            let content = first["content"].as_str().unwrap_or_default();
            first["content"] = format!("{content}\n\n{told}").into();
        }
        _ => messages.insert(0, json!({ "role": "system", "content": told })),
    }
}

/// Separates what is said from what is called, while it is coming.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    said: String,
    shown: usize,
}

impl Listener {
    /// What can be shown now that `text` has come: nothing that is, or may become, a call.
    pub fn push(&mut self, text: &str) -> String {
        self.said.push_str(text);
        let end = match self.said.find(OPEN) {
            Some(at) => at,
            None if self.said.trim_start().starts_with('{') => self.shown,
            None => self.said.len() - beginning_of_open(&self.said),
        };
        let end = end.max(self.shown);
        let shown = self.said[self.shown..end].to_owned();
        self.shown = end;
        shown
    }

    /// The calls, and what turned out to be none.
    pub fn finish(self) -> (Vec<Call>, String) {
        let rest = &self.said[self.shown..];
        let calls = calls(rest);
        let text = if calls.is_empty() { rest.to_owned() } else { String::new() };
        (calls, text)
    }
}

fn beginning_of_open(text: &str) -> usize {
    (1..OPEN.len()).rev().find(|length| text.ends_with(&OPEN[..*length])).unwrap_or(0)
}

/// The calls in what a model said: each between its tags, or one object alone.
pub(crate) fn calls(said: &str) -> Vec<Call> {
    if !said.contains(OPEN) {
        return call(said).into_iter().collect();
    }
    let between = said.split(OPEN).skip(1).map(|rest| rest.split(CLOSE).next().unwrap_or(rest));
    between.filter_map(call).collect()
}

fn call(said: &str) -> Option<Call> {
    #[derive(Deserialize)]
    struct Said {
        name: String,
        #[serde(alias = "parameters")]
        arguments: Map<String, Value>,
    }
    let said: Said = serde_json::from_str(said.trim()).ok()?;
    Some(Call { name: said.name, arguments: Value::Object(said.arguments).to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather() -> Value {
        json!({ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } })
    }

    fn hear(said: &str, size: usize) -> (String, Vec<Call>) {
        let mut listener = Listener::default();
        let letters: Vec<char> = said.chars().collect();
        let mut shown: String =
            letters.chunks(size).map(|piece| listener.push(&piece.iter().collect::<String>())).collect();
        let (calls, rest) = listener.finish();
        shown.push_str(&rest);
        (shown, calls)
    }

    #[test]
    fn calls_are_found_and_not_shown() {
        let call = Call { name: "weather".to_owned(), arguments: "{\"city\":\"Bern\"}".to_owned() };
        for size in 1..20 {
            let said = "Let me look.<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Bern\"}}\n</tool_call>";
            assert_eq!(hear(said, size), ("Let me look.".to_owned(), vec![call.clone()]));
            let said = "{\"name\": \"weather\", \"parameters\": {\"city\": \"Bern\"}}";
            assert_eq!(hear(said, size), (String::new(), vec![call.clone()]));
            for said in ["a <tool b> <", "{\"name\": 7}", "<tool_call>nonsense", "plain"] {
                assert_eq!(hear(said, size), (said.to_owned(), Vec::new()));
            }
        }
    }

    #[test]
    fn choices_mean_what_the_protocol_says() {
        let read = |choice: Value| Choice::read(Some(vec![weather()]), Some(&choice));
        assert_eq!(read(json!("none")).unwrap(), Choice::None);
        assert_eq!(Choice::read(Some(vec![weather()]), None).unwrap(), Choice::Auto(vec![weather()]));
        assert_eq!(Choice::read(None, Some(&json!("required"))).unwrap(), Choice::None);
        let forced = read(json!({ "type": "function", "function": { "name": "weather" } })).unwrap();
        assert_eq!(forced.schema().unwrap()["anyOf"][0]["properties"]["name"]["const"], "weather");
        assert!(read(json!({ "function": { "name": "other" } })).is_err());
        assert!(read(json!("perhaps")).is_err());
        assert!(Choice::read(Some(vec![json!({})]), None).is_err());
    }

    #[test]
    fn tools_are_told_in_words() {
        let call = json!({ "function": { "name": "weather", "arguments": { "city": "Bern" } } });
        let mut messages = vec![
            json!({ "role": "user", "content": "Rain?" }),
            json!({ "role": "assistant", "content": "", "tool_calls": [call] }),
        ];
        tell(&[weather()], &mut messages);
        assert!(messages[0]["content"].as_str().unwrap().contains("\"weather\""), "{}", messages[0]);
        assert_eq!(calls(messages[2]["content"].as_str().unwrap())[0].name, "weather");
    }
}
