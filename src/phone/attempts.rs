//! Attempts at a delivery: begun with the payload stored, ended with all that is to be seen of it later.

use serde::Serialize;

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, DeliveryId, Ids, MessageId, WebhookId};
use crate::phone::deliveries::{self, Attempt, Delivery};
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

/// Counts an attempt and keeps what it sends; answers its number.
pub fn begin(tx: &mut Tx<'_>, id: &DeliveryId, payload: &str, now: Time) -> Result<i64> {
    tx.one(
        "UPDATE deliveries SET payload = ?2, attempt_count = attempt_count + 1, last_attempt_at = ?3,
             next_retry_at = NULL
         WHERE id = ?1 RETURNING attempt_count",
        &[id, &payload, &now],
        |row| row.get(0),
    )
}

/// Records how it ended. A reply is kept once there is one, whatever later attempts say. A delivery without a payload
/// lost it while the attempt was under way, because its message was erased: what came back is not kept either.
pub fn end(
    tx: &mut Tx<'_>,
    ended: &Ended,
    reply: Option<&MessageId>,
    reply_error: Option<&str>,
) -> Result<()> {
    let status = match (&ended.error, ended.next_retry_at) {
        (None, _) => "success",
        (Some(_), Some(_)) => "pending",
        (Some(_), None) => "failed",
    };
    let delivered_at = ended.error.is_none().then_some(ended.now);
    let is_kept: Option<bool> = tx.optional(
        "UPDATE deliveries SET status = ?2, http_status = ?3, error_message = ?4,
             response_body = CASE WHEN payload IS NULL THEN NULL ELSE CAST(?5 AS TEXT) END, response_millis = ?6, next_retry_at = ?7, delivered_at = COALESCE(CAST(?8 AS BIGINT), delivered_at),
             reply_error = CASE WHEN reply_message_id IS NULL THEN COALESCE(CAST(?10 AS TEXT), reply_error) END,
             reply_message_id = COALESCE(reply_message_id, CAST(?9 AS TEXT))
         WHERE id = ?1
         RETURNING CASE WHEN payload IS NULL THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END",
        &[
            &ended.delivery,
            &status,
            &ended.http_status,
            &ended.error,
            &ended.response_body,
            &ended.millis,
            &ended.next_retry_at,
            &delivered_at,
            &reply.cloned(),
            &reply_error.map(str::to_owned),
        ],
        |row| row.get(0),
    )?;
    let kept = |text: &Option<String>| text.clone().filter(|_| is_kept == Some(true));
    deliveries::insert_attempt(
        tx,
        &Attempt {
            delivery_id: ended.delivery.clone(),
            number: ended.number,
            at: ended.at,
            url: ended.url.clone(),
            request_headers: ended.request_headers.clone(),
            http_status: ended.http_status,
            response_headers: kept(&ended.response_headers),
            response_body: kept(&ended.response_body),
            error_message: ended.error.clone(),
            response_millis: ended.millis,
        },
    )?;
    webhooks::note_attempt(tx, &ended.webhook, ended.error.is_none())
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

/// Sends a delivery once more, now; answers it as it is then.
pub fn replay(
    tx: &mut Tx<'_>,
    ids: &Ids,
    account: &AccountId,
    id: &DeliveryId,
    now: Time,
) -> Result<Delivery> {
    let delivery = deliveries::find(tx, account, id)?;
    tx.execute("UPDATE deliveries SET status = 'pending' WHERE id = ?1", &[id])?;
    let key = format!("deliver/{id}");
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

/// Deletes deliveries and events from before `before`, some hundred at a time; whether any are left.
pub fn prune(tx: &mut Tx<'_>, before: Time) -> Result<bool> {
    let old = "SELECT id FROM deliveries WHERE created_at < ?1 AND status <> 'pending' ORDER BY created_at LIMIT 200";
    let ids: Vec<DeliveryId> = tx.query(old, &[&before], |row| row.get(0))?;
    for id in &ids {
        tx.execute("DELETE FROM attempts WHERE delivery_id = ?1", &[id])?;
        tx.execute("DELETE FROM deliveries WHERE id = ?1", &[id])?;
    }
    let events = tx.execute(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 LIMIT 200)",
        &[&before],
    )?;
    Ok(ids.len() == 200 || events == 200)
}
