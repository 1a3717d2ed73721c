//! Chat through an upstream: the caller's object with another `model`, and the answer's bytes as they come.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use hyper::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::super::{Answer, Chat, Fault, Question};
use super::Model;
use super::relay::Form;
use super::request::Call;

/// The longest answer that is taken in one piece.
const WHOLE: usize = 32 * 1024 * 1024;

#[async_trait]
impl Chat for Model {
    async fn chat(&self, question: Question) -> Result<Answer, Fault> {
        let form = if question.streamed { Form::Events } else { Form::Json };
        let accept = if question.streamed { "text/event-stream" } else { "application/json" };
        let json = HeaderValue::from_static("application/json");
        let call = Call::post("/chat/completions", json, accept, self.named(&question.body)?);
        let mut relay = self.ask(&call, form).await?;
        let headers = relayed(&relay.headers);
        if question.streamed {
            return Ok(Answer { headers, bytes: relay.boxed() });
        }
        let whole = relay.whole(WHOLE).await?;
        if serde_json::from_slice::<Completion>(&whole).is_err() {
            return Err(relay.nonsense("the upstream's answer is no completion"));
        }
        Ok(Answer { headers, bytes: stream::once(future::ready(Ok(whole))).boxed() })
    }
}

/// As much of a completion as tells it from nonsense.
#[derive(Deserialize)]
struct Completion {
    #[serde(rename = "choices")]
    _choices: Vec<IgnoredAny>,
}

impl Model {
    /// The object `body` with the upstream's name of the model as its first member.
    fn named(&self, body: &Bytes) -> Result<Vec<Bytes>, Fault> {
        let open = body.iter().position(|byte| !byte.is_ascii_whitespace());
        let Some(open) = open.filter(|open| body[*open] == b'{') else {
            return Err(Fault::Refused { code: None, message: "the request is no JSON object".to_owned() });
        };
        let rest = body.slice(open + 1..);
        let is_empty = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
        let name = Value::from(self.0.settings.model.as_str());
        let comma = if is_empty { "" } else { "," };
        Ok(vec![Bytes::from(format!("{{\"model\":{name}{comma}")), rest])
    }
}

/// The headers that callers may see. Those of our own limits (`x-ratelimit-limit` and its two sisters) are not theirs.
fn relayed(headers: &HeaderMap) -> Vec<(String, String)> {
    let wanted = |name: &str| {
        let limit = name.strip_prefix("x-ratelimit-").is_some_and(|rest| rest.contains('-'));
        limit || matches!(name, "x-request-id" | "openai-processing-ms" | "openai-version")
    };
    headers
        .iter()
        .filter(|(name, _)| wanted(name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}
