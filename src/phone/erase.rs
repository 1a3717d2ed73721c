//! Erasing messages and conversations: what was said goes at once, everywhere it stands in our tables; ids, times and
//! counts stay, for the bill and so that nothing a carrier offers again comes back. What lies outside of the tables,
//! files and what a carrier keeps, is left to a job of the same unit.
//!
//! An erased message is a row without content that no reader shows. A conversation goes with its row; its messages
//! follow some hundred at a time, and are not shown from the moment it went.

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, ConversationId, Ids, MessageId};
use crate::phone::messages::{self, Message};
use crate::phone::search::index;
use crate::phone::{conversations, webhooks};
use crate::queue::{self, Task};
use crate::text;

/// Erased in one unit at most.
const BATCH: i64 = 128;

/// Erases one message of the account.
pub fn message(tx: &mut Tx<'_>, ids: &Ids, now: Time, account: &AccountId, id: &MessageId) -> Result<()> {
    let message = messages::get(tx, account, id)?;
    erase(tx, ids, now, std::slice::from_ref(id))?;
    unquote(tx, &message)?;
    shorten(tx, &message.conversation_id)
}

/// Begins to erase a conversation of the account: from here on nothing of it is seen.
pub fn conversation(
    tx: &mut Tx<'_>,
    ids: &Ids,
    now: Time,
    account: &AccountId,
    id: &ConversationId,
) -> Result<()> {
    conversations::get(tx, account, id)?;
    tx.execute(
        "INSERT INTO erasures (conversation_id, account_id, at) VALUES (?1, ?2, ?3)",
        &[id, account, &now],
    )?;
    tx.execute("DELETE FROM conversations WHERE id = ?1", &[id])?;
    enqueue(tx, ids, now, Task::EraseConversation(id.clone()))
}

