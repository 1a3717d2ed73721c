//! Deliveries: one event on its way to one webhook, with every attempt it took. Kept for a time, as the log in
//! which an owner sees what was sent and what came back. Sending is the business of a job.

use std::collections::HashMap;

use super::events::Kind;
use crate::clock::Time;
use crate::db::{Row, ToValue, Tx, Value};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, DeliveryId, EventId, MessageId, WebhookId};
use crate::words;

words! {
    /// How far a delivery is.
    DeliveryStatus {
        /// Not attempted yet, or to be tried again.
        Pending = "pending",
        Success = "success",
        /// Given up.
        Failed = "failed",
    }
}

/// A delivery to store; nothing of it has happened yet.
pub struct Draft<'a> {
    pub id: &'a DeliveryId,
    pub account: &'a AccountId,
    pub event: &'a EventId,
    pub webhook: &'a WebhookId,
    pub message: Option<&'a MessageId>,
    pub kind: Kind,
    pub channel: &'a str,
    /// The body, where it is known before the first attempt.
    pub payload: Option<&'a str>,
    pub test: bool,
    pub now: Time,
}

/// A delivery's row, without its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub account_id: AccountId,
    pub event_id: EventId,
    pub webhook_id: WebhookId,
    pub message_id: Option<MessageId>,
    pub kind: Kind,
    pub channel: String,
    pub test: bool,
    pub status: DeliveryStatus,
    /// Of the last attempt, as is all that follows.
    pub http_status: Option<i64>,
    pub error_message: Option<String>,
    pub response_body: Option<String>,
    pub response_millis: Option<i64>,
    pub attempt_count: i64,
    pub last_attempt_at: Option<Time>,
    pub next_retry_at: Option<Time>,
    pub delivered_at: Option<Time>,
    /// The message that the endpoint's answer became.
    pub reply_message_id: Option<MessageId>,
    pub reply_error: Option<String>,
    pub created_at: Time,
}

/// One attempt: what was sent, what came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub delivery_id: DeliveryId,
    /// From 1.
    pub number: i64,
    pub at: Time,
    pub url: String,
    /// JSON objects, both.
    pub request_headers: String,
    pub response_headers: Option<String>,
    pub http_status: Option<i64>,
    pub response_body: Option<String>,
    pub error_message: Option<String>,
    pub response_millis: i64,
}

/// Stores new deliveries.
pub fn insert_all(tx: &mut Tx<'_>, drafts: &[Draft<'_>]) -> Result<()> {
    let rows: Vec<_> = drafts.iter().map(Draft::row).collect();
    tx.insert(
        "INSERT INTO deliveries (id, account_id, event_id, webhook_id, message_id, kind, channel, test, payload, status,
                                 attempt_count, created_at)",
        &rows,
        "",
    )?;
    Ok(())
}

impl Draft<'_> {
    /// As [`insert_all`] names its columns.
    fn row(&self) -> Vec<Value<'_>> {
        vec![
            self.id.value(),
            self.account.value(),
            self.event.value(),
            self.webhook.value(),
            self.message.map_or(Value::Null, ToValue::value),
            self.kind.value(),
            Value::Text(self.channel),
            self.test.value(),
            self.payload.map_or(Value::Null, Value::Text),
            Value::Text(DeliveryStatus::Pending.as_str()),
            Value::Int(0),
            self.now.value(),
        ]
    }
}

/// The delivery of this id; someone else's is not found.
pub fn find(tx: &mut Tx<'_>, account: &AccountId, id: &DeliveryId) -> Result<Delivery> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE id = ?1 AND account_id = ?2");
    let delivery = tx.optional(&sql, &[id, account], read)?;
    delivery.ok_or_else(|| Error::missing(Code::NotFound, "delivery", id))
}

/// The deliveries of these ids, whoever owns them, with what was rendered for them: for jobs.
pub fn find_all<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a DeliveryId>,
) -> Result<HashMap<DeliveryId, (Delivery, Option<String>)>> {
    let sql = format!("SELECT {COLUMNS}, payload FROM deliveries WHERE id IN ({{list}})");
    let found = tx.query_listed(&sql, &[], ids, |row| Ok((read(row)?, row.get(20)?)))?;
    Ok(found.into_iter().map(|found| (found.0.id.clone(), found)).collect())
}

