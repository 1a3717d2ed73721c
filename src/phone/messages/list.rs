//! Reading messages back: pages of a conversation or of a number, and the recent history that an event tells.

use serde_json::{Value, json};

use super::{COLUMNS, Message, SEEN, read};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ConversationId, NumberId};

/// Whose messages.
#[derive(Clone, Debug)]
pub enum Of {
    Conversation(ConversationId),
    Number(NumberId),
}

/// A page: the newest `limit` messages before `before`, or with `after` the oldest after it. Oldest first; and
/// whether more remain in the direction of reading. Bounds are exclusive.
pub fn page(
    tx: &mut Tx<'_>,
    of: &Of,
    limit: i64,
    before: Option<Time>,
    after: Option<Time>,
) -> Result<(Vec<Message>, bool)> {
    let (column, id) = match of {
        Of::Conversation(id) => ("conversation_id", id.as_str()),
        Of::Number(id) => ("number_id", id.as_str()),
    };
    let (least, most) =
        (after.unwrap_or(Time::from_millis(i64::MIN)), before.unwrap_or(Time::from_millis(i64::MAX)));
    let direction = if after.is_some() { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM messages WHERE {column} = ?1 AND received_at > ?2 AND received_at < ?3 AND {SEEN}
         ORDER BY received_at {direction} LIMIT ?4"
    );
    let mut messages = tx.query(&sql, &[&id, &least, &most, &(limit + 1)], read)?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut more = messages.len() > wanted;
    if more {
        let cut = messages[wanted - 1].received_at;
        let next = messages.pop().map(|message| message.received_at);
        if next == Some(cut) {
            // A number's list never splits one millisecond between two pages.
            (messages, more) = whole_millisecond(tx, column, id, messages, cut, (least, most), direction)?;
        }
    }
    // The index has the order of time; the few of one millisecond find their order here.
    messages.sort_by(|one, other| (one.received_at, &one.id).cmp(&(other.received_at, &other.id)));
    Ok((messages, more))
}

fn whole_millisecond(
    tx: &mut Tx<'_>,
    column: &str,
    id: &str,
    mut messages: Vec<Message>,
    cut: Time,
    (least, most): (Time, Time),
    direction: &str,
) -> Result<(Vec<Message>, bool)> {
    messages.retain(|message| message.received_at != cut);
    let same = format!(
        "SELECT {COLUMNS} FROM messages WHERE {column} = ?1 AND received_at = ?2 AND {SEEN} ORDER BY id {direction}"
    );
    messages.extend(tx.query(&same, &[&id, &cut], read)?);
    let beyond = if direction == "ASC" { (cut, most) } else { (least, cut) };
    let rest = format!(
        "SELECT 1 FROM messages WHERE {column} = ?1 AND received_at > ?2 AND received_at < ?3 AND {SEEN} LIMIT 1"
    );
    let more = tx.exists(&rest, &[&id, &beyond.0, &beyond.1])?;
    Ok((messages, more))
}

/// Up to `limit` messages of the conversation up to and with the moment `last`, oldest first, as events tell them.
pub fn history(tx: &mut Tx<'_>, id: &ConversationId, last: Time, limit: i64) -> Result<Vec<Value>> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut items = tx.query(
        "SELECT id, body, direction, channel, received_at FROM messages
         WHERE conversation_id = ?1 AND received_at <= ?2 AND erased_at IS NULL ORDER BY received_at DESC LIMIT ?3",
        &[id, &last, &limit],
        |row| {
            Ok(json!({
                "messageId": row.get::<String>(0)?,
                "content": row.get::<String>(1)?,
                "direction": row.get::<String>(2)?,
                "channel": row.get::<String>(3)?,
                "at": row.get::<Time>(4)?,
            }))
        },
    )?;
    items.reverse();
    Ok(items)
}
