//! What handlers take from a request: who calls, the body, the query. Names may come in `snake_case` or camelCase;
//! when both come, the documented spelling wins. What is malformed is refused here, with the field named.

use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::error::{Code, Error, Place, Problem, Result};
use crate::id::{AccountId, KeyId};

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Its length.
    pub bytes: usize,
    /// It must have arrived after so long.
    pub patience: Duration,
}

/// JSON bodies may be so large.
pub const BODY_BYTES: usize = 1 << 20;
/// What a body may be unless its path says otherwise.
pub const ROOM: Room = Room { bytes: BODY_BYTES, patience: Duration::from_secs(30) };
/// Who says too much is listened to for so long.
const HEARD_OUT: Duration = Duration::from_secs(5);

/// Whose key opened the door.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account: AccountId,
    pub key: KeyId,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        // `auth` put it there, or refused the request before it came here.
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Error::refused(Code::Unauthorized, "Invalid or missing API key"))
    }
}

/// A body whose documented names are camelCase.
pub struct Camel<T>(pub T);

/// A body whose documented names are `snake_case`.
pub struct Snake<T>(pub T);

/// Query parameters whose documented names are camelCase; numbers come as text.
pub struct Query<T>(pub T);

/// Query parameters whose documented names are `snake_case`; numbers come as text.
pub struct SnakeQuery<T>(pub T);

/// What the path names. What is no text names nothing: 404.
pub struct Path<T>(pub T);

/// The parsed body as it came, for the fingerprint of an `Idempotency-Key`.
pub struct Raw(pub Value);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        Ok(Self(read_json(request).await?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Camel<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        camel(read_json(request).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Snake<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        snake(read_json(request).await?).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        typed(respell(query(parts), to_camel), Place::Query).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for SnakeQuery<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        typed(respell(query(parts), to_snake), Place::Query).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = parts.uri.path().to_owned();
        let nothing = || Error::refused(Code::NotFound, format!("There is nothing at {path}"));
        if path.contains("%00") {
            return Err(nothing());
        }
        let found: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        found.map(|path| Self(path.0)).map_err(|_| nothing())
    }
}

fn query(parts: &Parts) -> Map<String, Value> {
    let query = parts.uri.query().unwrap_or_default();
    // Some clients spell what they leave out as `name=`.
    let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty());
    // As in JSON, U+0000 is replaced: no PostgreSQL text can hold it.
    pairs.map(|(key, value)| (key.into_owned(), Value::String(value.replace('\0', "\u{fffd}")))).collect()
}

/// `body` as `T`, whose names are camelCase.
pub fn camel<T: DeserializeOwned>(body: Value) -> Result<T> {
    typed(respell(object(body)?, to_camel), Place::Body)
}

/// `body` as `T`, whose names are `snake_case`.
pub fn snake<T: DeserializeOwned>(body: Value) -> Result<T> {
    typed(respell(object(body)?, to_snake), Place::Body)
}

/// An absent body, `{}` and `null` are the same.
async fn read_json(request: Request) -> Result<Value> {
    let body = json_text(request, BODY_BYTES).await?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    crate::json::parse(&body)
        .map_err(|error| Error::field("", "json", format!("The body is not valid JSON: {error}")))
}

/// A body that says it is JSON, unread; empty if it holds only spaces.
pub async fn json_text(request: Request, most: usize) -> Result<Bytes> {
    let is_json = match request.headers().get("content-type").map(|value| value.to_str().unwrap_or_default())
    {
        None => true,
        Some(kind) => {
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            kind == "application/json" || kind.ends_with("+json")
        }
    };
    let body = read(request.into_body(), most).await?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Bytes::new());
    }
    if !is_json {
        let message = "Send the body as JSON, with the header Content-Type: application/json";
        return Err(Error::at(Place::Header, "Content-Type", "content_type", message));
    }
    Ok(body)
}

