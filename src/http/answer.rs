//! How answers leave: every response gets its request id, and every error the body of its door (contract,
//! section 2): the triple form on /v1, two flat strings on /api, a nested object for the `OpenAI` clients.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoResponses, ToSchema};

use crate::error::{Code, Error, Storage};

/// The doors, by path and by who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// `/v1`, `/v0` and `/integrations`, and everything that has no door of its own.
    V1,
    /// `/api/numbers` and `/api/v1`.
    Api,
    /// `/api/v1`, asked by a client of `OpenAI`'s: with any other body it shows no sentence.
    OpenAi,
}

impl Door {
    pub fn of(path: &str, headers: &HeaderMap) -> Self {
        let is_voice = path == "/api/v1" || path.starts_with("/api/v1/");
        if is_voice && headers.contains_key("x-stainless-lang") {
            return Self::OpenAi;
        }
        if path == "/api" || path.starts_with("/api/") { Self::Api } else { Self::V1 }
    }

    /// Status and body of an error that leaves by this door.
    fn body(self, error: &Error) -> (u16, Value) {
        match self {
            Self::V1 => (error.code().status(), triple(error)),
            Self::Api => flat(error),
            Self::OpenAi => nested(error),
        }
    }
}

/// An error on its way out, to be given the form of the door it leaves by.
#[derive(Clone)]
struct Failed(Arc<Error>);

/// Tells the connection to end without an answer: whether the request was stored is not known.
#[derive(Clone)]
pub struct NoAnswer;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        if matches!(self, Self::Storage(Storage::OutcomeUnknown(_))) {
            response.extensions_mut().insert(NoAnswer);
        }
        response.extensions_mut().insert(Failed(Arc::new(self)));
        response
    }
}