/// Deliveries of an account since a moment, newest first, and how many there are.
pub fn list(
    tx: &mut Tx<'_>,
    account: &AccountId,
    since: Time,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Delivery>, i64)> {
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE account_id = ?1 AND created_at >= ?2
         ORDER BY created_at DESC, id DESC LIMIT ?3 OFFSET ?4"
    );
    let page = tx.query(&sql, &[account, &since, &limit, &offset], read)?;
    let total = tx.one(
        "SELECT COUNT(*) FROM deliveries WHERE account_id = ?1 AND created_at >= ?2",
        &[account, &since],
        |row| row.get(0),
    )?;
    Ok((page, total))
}

/// Deliveries to one webhook since a moment, newest first.
pub fn of_webhook(
    tx: &mut Tx<'_>,
    webhook: &WebhookId,
    since: Time,
    limit: i64,
    offset: i64,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE webhook_id = ?1 AND created_at >= ?2
         ORDER BY created_at DESC, id DESC LIMIT ?3 OFFSET ?4"
    );
    tx.query(&sql, &[webhook, &since, &limit, &offset], read)
}

/// Where a page goes on: the last row of the one before.
pub type Cursor = (Time, DeliveryId);

/// A page of an account's deliveries, newest first; of one webhook only, if asked. Without a look at any other page.
pub fn page(
    tx: &mut Tx<'_>,
    account: &AccountId,
    webhook: Option<&WebhookId>,
    before: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let beginning = (Time::from_millis(i64::MAX), DeliveryId::from_text(""));
    let (time, id) = before.unwrap_or(&beginning);
    let order = "AND (created_at, id) < (?2, ?3) ORDER BY created_at DESC, id DESC LIMIT ?4";
    match webhook {
        None => {
            let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE account_id = ?1 {order}");
            tx.query(&sql, &[account, time, id, &limit], read)
        }
        Some(webhook) => {
            let sql =
                format!("SELECT {COLUMNS} FROM deliveries WHERE webhook_id = ?1 AND account_id = ?5 {order}");
            tx.query(&sql, &[webhook, time, id, &limit, account], read)
        }
    }
}

/// Every delivery that tells of a message, in order.
pub fn of_message(tx: &mut Tx<'_>, message: &MessageId) -> Result<Vec<Delivery>> {
    let sql =
        format!("SELECT {COLUMNS} FROM deliveries WHERE message_id = ?1 ORDER BY created_at, id LIMIT 100");
    tx.query(&sql, &[message], read)
}

/// What the unique keys of deliveries' jobs begin with; the delivery's id follows.
pub const JOB_KEY: &str = "deliver/";

/// The unique key of a delivery's job.
pub fn job_key(id: &DeliveryId) -> String {
    format!("{JOB_KEY}{id}")
}

/// Every attempt of a delivery, in order.
pub fn attempts(tx: &mut Tx<'_>, delivery: &DeliveryId) -> Result<Vec<Attempt>> {
    tx.query(
        "SELECT delivery_id, number, at, url, request_headers, http_status, response_headers, response_body,
                error_message, response_millis
         FROM attempts WHERE delivery_id = ?1 ORDER BY number",
        &[delivery],
        |row| {
            Ok(Attempt {
                delivery_id: row.get(0)?,
                number: row.get(1)?,
                at: row.get(2)?,
                url: row.get(3)?,
                request_headers: row.get(4)?,
                http_status: row.get(5)?,
                response_headers: row.get(6)?,
                response_body: row.get(7)?,
                error_message: row.get(8)?,
                response_millis: row.get(9)?,
            })
        },
    )
}

const COLUMNS: &str = "id, account_id, event_id, webhook_id, message_id, kind, channel, test, status, http_status,
                       error_message, response_body, response_millis, attempt_count, last_attempt_at, next_retry_at,
                       delivered_at, reply_message_id, reply_error, created_at";

fn read(row: Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        account_id: row.get(1)?,
        event_id: row.get(2)?,
        webhook_id: row.get(3)?,
        message_id: row.get(4)?,
        kind: row.get(5)?,
        channel: row.get(6)?,
        test: row.get(7)?,
        status: row.get(8)?,
        http_status: row.get(9)?,
        error_message: row.get(10)?,
        response_body: row.get(11)?,
        response_millis: row.get(12)?,
        attempt_count: row.get(13)?,
        last_attempt_at: row.get(14)?,
        next_retry_at: row.get(15)?,
        delivered_at: row.get(16)?,
        reply_message_id: row.get(17)?,
        reply_error: row.get(18)?,
        created_at: row.get(19)?,
    })
}

#[cfg(test)]
mod tests;