/// Takes the body of `request` in, whole, and answers it. An answer that left while the body was still coming in would end the
/// connection, and the client's next request with it.
pub async fn take_in(request: &mut Request, room: Room) -> Result<Bytes> {
    if request.body().is_end_stream() {
        return Ok(Bytes::new());
    }
    let body = std::mem::take(request.body_mut());
    let body = tokio::time::timeout(room.patience, read(body, room.bytes)).await;
    let late = |_| Error::field("", "json", format!("The body did not arrive within {:?}", room.patience));
    let body = body.map_err(late)??;
    *request.body_mut() = body.clone().into();
    Ok(body)
}

/// For a field in which null says something that absence does not.
pub fn present<'de, D: serde::Deserializer<'de>, T: serde::Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The whole body, if it is no longer than `most`. Its pieces are put together as they come: kept as they are, many
/// small ones would take many times their length.
pub async fn read(mut body: axum::body::Body, most: usize) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let unreadable = |error| Error::field("", "json", format!("The body could not be read: {error}"));
        let frame = frame.map_err(unreadable)?;
        let Some(piece) = frame.data_ref() else { continue };
        if piece.len() > most - whole.len() {
            drop(whole);
            let _ = tokio::time::timeout(HEARD_OUT, hear_out(body)).await;
            return Err(Error::refused(
                Code::PayloadTooLarge,
                format!("The body is larger than {most} bytes"),
            ));
        }
        whole.extend_from_slice(piece);
    }
    Ok(whole.freeze())
}

/// Lets a client finish that says too much: one that is cut off while it still sends never reads the refusal.
async fn hear_out(mut body: axum::body::Body) {
    let mut left = 16 * BODY_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn object(body: Value) -> Result<Map<String, Value>> {
    match body {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Error::field("", "type", "The body must be a JSON object"))
        }
    }
}

/// Renames keys; one that is already spelled as documented wins.
fn respell(map: Map<String, Value>, spell: fn(&str) -> String) -> Map<String, Value> {
    let mut out = Map::with_capacity(map.len());
    for (key, value) in map {
        let spelled = spell(&key);
        if spelled == key || !out.contains_key(&spelled) {
            out.insert(spelled, value);
        }
    }
    out
}

fn typed<T: DeserializeOwned>(map: Map<String, Value>, place: Place) -> Result<T> {
    serde_path_to_error::deserialize(Value::Object(map)).map_err(|error| {
        let path = place_of(error.path());
        let message = error.into_inner().to_string();
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let problem = match missing {
            Some(field) => Problem {
                place,
                field: if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") },
                message: format!("{field} is required"),
                kind: "missing",
            },
            None if path.is_empty() => Problem { place, field: String::new(), message, kind: "type" },
            None => Problem { place, message: format!("{path}: {message}"), field: path, kind: "type" },
        };
        Error::Invalid(vec![problem])
    })
}

/// `customTools.0.name`
fn place_of(path: &serde_path_to_error::Path) -> String {
    let parts: Vec<String> = path
        .iter()
        .filter_map(|part| match part {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    parts.join(".")
}

fn to_camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        match character {
            '_' if !out.is_empty() => upper = true,
            _ if upper => {
                out.extend(character.to_uppercase());
                upper = false;
            }
            _ => out.push(character),
        }
    }
    out
}

fn to_snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(serde::Deserialize)]
    struct Wanted {
        to_number: String,
        body: Option<String>,
    }

    #[test]
    fn both_spellings_and_the_documented_one_wins() {
        let wanted: Wanted = snake(json!({"to_number": "a", "toNumber": "b", "body": null})).unwrap();
        assert_eq!((wanted.to_number.as_str(), wanted.body), ("a", None));
        let wanted: Wanted = snake(json!({"toNumber": "b", "to_number": "a"})).unwrap();
        assert_eq!(wanted.to_number, "a");
        let wanted: Wanted = snake(json!({"toNumber": "b"})).unwrap();
        assert_eq!(wanted.to_number, "b");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let Err(Error::Invalid(problems)) = snake::<Wanted>(json!({"body": "x"})) else { panic!("accepted") };
        assert_eq!((problems[0].field.as_str(), problems[0].kind), ("to_number", "missing"));
        let Err(Error::Invalid(problems)) = snake::<Wanted>(json!({"to_number": 5})) else {
            panic!("accepted")
        };
        assert_eq!((problems[0].field.as_str(), problems[0].kind), ("to_number", "type"));
    }
}
