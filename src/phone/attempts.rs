//! Attempts at a delivery: begun with the payload stored, ended with all that is to be seen of it later.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::clock::Time;
use crate::db::{ToValue, Tx, Value, in_filled, tuples};
use crate::error::Result;
use crate::id::{AccountId, DeliveryId, EventId, Ids, MessageId, WebhookId};
use crate::phone::deliveries::{self, Delivery};
use crate::phone::webhooks;
use crate::queue::{self, Task};

/// How an attempt ended, and what that means for its delivery.
#[derive(Clone, Debug, Serialize)]
pub struct Ended {
    pub delivery: DeliveryId,
    pub webhook: WebhookId,
    pub number: i64,
    pub url: String,
    /// JSON objects, both.
    pub request_headers: String,
    pub response_headers: Option<String>,
    pub http_status: Option<i64>,
    pub response_body: Option<String>,
    /// `None`: it arrived.
    pub error: Option<String>,
    pub at: Time,
    pub now: Time,
    pub millis: i64,
    pub next_retry_at: Option<Time>,
}

/// What was rendered at the first attempt.
pub fn payload(tx: &mut Tx<'_>, id: &DeliveryId) -> Result<Option<String>> {
    Ok(tx.optional("SELECT payload FROM deliveries WHERE id = ?1", &[id], |row| row.get(0))?.flatten())
}

/// Counts an attempt at each of these deliveries and keeps what it sends; answers their numbers.
pub fn begin_all(
    tx: &mut Tx<'_>,
    attempts: &[(&DeliveryId, &str)],
    now: Time,
) -> Result<HashMap<DeliveryId, i64>> {
    let mut numbers = HashMap::with_capacity(attempts.len());
    for some in in_filled(attempts) {
        let sql = format!(
            "UPDATE deliveries SET payload = begun.column2, attempt_count = attempt_count + 1, last_attempt_at = ?{},
                 next_retry_at = NULL
             FROM (VALUES {}) AS begun WHERE deliveries.id = begun.column1
             RETURNING id, attempt_count",
            some.len() * 2 + 1,
            tuples(some.len(), &["TEXT", "TEXT"])
        );
        let pairs = some.iter().flat_map(|(id, payload)| [*id as &dyn ToValue, payload as &dyn ToValue]);
        let parameters: Vec<_> = pairs.chain(std::iter::once(&now as &dyn ToValue)).collect();
        numbers.extend(tx.query(&sql, &parameters, |row| Ok((row.get(0)?, row.get(1)?)))?);
    }
    Ok(numbers)
}

/// An attempt that ended, and what became of the reply that it asked for.
pub struct Outcome<'a> {
    pub ended: &'a Ended,
    pub reply: Option<MessageId>,
    pub reply_error: Option<String>,
}

impl Outcome<'_> {
    fn status(&self) -> &'static str {
        match (&self.ended.error, self.ended.next_retry_at) {
            (None, _) => "success",
            (Some(_), Some(_)) => "pending",
            (Some(_), None) => "failed",
        }
    }

    /// In the order of [`ENDING_TYPES`].
    fn values(&self) -> [Value<'_>; 10] {
        let ended = self.ended;
        let is_delivered = ended.error.is_none();
        [
            ended.delivery.value(),
            Value::Text(self.status()),
            ended.http_status.value(),
            ended.error.value(),
            ended.response_body.value(),
            ended.millis.value(),
            ended.next_retry_at.value(),
            if is_delivered { ended.now.value() } else { Value::Null },
            self.reply.value(),
            self.reply_error.value(),
        ]
    }
}

/// A reply is kept once there is one, whatever later attempts say, and so is a success: two attempts may be under way at
/// once where one process was taken for dead, and a failure of one does not undo what the other achieved. A delivery
/// without a payload lost it while the attempt was under way, because its message was erased: what came back is not kept
/// either.
const ENDING: &str =
    "UPDATE deliveries SET
         status = CASE WHEN status = 'success' THEN status ELSE o.column2 END,
         http_status = CASE WHEN status = 'success' AND o.column2 <> 'success' THEN http_status ELSE o.column3 END,
         error_message = CASE WHEN status = 'success' THEN NULL ELSE o.column4 END,
         response_body = CASE WHEN payload IS NULL THEN NULL ELSE o.column5 END,
         response_millis = o.column6,
         next_retry_at = CASE WHEN status = 'success' THEN NULL ELSE o.column7 END,
         delivered_at = COALESCE(o.column8, delivered_at),
         reply_error = CASE WHEN reply_message_id IS NULL THEN COALESCE(o.column10, reply_error) END,
         reply_message_id = COALESCE(reply_message_id, o.column9)
     FROM (VALUES {list}) AS o WHERE deliveries.id = o.column1
     RETURNING id, CASE WHEN payload IS NULL THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END";

