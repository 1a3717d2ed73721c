//! The job that posts an event to an endpoint: rendered once, signed anew at every attempt, retried by the
//! schedule. What the endpoint answers can be the reply, at most once per inbound message.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::time::Duration;
use url::Url;

use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error;
use crate::id::{DeliveryId, MessageId};
use crate::net::{NetProblem, Reply};
use crate::phone::attempts::Ended;
use crate::phone::events::{Begun, Emitter, Kind};
use crate::phone::webhooks::Webhook;
use crate::queue::backoff::Schedule;
use crate::queue::{Job, Slot};
use crate::signature::{self, Secret};

use super::recorder::Outcome;
use super::{reply, send_message};

mod prepare;

pub use prepare::prepare;

/// What an endpoint asks for with `Retry-After` is heeded up to this.
const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// So much of the headers of a response is kept.
const HEADER_BYTES: usize = 4 << 10;
/// So much of a response is read.
const RESPONSE_BYTES: usize = 256 << 10;

/// One attempt about to be made.
pub struct Attempt {
    pub delivery: DeliveryId,
    pub webhook: Webhook,
    pub kind: Kind,
    pub message: Option<MessageId>,
    pub test: bool,
    pub payload: String,
    /// 1 for the first.
    pub number: i64,
}

/// What came of one attempt.
pub struct Posted {
    pub reply: Result<Reply, NetProblem>,
    pub at: Time,
    pub millis: i64,
    pub request_headers: HeaderMap,
}

/// An attempt that begins right after the unit that stored its delivery.
pub struct Direct {
    job: Job,
    attempt: Attempt,
    slot: Slot,
}

/// For a unit after which [`perform_all`] makes the first attempts of what it emits.
pub fn emitter(app: &App) -> Emitter {
    match app.db.presence().incarnation() {
        Some(me) if !app.db.is_stalled() && !app.stop.is_cancelled() => {
            Emitter::direct(me, app.hooks.clone())
        }
        Some(_) | None => Emitter::default(),
    }
}

/// Stores what `emitter` gathered and renders what of it begins at once, still in its unit.
pub fn begin(tx: &mut Tx<'_>, app: &App, emitter: Emitter) -> error::Result<Vec<Direct>> {
    let begun = emitter.store(tx, &app.ids, app.clock.now())?;
    let mut slots = HashMap::with_capacity(begun.len());
    let mut jobs = Vec::with_capacity(begun.len());
    for Begun { delivery, job, slot } in begun {
        slots.insert(delivery.clone(), slot);
        jobs.push((delivery, job));
    }
    let attempts = prepare(tx, app, jobs)?;
    let direct = |(job, attempt): (Job, Attempt)| {
        let slot = slots.remove(&attempt.delivery)?;
        Some(Direct { job, attempt, slot })
    };
    Ok(attempts.into_iter().filter_map(direct).collect())
}

/// Makes the attempts, each in a task of its own.
pub fn perform_all(app: &App, directs: Vec<Direct>) {
    for Direct { job, attempt, slot } in directs {
        let here = app.clone();
        app.tasks.spawn(async move {
            let _slot = slot;
            perform(&here, job, attempt).await;
        });
    }
}

/// Signs and posts.
pub async fn post(app: &App, attempt: &Attempt) -> Posted {
    let at = app.clock.now();
    let request_headers = headers(attempt, at);
    let started = tokio::time::Instant::now();
    let url = attempt.webhook.url.as_deref().unwrap_or_default();
    let reply = match Url::parse(url) {
        Ok(url) => {
            let body = Bytes::from(attempt.payload.clone());
            let timeout = Duration::from_millis(attempt.webhook.timeout_millis.unsigned_abs());
            app.net.post(&url, request_headers.clone(), body, timeout, RESPONSE_BYTES).await
        }
        Err(problem) => Err(NetProblem::Protocol(problem.to_string())),
    };
    let millis = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    Posted { reply, at, millis, request_headers }
}

/// The headers of one attempt: the id stays, time and signatures are made anew.
fn headers(attempt: &Attempt, now: Time) -> HeaderMap {
    let (webhook, body) = (&attempt.webhook, attempt.payload.as_bytes());
    signed(attempt.kind, &attempt.delivery, (&webhook.secret, &webhook.secrets(now)), now, body)
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        })
        .collect()
}

