//! The two steps that nearly every message takes, accepted by its carrier and delivered, recorded for many
//! messages with a handful of statements. Whatever is not that plain goes one by one, in [`super::settle`].

use std::collections::HashMap;

use super::Status;
use super::settle::Receipt;
use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{ToValue, Tx, Value, in_filled, tuples};
use crate::error::Result;
use crate::id::{AccountId, ConversationId, Ids, MessageId, NumberId};
use crate::phone::events::{Emitter, Kind, Subject};
use crate::queue::{self, Job};

/// What events need to know of a message that took a step.
struct Row {
    id: MessageId,
    account: AccountId,
    conversation: ConversationId,
    number: NumberId,
    channel: Channel,
    status: Status,
}

/// The carrier accepted all of these, and said nothing else of them. Ends their jobs.
pub fn sent(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    ended: &[(&Job, &MessageId)],
) -> Result<()> {
    let messages: Vec<&MessageId> = ended.iter().map(|(_, id)| *id).collect();
    let rows = rows(tx, &messages)?;
    let steps = |row: &&Row| matches!(row.status, Status::Sending | Status::Unconfirmed);
    let stepped: Vec<&Row> = rows.iter().filter(steps).collect();
    let stepped_ids: Vec<&MessageId> = stepped.iter().map(|row| &row.id).collect();
    let sql = "UPDATE messages SET status = 'sent', sent_at = ?1, error_code = NULL, failure_reason = NULL
         WHERE id IN ({list})";
    tx.execute_listed(sql, &[&now], stepped_ids.iter().copied())?;
    count(tx, now, &stepped_ids)?;
    for row in stepped {
        emit(tx, ids, emitter, now, row, Kind::MessageSent)?;
    }
    let jobs: Vec<&Job> = ended.iter().map(|(job, _)| *job).collect();
    queue::finish_all(tx, &jobs)
}

/// Delivered at these times, and by these channels where the carrier said so; a message named twice counts once.
pub fn delivered(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    receipts: &[(&MessageId, &Receipt)],
) -> Result<()> {
    let said: HashMap<&MessageId, &Receipt> = receipts.iter().copied().collect();
    let named: Vec<&MessageId> = said.keys().copied().collect();
    let rows = rows(tx, &named)?;
    let early = |row: &&Row| matches!(row.status, Status::Queued | Status::Sending | Status::Unconfirmed);
    let counted: Vec<&MessageId> = rows.iter().filter(early).map(|row| &row.id).collect();
    let stepped: Vec<&Row> = rows.iter().filter(|row| row.status == Status::Sent || early(row)).collect();
    for some in in_filled(&stepped) {
        let sql = format!(
            "UPDATE messages SET status = 'delivered', delivered_at = receipts.column2,
                 delivered_channel = COALESCE(receipts.column3, channel), error_code = NULL, failure_reason = NULL
             FROM (VALUES {}) AS receipts WHERE messages.id = receipts.column1",
            tuples(some.len(), &["TEXT", "BIGINT", "TEXT"])
        );
        let mut values: Vec<Value<'_>> = Vec::with_capacity(some.len() * 3);
        for row in some {
            let receipt = said[&row.id];
            values.extend([row.id.value(), receipt.at.value(), receipt.channel.value()]);
        }
        let parameters: Vec<_> = values.iter().map(|value| value as _).collect();
        tx.execute(&sql, &parameters)?;
    }
    count(tx, now, &counted)?;
    for row in stepped {
        emit(tx, ids, emitter, now, row, Kind::MessageDelivered)?;
    }
    Ok(())
}

/// The messages' rows in the order of their ids.
fn rows(tx: &mut Tx<'_>, ids: &[&MessageId]) -> Result<Vec<Row>> {
    let mut ids = ids.to_vec();
    // Pieces too are locked in one order.
    ids.sort_unstable();
    let sql = format!(
        "SELECT id, account_id, conversation_id, number_id, channel, status FROM messages WHERE id IN ({{list}}){}",
        tx.locked("messages", "id")
    );
    let mut rows = tx.query_listed(&sql, &[], ids, |row| {
        Ok(Row {
            id: row.get(0)?,
            account: row.get(1)?,
            conversation: row.get(2)?,
            number: row.get(3)?,
            channel: row.get(4)?,
            status: row.get(5)?,
        })
    })?;
    // Events are emitted in this order: messages of one conversation as they were accepted.
    rows.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(rows)
}

/// The meter's rows of messages that a carrier has just been seen to have.
fn count(tx: &mut Tx<'_>, now: Time, ids: &[&MessageId]) -> Result<()> {
    let at = now.millis();
    let sql = "INSERT INTO usage (account_id, number_id, message_id, kind, direction, quantity, at)
         SELECT account_id, number_id, id, CASE channel WHEN 'sms' THEN 'sms_segment' ELSE channel END, direction,
                CASE channel WHEN 'sms' THEN segments ELSE 1 END, CAST(?1 AS BIGINT)
         FROM messages WHERE id IN ({list})";
    tx.execute_listed(sql, &[&at], ids.iter().copied())
}

fn emit(tx: &mut Tx<'_>, ids: &Ids, emitter: &mut Emitter, now: Time, row: &Row, kind: Kind) -> Result<()> {
    let subject = Subject {
        account: &row.account,
        number: &row.number,
        conversation: &row.conversation,
        message: Some(&row.id),
        channel: row.channel,
    };
    emitter.emit(tx, ids, now, kind, &subject, None)
}