const ENDING_TYPES: [&str; 10] =
    ["TEXT", "TEXT", "BIGINT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "TEXT", "TEXT"];

/// The latest so many attempts of a delivery are kept: one may be replayed as often as anybody likes.
const SHOWN_ATTEMPTS: i64 = 50;

/// Records how attempts ended.
pub fn end_all(tx: &mut Tx<'_>, outcomes: &[Outcome<'_>]) -> Result<()> {
    let mut kept: HashSet<DeliveryId> = HashSet::new();
    for some in in_filled(outcomes) {
        let sql = ENDING.replace("{list}", &tuples(some.len(), &ENDING_TYPES));
        let values: Vec<Value<'_>> = some.into_iter().flat_map(Outcome::values).collect();
        let parameters: Vec<&dyn ToValue> = values.iter().map(|value| value as _).collect();
        let ended =
            tx.query(&sql, &parameters, |row| Ok((row.get::<DeliveryId>(0)?, row.get::<bool>(1)?)))?;
        kept.extend(ended.into_iter().filter(|(_, is_kept)| *is_kept).map(|(id, _)| id));
    }
    let rows: Vec<_> =
        outcomes.iter().map(|one| row(one.ended, kept.contains(&one.ended.delivery))).collect();
    tx.insert(
        "INSERT INTO attempts (delivery_id, number, at, url, request_headers, http_status, response_headers,
                               response_body, error_message, response_millis)",
        &rows,
        "ON CONFLICT (delivery_id, number) DO NOTHING",
    )?;
    for ended in outcomes.iter().map(|one| one.ended).filter(|ended| ended.number > SHOWN_ATTEMPTS) {
        let old = "DELETE FROM attempts WHERE delivery_id = ?1 AND number <= ?2";
        tx.execute(old, &[&ended.delivery, &(ended.number - SHOWN_ATTEMPTS)])?;
    }
    webhooks::note_attempts(tx, outcomes.iter().map(|one| (&one.ended.webhook, one.ended.error.is_none())))
}

/// The attempt's own row; what came back only where it `is_kept`.
fn row(ended: &Ended, is_kept: bool) -> Vec<Value<'_>> {
    vec![
        ended.delivery.value(),
        ended.number.value(),
        ended.at.value(),
        ended.url.value(),
        ended.request_headers.value(),
        ended.http_status.value(),
        kept(ended.response_headers.as_ref(), is_kept),
        kept(ended.response_body.as_ref(), is_kept),
        ended.error.value(),
        ended.millis.value(),
    ]
}

fn kept(text: Option<&String>, is_kept: bool) -> Value<'_> {
    text.filter(|_| is_kept).map_or(Value::Null, ToValue::value)
}

/// Nothing can be posted any more.
pub fn give_up(tx: &mut Tx<'_>, id: &DeliveryId, reason: &str) -> Result<()> {
    tx.execute(
        "UPDATE deliveries SET status = 'failed', error_message = ?2, next_retry_at = NULL
         WHERE id = ?1 AND status = 'pending'",
        &[id, &reason],
    )?;
    Ok(())
}

/// Sends a delivery once more, now, or leaves it to the attempt that is under way; answers it as it is then.
pub fn replay(
    tx: &mut Tx<'_>,
    ids: &Ids,
    account: &AccountId,
    id: &DeliveryId,
    now: Time,
) -> Result<Delivery> {
    let delivery = deliveries::find(tx, account, id)?;
    tx.execute("UPDATE deliveries SET status = 'pending' WHERE id = ?1", &[id])?;
    let key = deliveries::job_key(id);
    let job = queue::Draft {
        lane: queue::hook_lane(&delivery.webhook_id),
        task: Task::DeliverWebhook(id.clone()),
        unique_key: Some(key.clone()),
        order: None,
        run_at: now,
        origin: None,
    };
    queue::enqueue(tx, ids, now, &job)?;
    queue::bring_forward(tx, &key, now)?;
    deliveries::find(tx, account, id)
}

/// Deletes deliveries and events from before `before`, some hundred at a time; whether any are left. Ids begin with
/// their time, so the oldest are found without an index of their own.
pub fn prune(tx: &mut Tx<'_>, before: Time) -> Result<bool> {
    let old = format!(
        "SELECT id FROM deliveries WHERE id < ?1
           AND (status <> 'pending'
                OR NOT EXISTS (SELECT 1 FROM jobs WHERE unique_key = '{}' || deliveries.id))
         ORDER BY id LIMIT 200",
        deliveries::JOB_KEY
    );
    let ids: Vec<DeliveryId> = tx.query(&old, &[&DeliveryId::first_at(before)], |row| row.get(0))?;
    tx.execute_listed("DELETE FROM attempts WHERE delivery_id IN ({list})", &[], &ids)?;
    tx.execute_listed("DELETE FROM deliveries WHERE id IN ({list})", &[], &ids)?;
    let events = tx.execute_counted(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < ?1 ORDER BY id LIMIT 200)",
        &[&EventId::first_at(before)],
    )?;
    Ok(ids.len() == 200 || events == 200)
}
