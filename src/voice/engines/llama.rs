//! Chat by llama.cpp: what the model says, in the form of the protocol.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use voice_llama::{Answer, Call, Delta, Error, Llama as Model, Question, Settings};

use super::{Asked, Fault, Loaded, Ordered, Piece, Taker, Work, together};

pub(super) struct Llama {
    name: String,
    model: Model,
}

impl Llama {
    pub fn open(ordered: &Ordered, threads: usize) -> anyhow::Result<Self> {
        let together = ordered.concurrency.unwrap_or_else(|| together(ordered.engine));
        let settings = Settings { threads, together, context: ordered.context };
        Ok(Self { name: ordered.name.clone(), model: Model::open(&ordered.path, settings)? })
    }
}

/// How the answer is wanted.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl Loaded for Llama {
    fn work(&self, work: Work, taker: &Taker) -> Result<f64, Fault> {
        let Work::Chat(asked) = work else { return Err(super::other_task(&self.name)) };
        let refused = |error: serde_json::Error| Fault::Refused { code: None, message: error.to_string() };
        let form: Form = serde_json::from_slice(&asked.body).map_err(refused)?;
        let question = Question::read(&asked.body).map_err(|error| fault(&error))?;
        let tokens = if form.stream == Some(true) {
            let usage = form.stream_options.is_some_and(|options| options.include_usage);
            self.stream(&Voiced { asked: &asked, name: &self.name, usage }, question, taker)?
        } else {
            self.whole(&asked, question, taker)?
        };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 tokens")]
        let tokens = tokens as f64;
        Ok(tokens)
    }
}

impl Llama {
    fn whole(&self, asked: &Asked, question: Question, taker: &Taker) -> Result<usize, Fault> {
        let (mut text, mut calls) = (String::new(), Vec::new());
        let answer = self.model.chat(question, taker.watch(), |delta| {
            match delta {
                Delta::Text(more) => text.push_str(&more),
                Delta::Calls(found) => calls = found,
            }
            true
        });
        let answer = answer.map_err(|error| fault(&error))?;
        let content = if text.is_empty() && !calls.is_empty() { Value::Null } else { text.into() };
        let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
        if !calls.is_empty() {
            message["tool_calls"] =
                calls.iter().enumerate().map(|(index, it)| call(&asked.id, index, it)).collect();
        }
        let body = json!({
            "id": asked.id,
            "object": "chat.completion",
            "created": asked.created,
            "model": self.name,
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": answer.ending.word() }],
            "usage": usage(&answer),
        });
        // Nobody may want it any more.
        let _ = taker.give(Piece::Bytes(body.to_string().into()));
        Ok(answer.usage.completion_tokens)
    }

    fn stream(&self, voiced: &Voiced<'_>, question: Question, taker: &Taker) -> Result<usize, Fault> {
        let give = |bytes: Bytes| taker.give(Piece::Bytes(bytes)).is_ok();
        let mut has_begun = false;
        let answer = self.model.chat(question, taker.watch(), |delta| {
            let mut delta = match delta {
                Delta::Text(text) => json!({ "content": text }),
                Delta::Calls(calls) => json!({ "tool_calls": numbered(&voiced.asked.id, &calls) }),
            };
            if !has_begun {
                delta["role"] = "assistant".into();
            }
            has_begun = true;
            give(voiced.chunk(&delta, None))
        });
        let answer = answer.map_err(|error| fault(&error))?;
        let delta = if has_begun { json!({}) } else { json!({ "role": "assistant", "content": "" }) };
        let mut rest = voiced.chunk(&delta, Some(answer.ending.word())).to_vec();
        if voiced.usage {
            rest.extend_from_slice(&voiced.last(&answer));
        }
        rest.extend_from_slice(b"data: [DONE]\n\n");
        give(rest.into());
        Ok(answer.usage.completion_tokens)
    }
}

/// What every chunk of one streamed answer says.
struct Voiced<'a> {
    asked: &'a Asked,
    name: &'a str,
    usage: bool,
}

impl Voiced<'_> {
    fn event(&self, choices: &Value, usage: Option<Value>) -> Bytes {
        let mut chunk = json!({
            "id": self.asked.id,
            "object": "chat.completion.chunk",
            "created": self.asked.created,
            "model": self.name,
            "choices": choices,
        });
        if self.usage {
            chunk["usage"] = usage.into();
        }
        crate::voice::events::event(&chunk)
    }

    fn chunk(&self, delta: &Value, ending: Option<&str>) -> Bytes {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": ending });
        self.event(&json!([choice]), None)
    }

    fn last(&self, answer: &Answer) -> Bytes {
        self.event(&json!([]), Some(usage(answer)))
    }
}

fn usage(answer: &Answer) -> Value {
    let (prompt, completion) = (answer.usage.prompt_tokens, answer.usage.completion_tokens);
    json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
}

fn call(id: &str, index: usize, call: &Call) -> Value {
    let id = format!("call_{}{index}", id.trim_start_matches("chatcmpl-"));
    json!({ "id": id, "type": "function", "function": call })
}

/// Calls in a stream say which one they are.
fn numbered(id: &str, calls: &[Call]) -> Value {
    let numbered = |(index, it): (usize, &Call)| {
        let mut call = call(id, index, it);
        call["index"] = index.into();
        call
    };
    calls.iter().enumerate().map(numbered).collect()
}

fn fault(error: &Error) -> Fault {
    let message = error.to_string();
    match error {
        Error::Refused(_) => Fault::Refused { code: None, message },
        Error::ContextTooLong { .. } => {
            Fault::Refused { code: Some("context_length_exceeded".to_owned()), message }
        }
        Error::Failed(_) => Fault::Failed { message },
    }
}
