//! Server-sent events of this door: one line of JSON each, and what happens when an engine fails after the first of
//! them: an event with the error, and the end.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};

use super::{name_engine, unbuffered};
use crate::error::{Error, Result};
use crate::http::answer::error_object;
use crate::voice::Fault;
use crate::voice::events::event;

/// What a stream of sound or of its text says at its end. Both are counted in seconds; the fields for tokens are there
/// because clients read them.
pub fn usage(seconds: f64) -> Value {
    json!({"type": "duration", "seconds": seconds, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
}

/// The answer that sends `events` as they come. Nothing is said before the first: what fails until then is an error like
/// any other.
pub async fn respond(
    mut events: impl Stream<Item = Result<Bytes, Fault>> + Send + Unpin + 'static,
    label: &str,
) -> Result<Response> {
    let first = match events.next().await {
        Some(Err(fault)) => return Err(fault.into()),
        Some(Ok(first)) => first,
        None => Bytes::new(),
    };
    let rest = stream::unfold(Some(events.boxed()), one_more);
    let whole = stream::once(async { Ok::<_, Infallible>(first) }).chain(rest);
    let mut response = Response::new(Body::from_stream(whole));
    unbuffered(response.headers_mut());
    name_engine(&mut response, label);
    Ok(response)
}

type Events = BoxStream<'static, Result<Bytes, Fault>>;

async fn one_more(events: Option<Events>) -> Option<(Result<Bytes, Infallible>, Option<Events>)> {
    let mut events = events?;
    match events.next().await? {
        Ok(bytes) => Some((Ok(bytes), Some(events))),
        Err(fault) => Some((Ok(event(&json!({"error": error_object(&Error::from(fault))}))), None)),
    }
}
