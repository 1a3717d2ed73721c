//! `Idempotency-Key` around a handler (contract 3.2): the same key and body answer the same, also after a crash.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::extract::Caller;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Place, Result};
use crate::phone::idempotency::{self, Before, Use};

/// Keys whose requests this process is answering right now.
#[derive(Clone, Default)]
pub struct Live(Arc<Mutex<HashSet<(String, String, String)>>>);

/// Holds a key while its request is being answered.
struct Hold {
    live: Live,
    name: (String, String, String),
}

impl Live {
    fn hold(&self, key: &Use) -> Result<Hold> {
        let name = (key.account.to_string(), key.operation.clone(), key.key.clone());
        if self.0.lock().expect("holding does not panic").insert(name.clone()) {
            return Ok(Hold { live: self.clone(), name });
        }
        Err(idempotency::in_progress())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.live.0.lock().expect("holding does not panic").remove(&self.name);
    }
}

/// The request's key with the fingerprint of its parsed body, if it has one.
pub fn key(headers: &HeaderMap, caller: &Caller, operation: &str, body: &Value) -> Result<Option<Use>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let Some(key) = key else {
        let message = "Idempotency-Key must have 1 to 255 printable characters";
        return Err(Error::at(Place::Header, "Idempotency-Key", "value", message));
    };
    let fingerprint = hex::encode(Sha256::digest(sorted(body).to_string()));
    let (account, operation) = (caller.account.clone(), operation.to_owned());
    Ok(Some(Use { account, operation, key: key.to_owned(), fingerprint }))
}

/// The same value whatever the order of its keys.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            pairs.sort_by(|(key, _), (other, _)| key.cmp(other));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// What a key's object looks like in an answer, for a request whose first answer was lost.
pub type Rebuild = fn(App, String) -> futures_util::future::BoxFuture<'static, Result<Response>>;

/// Runs `act` once per key: a repeated request gets the stored answer, or one built from the object by `rebuild`.
/// Runs as a task of the server, so that the answer is stored also when the client has gone.
pub async fn once<F, A, T>(app: App, key: Option<Use>, rebuild: Rebuild, act: F) -> Result<Response>
where
    F: FnOnce(Option<Use>) -> A,
    A: Future<Output = Result<T>> + Send + 'static,
    T: IntoResponse,
{
    let Some(key) = key else {
        let acting = act(None);
        let task = app.tasks.spawn(async move { acting.await.map(IntoResponse::into_response) });
        return task
            .await
            .unwrap_or_else(|error| Err(anyhow::anyhow!("the request broke off: {error}").into()));
    };
    let hold = app.live.hold(&key)?;
    let looked = key.clone();
    match app.db.read(move |tx| idempotency::look(tx, &looked)).await? {
        Some(Before::Answered { status, body }) => return Ok(replay(status, body)),
        Some(Before::Made { object_id, holder }) => {
            let others = holder.filter(|holder| Some(holder) != app.db.presence().incarnation().as_ref());
            if let Some(holder) = others
                && app.db.read(move |tx| idempotency::is_alive(tx, &holder)).await?
            {
                return Err(idempotency::in_progress());
            }
            let mut response = rebuild(app.clone(), object_id).await?;
            response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
            return Ok(response);
        }
        None => {}
    }
    let acting = act(Some(key.clone()));
    let here = app.clone();
    let task = app.tasks.spawn(async move {
        let answer = acting.await.map(IntoResponse::into_response);
        let answer = store(&here, key, answer).await;
        drop(hold);
        answer
    });
    task.await.unwrap_or_else(|error| Err(anyhow::anyhow!("the request broke off: {error}").into()))
}

/// Stores what can be replayed: successes, and refusals that another try would meet again.
async fn store(app: &App, key: Use, answer: Result<Response>) -> Result<Response> {
    let (status, body, answer) = match answer {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let body = super::extract::read(body, usize::MAX).await?;
            let text = String::from_utf8_lossy(&body).into_owned();
            (parts.status.as_u16(), text, Ok(Response::from_parts(parts, Body::from(body))))
        }
        Err(error) => {
            let (status, text) = super::answer::rendered(&error, &key.operation);
            (status, text, Err(error))
        }
    };
    let storable =
        (200..300).contains(&status) || (400..500).contains(&status) && !matches!(status, 401 | 409 | 429);
    if storable {
        let now = app.clock.now();
        let stored =
            app.db.record(move |tx: &mut Tx<'_>| idempotency::answered(tx, &key, status, &body, now)).await;
        if let Err(error) = stored {
            tracing::warn!(%error, "the answer of an Idempotency-Key was not stored; it can be rebuilt");
        }
    }
    answer
}

fn replay(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE.as_str(), "application/json"), ("idempotency-replayed", "true")];
    (status, headers, body).into_response()
}
