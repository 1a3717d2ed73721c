//! What upstreams write into the bodies of their errors, in the dialects there are, and the sentences that callers
//! read: they hold no address and no key.

use hyper::StatusCode;
use serde_json::Value;

use super::super::Fault;
use super::Model;
use super::lease::Lease;

/// The longest sentence that is passed on, in characters.
const SENTENCE: usize = 600;

/// The code of the protocol for what does not fit into a model.
const TOO_LONG: &str = "context_length_exceeded";

/// Words that vLLM, `SGLang`, llama.cpp, llama-cpp-python and others say it with.
const ABOUT_LENGTH: [&str; 6] = [
    "context length",
    "context window",
    "context size",
    "exceed_context_size",
    "maximum model length",
    "maximum context",
];

/// Words of codes and types, in small letters alone, and the status that goes with them. The protocol calls nearly
/// everything an invalid request, so that comes last.
const STATUSES: [(&str, StatusCode); 9] = [
    ("ratelimit", StatusCode::TOO_MANY_REQUESTS),
    ("insufficientquota", StatusCode::TOO_MANY_REQUESTS),
    ("authentication", StatusCode::UNAUTHORIZED),
    ("apikey", StatusCode::UNAUTHORIZED),
    ("permission", StatusCode::FORBIDDEN),
    ("notfound", StatusCode::NOT_FOUND),
    ("invalidrequest", StatusCode::BAD_REQUEST),
    ("badrequest", StatusCode::BAD_REQUEST),
    ("unprocessable", StatusCode::BAD_REQUEST),
];

/// An error, as far as it could be read.
#[derive(Default, Debug)]
pub(super) struct Said {
    pub message: Option<String>,
    pub code: Option<String>,
    kind: Option<String>,
    /// A code that is a status, as most servers of models of one's own write it.
    status: Option<StatusCode>,
}

impl Said {
    /// Reads `{"error": {..}}`, `{"error": ".."}`, `{"message": ..}` and `{"detail": ..}`; other bodies say nothing.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).map(|body| Self::of(&body)).unwrap_or_default()
    }

    pub fn of(body: &Value) -> Self {
        let error = body.get("error").filter(|error| error.is_object()).unwrap_or(body);
        let detail = match &body["detail"] {
            Value::Array(several) => several.first().and_then(|first| first["msg"].as_str()),
            other => other.as_str(),
        };
        let message = error["message"].as_str().or(body["error"].as_str()).or(detail);
        let word = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            message: message.map(|message| message.chars().take(SENTENCE).collect()),
            code: word(&error["code"]),
            kind: word(&error["type"]),
            status: status(&error["code"]),
        }
    }

    /// The status that an answer with this error would have: an event has none.
    pub fn status(&self) -> StatusCode {
        let words = [&self.code, &self.kind].into_iter().flatten();
        let words: Vec<String> = words.map(|word| word.to_lowercase().replace('_', "")).collect();
        let told = STATUSES.iter().find(|(word, _)| words.iter().any(|it| it.contains(word)));
        let told = self.status.or(told.map(|(_, status)| *status));
        told.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Whether it says that the request does not fit into the model.
    pub fn is_about_length(&self) -> bool {
        let said = [&self.message, &self.code, &self.kind];
        said.into_iter().flatten().any(|said| {
            let said = said.to_lowercase();
            said == TOO_LONG || ABOUT_LENGTH.iter().any(|words| said.contains(words))
        })
    }
}

/// The status of an error, if `code` is one.
fn status(code: &Value) -> Option<StatusCode> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(number).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

impl Model {
    /// A fault of this model. The caller knows the model's name, not its upstreams.
    pub(super) fn failed(&self, what: &str) -> Fault {
        Fault::Failed { message: format!("{}: {what}", self.0.settings.name) }
    }

    /// A fault of the upstream that `lease` is for.
    pub(super) fn upset(&self, lease: Lease, what: &'static str) -> Fault {
        let address = &lease.server().address;
        tracing::warn!(model = self.0.settings.name, %address, what, "an upstream failed");
        lease.failed(what);
        self.failed(what)
    }

    /// A refusal, which is the caller's fault.
    pub(super) fn refused(&self, said: Said, status: StatusCode) -> Fault {
        let too_long = said.is_about_length();
        let message = said.message.map(|message| self.tamed(&message));
        let message = message
            .unwrap_or_else(|| format!("the model refused the request with status {}", status.as_u16()));
        let code = if too_long { Some(TOO_LONG.to_owned()) } else { said.code };
        Fault::Refused { code, message }
    }

    /// A sentence of an upstream without its address and our key.
    fn tamed(&self, message: &str) -> String {
        let mut message = message.to_owned();
        let key = self.0.settings.api_key.iter().cloned();
        let places = self.0.upstreams.iter().map(|upstream| upstream.server.address.authority());
        for secret in key.chain(places).filter(|secret| !secret.is_empty()) {
            message = message.replace(&secret, "…");
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_the_dialects() {
        for body in [
            json!({"error": {"message": "no", "type": "invalid_request_error", "code": "x"}}),
            json!({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}),
            json!({"error": "no"}),
            json!({"detail": "no"}),
            json!({"detail": [{"loc": ["body"], "msg": "no"}]}),
        ] {
            assert_eq!(Said::of(&body).message.as_deref(), Some("no"), "{body}");
        }
        assert!(Said::read(b"<html>").message.is_none());
    }

    #[test]
    fn knows_the_status_of_an_error_without_one() {
        for (error, status) in [
            (json!({"code": 429, "type": "x"}), 429),
            (json!({"code": "503"}), 503),
            (json!({"code": 200}), 500),
            (json!({"code": 1301, "message": "no"}), 500),
            (json!({"type": "invalid_request_error", "code": "invalid_api_key"}), 401),
            (json!({"type": "invalid_request_error", "code": "model_not_found"}), 404),
            (json!({"type": "invalid_request_error", "code": null}), 400),
            (json!({"type": "BadRequestError"}), 400),
            (json!({"type": "RateLimitError"}), 429),
            (json!({"type": "tokens", "code": "rate_limit_exceeded"}), 429),
            (json!({"type": "server_error"}), 500),
            (json!("no"), 500),
        ] {
            assert_eq!(Said::of(&json!({ "error": error })).status().as_u16(), status, "{error}");
        }
    }

    #[test]
    fn knows_what_does_not_fit() {
        for message in [
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
            "The input (900 tokens) is longer than the model's context length (512 tokens).",
            "the request exceeds the available context size, try increasing it",
            "Requested tokens (900) exceed context window of 512",
            "The decoder prompt (length 900) is longer than the maximum model length of 512.",
        ] {
            assert!(Said::of(&json!({"error": {"message": message}})).is_about_length(), "{message}");
        }
        assert!(
            Said::of(&json!({"error": {"code": 400, "type": "exceed_context_size_error"}})).is_about_length()
        );
        assert!(!Said::of(&json!({"error": {"message": "temperature must be below 2"}})).is_about_length());
    }
}