/// What a delivery of `body` says about itself (contract 8.3 and 9). `secrets` are the one in force, and all that
/// sign while it is being changed.
pub fn signed(
    kind: Kind,
    id: &DeliveryId,
    (secret, secrets): (&Secret, &[Secret]),
    now: Time,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let (id, seconds) = (id.as_str(), now.seconds());
    let secrets: Vec<_> = secrets.iter().collect();
    let mut named = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signature::standard(&secrets, id, seconds, body)),
    ];
    if kind == Kind::MessageInbound {
        named.push(("x-agentphone-signature", signature::number(secret, body)));
    } else {
        named.push(("x-webhook-event", kind.to_string()));
        named.push(("x-webhook-id", id.to_owned()));
        named.push(("x-webhook-timestamp", seconds.to_string()));
        named.push(("x-webhook-signature", signature::webhook(secret, seconds, body)));
    }
    named
}

pub async fn perform(app: &App, job: Job, attempt: Attempt) {
    let posted = post(app, &attempt).await;
    let wish = reply::wish(app, &attempt, &posted);
    let ended = ended(app, &attempt, &posted);
    match app.recorder.record(Outcome { job, ended, wish }).await {
        Ok(Some((job, handover))) => drop(send_message::hand_over(app, job, handover).await),
        Ok(None) => {}
        Err(error) => tracing::error!(?error, "the outcome of a webhook attempt could not be stored"),
    }
}

/// What the attempt means for the delivery.
pub fn ended(app: &App, attempt: &Attempt, posted: &Posted) -> Ended {
    let now = app.clock.now();
    let (status, error, retry_after) = match &posted.reply {
        Ok(reply) => {
            let ok = (200..300).contains(&reply.status);
            let error = (!ok).then(|| format!("The endpoint answered {}", reply.status));
            let lengthened = matches!(reply.status, 429 | 503).then(|| reply.retry_after(now)).flatten();
            let lengthened = lengthened.map(|wait| wait.min(LONGEST_WAIT));
            (Some(reply.status), error, lengthened)
        }
        Err(problem) => (problem.status(), Some(problem.to_string()), None),
    };
    let success = error.is_none();
    let gone = status == Some(410);
    let next_retry_at =
        if success || gone || attempt.test { None } else { next(app, attempt, now, retry_after) };
    let (response_headers, body) = match &posted.reply {
        Ok(reply) => (Some(named(&reply.headers)), Some(reply.body.clone())),
        Err(_) => (None, None),
    };
    Ended {
        delivery: attempt.delivery.clone(),
        webhook: attempt.webhook.id.clone(),
        number: attempt.number,
        url: attempt.webhook.url.clone().unwrap_or_default(),
        request_headers: named(&posted.request_headers),
        http_status: status.map(i64::from),
        response_headers,
        response_body: body.map(|body| shown(&body)),
        error,
        at: posted.at,
        now,
        millis: posted.millis,
        next_retry_at,
    }
}

fn next(app: &App, attempt: &Attempt, now: Time, at_least: Option<Duration>) -> Option<Time> {
    let schedule = Schedule { pauses: app.config.webhooks.retry_schedule() };
    schedule.next(now, attempt.number, at_least, &app.ids)
}

/// The first 2 KB of a response, as text that any database takes.
fn shown(body: &[u8]) -> String {
    let start = body.get(..2048).unwrap_or(body);
    String::from_utf8_lossy(start).replace('\0', "\u{fffd}")
}

/// Headers as a JSON object, up to [`HEADER_BYTES`]: an endpoint may say as much as it likes at every attempt.
fn named(headers: &HeaderMap) -> String {
    let (mut map, mut room) = (Map::new(), HEADER_BYTES);
    for (name, value) in headers {
        let Some(left) = room.checked_sub(name.as_str().len() + value.len()) else { break };
        room = left;
        map.insert(name.to_string(), json!(String::from_utf8_lossy(value.as_bytes())));
    }
    Value::Object(map).to_string()
}
