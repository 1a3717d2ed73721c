//! The job that posts an event to an endpoint: rendered once, signed anew at every attempt, retried by the
//! schedule. What the endpoint answers can be the reply, at most once per inbound message.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::time::Duration;
use url::Url;

use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{DeliveryId, MessageId};
use crate::net::{NetProblem, Reply};
use crate::phone::attempts::{self, Ended};
use crate::phone::deliveries::{self, Delivery};
use crate::phone::events::{self, Kind};
use crate::phone::messages::{self, send};
use crate::phone::webhooks::{self, Webhook};
use crate::queue::backoff::Schedule;
use crate::queue::{self, Job};
use crate::signature::{self, Secret};

use super::{reply, send_message};

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

/// Renders the payload if this is the first attempt and counts the attempt. `None` where nothing can be posted
/// any more.
pub fn prepare(tx: &mut Tx<'_>, app: &App, id: &DeliveryId) -> Result<Option<Attempt>> {
    let now = app.clock.now();
    let Some(delivery) = deliveries::by_id(tx, id)? else { return Ok(None) };
    let Some(webhook) = webhooks::by_id(tx, &delivery.webhook_id)?.filter(|webhook| webhook.url.is_some())
    else {
        attempts::give_up(tx, id, "The webhook was removed")?;
        return Ok(None);
    };
    let payload = match attempts::payload(tx, id)? {
        Some(payload) => payload,
        None => {
            if let Some(payload) = render(tx, &delivery, &webhook)? {
                payload
            } else {
                attempts::give_up(tx, id, "The message was deleted")?;
                return Ok(None);
            }
        }
    };
    let number = attempts::begin(tx, id, &payload, now)?;
    let (kind, message, test) = (delivery.kind, delivery.message_id, delivery.test);
    Ok(Some(Attempt { delivery: id.clone(), webhook, kind, message, test, payload, number }))
}

fn render(tx: &mut Tx<'_>, delivery: &Delivery, webhook: &Webhook) -> Result<Option<String>> {
    let Some(id) = &delivery.message_id else { return Ok(None) };
    let Some(message) = messages::find(tx, id)? else { return Ok(None) };
    if delivery.kind == Kind::MessageInbound {
        return Ok(Some(signature::with_signature(&webhook.secret, &events::number_payload(&message))));
    }
    let Some(event) = events::find(tx, &delivery.event_id)? else { return Ok(None) };
    events::payload(tx, delivery.kind, &message, &event, webhook.context_limit).map(Some)
}

/// What came of one attempt.
pub struct Posted {
    pub reply: Result<Reply, NetProblem>,
    pub at: Time,
    pub millis: i64,
    pub request_headers: HeaderMap,
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
    let here = app.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let answered = match &wish {
            Some(wish) => reply::accept(tx, &here, wish)?,
            None => reply::Answered::default(),
        };
        attempts::end(tx, &ended, answered.message.as_ref(), answered.error.as_deref())?;
        match ended.next_retry_at {
            Some(run_at) => queue::retry(tx, &job, run_at, ended.error.as_deref().unwrap_or_default(), true)?,
            None => queue::finish(tx, &job)?,
        }
        Ok(answered.direct)
    };
    match app.db.record(unit).await {
        Ok(Some(direct)) => {
            let (job, handover): (Job, send::Handover) = *direct;
            send_message::hand_over(app, job, handover).await;
        }
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

fn named(headers: &HeaderMap) -> String {
    let map: Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    Value::Object(map).to_string()
}
