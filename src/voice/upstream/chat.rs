//! Chat through an upstream: the caller's object with another `model`, and the answer's bytes as they come.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hyper::header::{HeaderMap, HeaderValue};

use super::super::{Answer, Chat, Fault, Question};
use super::Model;
use super::request::Call;

/// The longest answer that is taken in one piece.
const WHOLE: usize = 32 * 1024 * 1024;

#[async_trait]
impl Chat for Model {
    async fn chat(&self, question: Question) -> Result<Answer, Fault> {
        let accept = if question.streamed { "text/event-stream" } else { "application/json" };
        let body = self.named(&question.body)?;
        let json = HeaderValue::from_static("application/json");
        let answered = self.ask(&Call::post("/chat/completions", json, accept, body)).await?;
        let headers = relayed(&answered.headers);
        let model = self.clone();
        if !question.streamed {
            let whole = answered.body.whole(WHOLE).await.map_err(|why| self.broken_off(&why))?;
            return Ok(Answer { headers, bytes: stream::once(async { Ok(whole) }).boxed() });
        }
        let bytes = answered.body.map(move |chunk| chunk.map_err(|why| model.broken_off(&why))).boxed();
        Ok(Answer { headers, bytes })
    }
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
        let name = serde_json::Value::from(self.0.settings.model.as_str());
        let head = if is_empty { format!("{{\"model\":{name}") } else { format!("{{\"model\":{name},") };
        Ok(vec![Bytes::from(head), rest])
    }
}

/// The headers that callers may see.
fn relayed(headers: &HeaderMap) -> Vec<(String, String)> {
    let wanted = |name: &str| {
        matches!(name, "x-request-id" | "openai-processing-ms" | "openai-version")
            || (name.starts_with("x-ratelimit-") && name.matches('-').count() > 2)
    };
    headers
        .iter()
        .filter(|(name, _)| wanted(name.as_str()))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}