/// Erases the next messages of a conversation that is being erased, those after `after`; answers how far it came,
/// `None` when it is through.
pub fn next(tx: &mut Tx<'_>, ids: &Ids, now: Time, id: &ConversationId, after: Time) -> Result<Option<Time>> {
    let rows: Vec<(MessageId, Time)> = tx.query(
        "SELECT id, received_at FROM messages WHERE conversation_id = ?1 AND received_at > ?2 AND erased_at IS NULL
         ORDER BY received_at LIMIT ?3",
        &[id, &after, &BATCH],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let Some((_, last)) = rows.last() else {
        tx.execute("DELETE FROM events WHERE conversation_id = ?1 AND data IS NOT NULL", &[id])?;
        tx.execute("DELETE FROM acts WHERE conversation_id = ?1", &[id])?;
        tx.execute("DELETE FROM erasures WHERE conversation_id = ?1", &[id])?;
        return Ok(None);
    };
    let last = *last;
    let messages: Vec<MessageId> = rows.into_iter().map(|(id, _)| id).collect();
    erase(tx, ids, now, &messages)?;
    Ok(Some(last))
}

/// Takes the content out of these messages and of everything that repeats it.
fn erase(tx: &mut Tx<'_>, ids: &Ids, now: Time, messages: &[MessageId]) -> Result<()> {
    let said: Vec<(MessageId, AccountId, String)> = tx.query_listed(
        "SELECT id, account_id, body FROM messages WHERE id IN ({list})",
        &[],
        messages,
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    for (id, account, body) in &said {
        index::remove(tx, id, account, body)?;
    }
    for sql in ERASING {
        tx.execute_listed(sql, &[], messages)?;
    }
    tx.execute_listed(ROW, &[&now], messages)?;
    enqueue(tx, ids, now, Task::EraseOutside(messages.to_vec()))
}

/// What else holds the content of messages. An endpoint's answer holds the text of the reply that it asked for, so it
/// goes with either message.
const ERASING: [&str; 10] = [
    "DELETE FROM events WHERE id IN (SELECT event_id FROM deliveries WHERE message_id IN ({list}))",
    "DELETE FROM events WHERE data IS NOT NULL AND message_id IN ({list})
         AND conversation_id IN (SELECT conversation_id FROM messages WHERE id IN ({list}))",
    "UPDATE attempts SET response_body = NULL, response_headers = NULL
     WHERE delivery_id IN (SELECT id FROM deliveries WHERE message_id IN ({list}))",
    "UPDATE attempts SET response_body = NULL, response_headers = NULL
     WHERE delivery_id IN (SELECT id FROM deliveries WHERE message_id IN
                               (SELECT answers FROM messages WHERE id IN ({list}) AND answers IS NOT NULL))",
    "UPDATE deliveries SET response_body = NULL
     WHERE message_id IN (SELECT answers FROM messages WHERE id IN ({list}) AND answers IS NOT NULL)",
    "UPDATE deliveries SET payload = NULL, response_body = NULL, next_retry_at = NULL,
         error_message = CASE status WHEN 'pending' THEN 'The message was deleted' ELSE error_message END,
         status = CASE status WHEN 'pending' THEN 'failed' ELSE status END
     WHERE message_id IN ({list})",
    "DELETE FROM reactions WHERE message_id IN ({list})",
    "DELETE FROM acts WHERE message_id IN ({list})",
    "UPDATE media SET status = 'erased', source_url = '', content_type = NULL, file_name = NULL, bytes = NULL
     WHERE message_id IN ({list})",
    // The stored answer to the request that made a message: where its attachments are, and to whom it went.
    "UPDATE idempotency SET status = NULL, body = NULL WHERE object_id IN ({list})",
];

/// The row of an erased message. One that waits is never sent; one that arrived has come to its end, so that no late
/// receipt is told of; one that is with its carrier right now may still be counted.
const ROW: &str = "UPDATE messages SET body = '', media_urls = '[]', from_address = '', to_address = '', sender = NULL,
        effect = NULL, reply_to = NULL, reply_unresolved = NULL, keyword = NULL, content = NULL, failure_reason = NULL,
        status = CASE status WHEN 'queued' THEN 'failed' WHEN 'sent' THEN 'read' WHEN 'delivered' THEN 'read'
                             ELSE status END,
        erased_at = ?1 WHERE id IN ({list})";

/// Payloads of other messages in which this one stands, as history or as what they answer, are rendered anew should
/// they be sent once more.
fn unquote(tx: &mut Tx<'_>, message: &Message) -> Result<()> {
    tx.execute(
        "UPDATE deliveries SET payload = NULL WHERE payload IS NOT NULL AND message_id IN
             (SELECT id FROM messages WHERE conversation_id = ?1 AND received_at > ?2 ORDER BY received_at LIMIT ?3)",
        &[&message.conversation_id, &message.received_at, &webhooks::MOST_CONTEXT],
    )?;
    tx.execute(
        "UPDATE deliveries SET payload = NULL WHERE payload IS NOT NULL AND message_id IN
             (SELECT id FROM messages WHERE reply_to = ?1)",
        &[&message.id],
    )?;
    Ok(())
}

/// The conversation has one message less, and shows the newest that is left.
fn shorten(tx: &mut Tx<'_>, id: &ConversationId) -> Result<()> {
    let newest: Option<String> = tx.optional(
        "SELECT body FROM messages WHERE conversation_id = ?1 AND erased_at IS NULL
         ORDER BY received_at DESC LIMIT 1",
        &[id],
        |row| row.get(0),
    )?;
    tx.execute(
        "UPDATE conversations SET message_count = message_count - 1, last_message_preview = ?2 WHERE id = ?1",
        &[id, &text::preview(&newest.unwrap_or_default())],
    )?;
    Ok(())
}

fn enqueue(tx: &mut Tx<'_>, ids: &Ids, now: Time, task: Task) -> Result<()> {
    let job = queue::Draft {
        lane: queue::erase_lane(),
        task,
        unique_key: None,
        order: None,
        run_at: now,
        origin: None,
    };
    queue::enqueue(tx, ids, now, &job)
}

/// What of erased messages lies outside of the tables.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The tokens of hosted attachments.
    pub files: Vec<String>,
    pub carried: Vec<Carried>,
    /// One of them is with its carrier right now: what that keeps is known when the hand-over has ended.
    pub is_moving: bool,
}

/// A message as its carrier knows it.
#[derive(Clone, Debug)]
pub struct Carried {
    pub carrier: String,
    pub id: MessageId,
    pub provider_id: Option<String>,
}

/// Where the erased messages `ids` may still be. Words that the indexer wrote at the same moment go now.
pub fn outside(tx: &mut Tx<'_>, ids: &[MessageId]) -> Result<Outside> {
    index::remove_erased(tx, ids)?;
    let files = tx.query_listed(
        "SELECT token FROM media WHERE status = 'erased' AND message_id IN ({list})",
        &[],
        ids,
        |row| row.get(0),
    )?;
    let rows = tx.query_listed(
        "SELECT n.carrier, m.id, m.provider_id, m.status FROM messages m JOIN numbers n ON n.id = m.number_id
         WHERE m.id IN ({list})",
        &[],
        ids,
        |row| {
            let carried = Carried { carrier: row.get(0)?, id: row.get(1)?, provider_id: row.get(2)? };
            Ok((carried, row.get::<messages::Status>(3)? == messages::Status::Sending))
        },
    )?;
    let is_moving = rows.iter().any(|(_, is_moving)| *is_moving);
    Ok(Outside { files, carried: rows.into_iter().map(|(carried, _)| carried).collect(), is_moving })
}