/// Gives `response` its final form.
pub fn shape(mut response: Response, door: Door, request_id: &str) -> Response {
    if let Some(Failed(error)) = response.extensions_mut().remove::<Failed>() {
        response = failed(&error, door, response);
    } else if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let error = Error::refused(Code::MethodNotAllowed, "This path does not know the method");
        response = failed(&error, door, response);
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

fn failed(error: &Error, door: Door, before: Response) -> Response {
    if let Error::Internal(cause) = error {
        tracing::error!(?cause, "a request failed");
    }
    let (mut parts, _) = before.into_parts();
    let (status, body) = door.body(error);
    parts.status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    let retry_after = match error {
        Error::Later { seconds, .. } => Some(*seconds),
        Error::Storage(_) => Some(1),
        Error::Refused { .. } | Error::Invalid(_) | Error::Internal(_) => None,
    };
    if let Some(seconds) = retry_after {
        parts.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Response::from_parts(parts, Body::from(body.to_string()))
}

/// Status and body of an error, as it leaves by the door of `operation` (`POST /v1/messages`).
pub fn rendered(error: &Error, operation: &str) -> (u16, String) {
    let path = operation.split(' ').nth(1).unwrap_or_default();
    let (status, body) = Door::of(path, &HeaderMap::new()).body(error);
    (status, body.to_string())
}

/// The body of /v1: one that satisfies every known client.
pub fn triple(error: &Error) -> Value {
    let (code, message) = (error.code(), error.to_string());
    let mut detail = Value::String(message.clone());
    let mut details = Vec::new();
    if let Error::Invalid(problems) = error {
        let mut places = Vec::new();
        for problem in problems {
            let mut place = vec![json!(problem.place)];
            place.extend(problem.field.split('.').filter(|part| !part.is_empty()).map(Value::from));
            places.push(json!({"loc": place, "msg": problem.message, "type": problem.kind}));
            details.push(json!({"field": problem.field, "message": problem.message, "type": problem.kind}));
        }
        detail = Value::Array(places);
    }
    json!({
        "detail": detail,
        "message": message,
        "error": {"message": message, "code": code, "type": code.kind(), "details": details},
    })
}

/// Status and body of /api: two strings.
fn flat(error: &Error) -> (u16, Value) {
    let code = error.code();
    let (status, title) = match code.status() {
        401 => (401, "Unauthorized"),
        402 => (402, "Payment Required"),
        403 => (403, "Forbidden"),
        404 => (404, "Not Found"),
        409 => (409, "Conflict"),
        429 => (429, "Rate Limited"),
        503 => (503, "Service Unavailable"),
        500.. => (500, "Server Error"),
        _ => (400, "Bad Request"),
    };
    let message = match status {
        402 | 403 | 409 => format!("{code}: {error}"),
        _ => error.to_string(),
    };
    (status, json!({"error": title, "message": message}))
}

/// Status and body for the clients of `OpenAI`: [`flat`]'s status, the sentence where those clients look for it.
fn nested(error: &Error) -> (u16, Value) {
    let status = flat(error).0;
    (status, json!({"error": error_object(error), "message": error.to_string()}))
}

/// The `error` of the `OpenAI` protocol, also within a stream that had begun well.
pub fn error_object(error: &Error) -> Value {
    let param = match error {
        Error::Invalid(problems) => problems.first().map(|it| &*it.field).filter(|field| !field.is_empty()),
        Error::Refused { .. } | Error::Later { .. } | Error::Storage(_) | Error::Internal(_) => None,
    };
    let code = error.code();
    let (kind, code) = match (flat(error).0, code) {
        (401, _) => ("authentication_error", "invalid_api_key".to_owned()),
        (402, _) => ("billing_error", code.as_str().to_lowercase()),
        (404, Code::ModelNotFound) => ("invalid_request_error", "model_not_found".to_owned()),
        (404, _) => ("invalid_request_error", "not_found".to_owned()),
        (429, _) => ("rate_limit_error", "rate_limit_exceeded".to_owned()),
        (500.., _) => ("server_error", "backend_error".to_owned()),
        (
            _,
            Code::InvalidAudio | Code::VoiceNotFound | Code::VoiceNotAvailable | Code::ContextLengthExceeded,
        ) => ("invalid_request_error", code.as_str().to_lowercase()),
        _ => ("invalid_request_error", "invalid_request".to_owned()),
    };
    json!({"message": error.to_string(), "type": kind, "code": code, "param": param})
}

/// An error of /v1.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The sentence; on 422 a list of what is wrong.
    #[schema(value_type = Detail)]
    detail: Value,
    message: String,
    error: ErrorObject,
}

/// What is wrong, as one sentence or as a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes `ErrorBody` in the OpenAPI document")]
enum Detail {
    Sentence(String),
    Problems(Vec<ErrorPlace>),
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorPlace {
    loc: Vec<String>,
    msg: String,
    r#type: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorObject {
    message: String,
    code: String,
    r#type: String,
    details: Vec<ErrorField>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorField {
    field: String,
    message: String,
    r#type: String,
}

/// An error of /api.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlatError {
    error: String,
    message: String,
}

/// The errors any operation of /v1 may answer.
#[derive(IntoResponses)]
pub enum Errors {
    #[response(status = 400, description = "Well formed, but this object or channel cannot do it")]
    Impossible(#[to_schema] ErrorBody),
    #[response(status = 401, description = "The key is missing or unknown")]
    Unauthorized(#[to_schema] ErrorBody),
    #[response(status = 402, description = "The allowance is used up")]
    Payment(#[to_schema] ErrorBody),
    #[response(status = 403, description = "Opted out, not registered or suspended")]
    Forbidden(#[to_schema] ErrorBody),
    #[response(status = 404, description = "Nothing of yours has this id")]
    NotFound(#[to_schema] ErrorBody),
    #[response(status = 405, description = "The path does not know the method")]
    Method(#[to_schema] ErrorBody),
    #[response(status = 409, description = "It conflicts with what is there or under way")]
    Conflict(#[to_schema] ErrorBody),
    #[response(status = 413, description = "The body is too large")]
    TooLarge(#[to_schema] ErrorBody),
    #[response(status = 422, description = "The request is malformed; the fields are named")]
    Invalid(#[to_schema] ErrorBody),
    #[response(status = 429, description = "Too many requests")]
    TooMany(#[to_schema] ErrorBody),
    #[response(status = 503, description = "Nothing was stored; try again")]
    Unavailable(#[to_schema] ErrorBody),
}

/// The errors any operation of /api may answer.
#[derive(IntoResponses)]
pub enum FlatErrors {
    #[response(status = 400, description = "Invalid or missing parameters")]
    Invalid(#[to_schema] FlatError),
    #[response(status = 401, description = "The key is missing or unknown")]
    Unauthorized(#[to_schema] FlatError),
    #[response(status = 402, description = "The allowance is used up")]
    Payment(#[to_schema] FlatError),
    #[response(status = 403, description = "Opted out or not registered")]
    Forbidden(#[to_schema] FlatError),
    #[response(status = 404, description = "Nothing of yours has this id")]
    NotFound(#[to_schema] FlatError),
    #[response(status = 409, description = "The Idempotency-Key is in use")]
    Conflict(#[to_schema] FlatError),
    #[response(status = 429, description = "Too many requests")]
    TooMany(#[to_schema] FlatError),
    #[response(status = 503, description = "Nothing was stored; try again")]
    Unavailable(#[to_schema] FlatError),
}

/// An error of /api/v1.
#[derive(Debug, Serialize, ToSchema)]
pub struct AiError {
    error: AiErrorField,
    message: String,
}

/// The status in words; for requests with `X-Stainless-Lang` an object.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum AiErrorField {
    Title(String),
    Object(AiErrorObject),
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AiErrorObject {
    message: String,
    r#type: String,
    code: String,
    #[schema(required)]
    param: Option<String>,
}

/// One server-sent event of a stream, as readers of that format take it apart.
#[derive(Serialize, ToSchema)]
pub struct StreamEvent {
    /// What kind it is, where the stream names kinds.
    pub event: Option<String>,
    /// JSON, or `[DONE]`.
    pub data: String,
}

/// The errors any operation of /api/v1 may answer.
#[derive(IntoResponses)]
pub enum AiErrors {
    #[response(status = 400, description = "Invalid or missing parameters, or what the model cannot take")]
    Invalid(#[to_schema] AiError),
    #[response(status = 401, description = "The key is missing or unknown")]
    Unauthorized(#[to_schema] AiError),
    #[response(status = 402, description = "The allowance is used up")]
    Payment(#[to_schema] AiError),
    #[response(status = 404, description = "There is no such model or path")]
    NotFound(#[to_schema] AiError),
    #[response(
        status = 429,
        description = "Too many requests, or the engine is busy; Retry-After says for how long"
    )]
    TooMany(#[to_schema] AiError),
    #[response(status = 500, description = "The engine failed, or none is configured: the setting is named")]
    Engine(#[to_schema] AiError),
    #[response(status = 503, description = "Try again")]
    Unavailable(#[to_schema] AiError),
}
