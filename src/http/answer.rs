//! How answers leave: every response gets its request id, and every error the body of its door (contract,
//! section 2): the triple form on /v1, two flat strings on /api.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{IntoResponses, ToSchema};

use crate::error::{Code, Error, Storage};

/// The two doors, by path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// `/v1`, `/v0` and `/integrations`, and everything that has no door of its own.
    V1,
    /// `/api/numbers` and `/api/v1`.
    Api,
}

impl Door {
    pub fn of(path: &str) -> Self {
        if path == "/api" || path.starts_with("/api/") { Self::Api } else { Self::V1 }
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
    let (status, body) = match door {
        Door::V1 => (error.code().status(), triple(error)),
        Door::Api => flat(error),
    };
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
    let (status, body) = match Door::of(path) {
        Door::V1 => (error.code().status(), triple(error)),
        Door::Api => flat(error),
    };
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
