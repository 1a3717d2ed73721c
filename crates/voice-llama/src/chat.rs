//! A chat request, from the members of the protocol to the text and the calls of its answer.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::options::{self, Options};
use crate::stops::Stops;
use crate::template::messages;
use crate::tools::{self, Call, Choice, Listener};
use crate::{Error, Llama, Usage};

/// A request in the form of the `OpenAI` protocol, understood.
pub struct Question {
    messages: Vec<Value>,
    choice: Choice,
    options: options::Asked,
    template: Map<String, Value>,
}

#[derive(Deserialize)]
struct Body {
    messages: Vec<Value>,
    #[serde(default)]
    tools: Option<Vec<Value>>,
    #[serde(default)]
    tool_choice: Option<Value>,
    /// What is handed to the template, such as `enable_thinking`.
    #[serde(default)]
    chat_template_kwargs: Map<String, Value>,
    #[serde(flatten)]
    options: options::Asked,
}

/// A part of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delta {
    Text(String),
    Calls(Vec<Call>),
}

/// Why an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Stop,
    Length,
    ToolCalls,
}

impl Ending {
    /// In the protocol's words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// How an answer ended, and what it cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    pub ending: Ending,
    pub usage: Usage,
}

impl Question {
    /// Reads the JSON object of a request.
    pub fn read(body: &[u8]) -> Result<Self, Error> {
        let body: Body = serde_json::from_slice(body).map_err(|error| Error::Refused(error.to_string()))?;
        Ok(Self {
            messages: messages(&body.messages)?,
            choice: Choice::read(body.tools, body.tool_choice.as_ref())?,
            options: body.options,
            template: body.chat_template_kwargs,
        })
    }
}

impl Llama {
    /// Answers `question`; `delta` gets the answer as it comes, and may stop it (false).
    pub fn chat(
        &self,
        question: Question,
        is_gone: impl Fn() -> bool + Send + 'static,
        mut delta: impl FnMut(Delta) -> bool,
    ) -> Result<Answer, Error> {
        let Question { mut messages, choice, options, template } = question;
        let mut options = Options::read(options, &Options::usual(self.weights()))?;
        if let Some(schema) = choice.schema() {
            options.schema = Some(schema);
        }
        if !self.template.takes_tools {
            tools::tell(choice.tools(), &mut messages);
        }
        let prompt = self.prompt(&self.template.render(&messages, choice.tools(), &template)?)?;
        let mut stops = Stops::new(std::mem::take(&mut options.stop));
        let mut saying = Saying::new(&choice);
        let (is_end, usage) = self.generate(&prompt, &options, is_gone, |_, piece| {
            let text = saying.push(&stops.push(piece));
            (text.is_empty() || delta(Delta::Text(text))) && !stops.is_stopped
        })?;
        let is_stopped = stops.is_stopped;
        let shown = saying.push(&stops.finish());
        let (calls, rest) = saying.finish();
        let text = shown + &rest;
        if !text.is_empty() {
            delta(Delta::Text(text));
        }
        let ending = match (calls.is_empty(), is_end || is_stopped) {
            (false, _) => Ending::ToolCalls,
            (true, true) => Ending::Stop,
            (true, false) => Ending::Length,
        };
        if !calls.is_empty() {
            delta(Delta::Calls(calls));
        }
        Ok(Answer { ending, usage })
    }
}

/// What becomes of the text: shown, or listened to for calls.
enum Saying {
    Plain,
    WithCalls(Listener),
    /// All of it is one call.
    Call(String),
}

impl Saying {
    fn new(choice: &Choice) -> Self {
        match choice {
            Choice::None => Self::Plain,
            Choice::Auto(_) => Self::WithCalls(Listener::default()),
            Choice::Forced(_) => Self::Call(String::new()),
        }
    }

    fn push(&mut self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::WithCalls(listener) => listener.push(text),
            Self::Call(said) => {
                said.push_str(text);
                String::new()
            }
        }
    }

    fn finish(self) -> (Vec<Call>, String) {
        match self {
            Self::Plain => (Vec::new(), String::new()),
            Self::WithCalls(listener) => listener.finish(),
            Self::Call(said) => (tools::calls(&said), String::new()),
        }
    }
}
