//! How messages get their words: read some time after they were stored, written in batches, taken out when a message
//! is erased. Nothing here is done by the units that accept and receive; who does it is a job.

use std::collections::HashSet;

use super::query::quoted;
use crate::clock::Time;
use crate::db::{FullText, ToValue, Tx};
use crate::error::Result;
use crate::id::{AccountId, ConversationId, MessageId};
use crate::text::{account_term, terms};

/// A message whose words are not in the index.
#[derive(Clone, Debug)]
pub struct Unindexed {
    pub id: MessageId,
    pub account: AccountId,
    pub conversation: ConversationId,
    pub at: Time,
    pub body: String,
}

/// What a look at some messages in a row found.
#[derive(Debug)]
pub struct Slice {
    /// The last message that was looked at; `None` when there was none.
    pub last: Option<MessageId>,
    /// Whether as many were there as were asked for.
    pub is_full: bool,
    pub unindexed: Vec<Unindexed>,
}

/// Looks at up to `most` messages behind `after`, in the order of their ids.
pub fn slice(tx: &mut Tx<'_>, after: &MessageId, most: i64) -> Result<Slice> {
    let (last, count): (Option<MessageId>, i64) = tx.one(
        "SELECT MAX(id), COUNT(*) FROM (SELECT id FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2) AS slice",
        &[after, &most],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let Some(last) = last else { return Ok(Slice { last, is_full: false, unindexed: Vec::new() }) };
    let unindexed = tx.query(
        "SELECT id, account_id, conversation_id, received_at, body FROM messages
         WHERE id IN (SELECT m.id FROM messages m WHERE m.id > ?1 AND m.id <= ?2
                        AND (SELECT 1 FROM search_documents d WHERE d.message_id = m.id) IS NULL)
           AND erased_at IS NULL
         ORDER BY id",
        &[after, &last],
        |row| {
            Ok(Unindexed {
                id: row.get(0)?,
                account: row.get(1)?,
                conversation: row.get(2)?,
                at: row.get(3)?,
                body: row.get(4)?,
            })
        },
    )?;
    Ok(Slice { last: Some(last), is_full: count == most, unindexed })
}

/// The message that so many others came after; the id before all others where there are fewer.
pub fn recent(tx: &mut Tx<'_>, others: i64) -> Result<MessageId> {
    let sql = "SELECT id FROM messages ORDER BY id DESC LIMIT 1 OFFSET ?1";
    let found = tx.optional(sql, &[&others], |row| row.get(0))?;
    Ok(found.unwrap_or_else(|| MessageId::from_text("")))
}

/// When the newest message came.
pub fn newest(tx: &mut Tx<'_>) -> Result<Option<Time>> {
    tx.optional("SELECT received_at FROM messages ORDER BY id DESC LIMIT 1", &[], |row| row.get(0))
}

/// Puts words into the index, of those messages that are still there and not in it.
pub fn add(tx: &mut Tx<'_>, messages: &[Unindexed]) -> Result<()> {
    let sql = "SELECT id FROM messages WHERE id IN ({list}) AND erased_at IS NULL
           AND (SELECT 1 FROM search_documents d WHERE d.message_id = messages.id) IS NULL";
    let named = messages.iter().map(|message| &message.id);
    let wanted: HashSet<MessageId> =
        tx.query_listed(sql, &[], named, |row| row.get(0))?.into_iter().collect();
    let mut wanted: Vec<&Unindexed> =
        messages.iter().filter(|message| wanted.contains(&message.id)).collect();
    // FTS5 writes what comes in order together.
    wanted.sort_by_key(|message| message.at);
    let mut rest = placed(&wanted);
    while !rest.is_empty() {
        // Batches of few sizes need few statements.
        let size = 1 << rest.len().ilog2();
        let some: Vec<Placed<'_>> = rest.drain(..size).collect();
        let taken = register(tx, &some)?;
        for (_, message) in some.iter().filter(|(_, message)| !taken.contains(&message.id)) {
            // Somebody has its place: one more look, and a place behind.
            let alone = (free_place(tx, message.at)?, *message);
            register(tx, &[alone])?;
            put(tx, &[alone])?;
        }
        let kept: Vec<Placed<'_>> =
            some.into_iter().filter(|(_, message)| taken.contains(&message.id)).collect();
        if kept.len() == size {
            put(tx, &kept)?;
        } else {
            kept.chunks(1).try_for_each(|alone| put(tx, alone))?;
        }
    }
    Ok(())
}

/// A message and its place among all documents.
type Placed<'a> = (i64, &'a Unindexed);

/// Messages in the order of their times, each with the first place of its moment that no other of them has.
fn placed<'a>(messages: &[&'a Unindexed]) -> Vec<Placed<'a>> {
    let mut last = i64::MIN;
    let place = |message: &&'a Unindexed| {
        last = (message.at.millis() * PLACES).max(last + 1);
        (last, *message)
    };
    messages.iter().map(place).collect()
}

/// Notes the documents; answers those whose places were free.
fn register(tx: &mut Tx<'_>, some: &[Placed<'_>]) -> Result<HashSet<MessageId>> {
    let sql = format!(
        "INSERT INTO search_documents (place, message_id, conversation_id) VALUES {}
         ON CONFLICT (place) DO NOTHING RETURNING message_id",
        rows(some.len(), 3, "")
    );
    let parameters: Vec<&dyn ToValue> = some
        .iter()
        .flat_map(|(place, message)| [place as &dyn ToValue, &message.id, &message.conversation])
        .collect();
    Ok(tx.query(&sql, &parameters, |row| row.get(0))?.into_iter().collect())
}

/// Stores the words of documents.
fn put(tx: &mut Tx<'_>, some: &[Placed<'_>]) -> Result<()> {
    match tx.full_text() {
        FullText::Fts5 => {
            let sql = format!("INSERT INTO search_words (rowid, words) VALUES {}", rows(some.len(), 2, ""));
            let words: Vec<(i64, String)> =
                some.iter().map(|(place, it)| (*place, document(&it.account, &it.body))).collect();
            let parameters: Vec<&dyn ToValue> =
                words.iter().flat_map(|(place, words)| [place as &dyn ToValue, words]).collect();
            tx.execute(&sql, &parameters)?;
        }
        FullText::Tsvector => {
            let sql = format!(
                "INSERT INTO search_words (rowid, account_id, words) VALUES {}",
                rows(some.len(), 3, "tsvector")
            );
            let words: Vec<(i64, &AccountId, String)> =
                some.iter().map(|(place, it)| (*place, &it.account, vector(&it.account, &it.body))).collect();
            let parameters: Vec<&dyn ToValue> = words
                .iter()
                .flat_map(|(place, account, words)| [place as &dyn ToValue, *account, words])
                .collect();
            tx.execute(&sql, &parameters)?;
        }
    }
    Ok(())
}

/// `(?1, ?2), (?3, ?4), …`; the last of each row as a `kind`, if that is not what it comes as.
fn rows(count: usize, columns: usize, kind: &str) -> String {
    let value = |place: usize| match kind {
        "" => format!("?{place}"),
        _ if place.is_multiple_of(columns) => format!("CAST(CAST(?{place} AS TEXT) AS {kind})"),
        _ => format!("?{place}"),
    };
    let row = |row: usize| {
        let values: Vec<String> = (1..=columns).map(|column| value(row * columns + column)).collect();
        format!("({})", values.join(", "))
    };
    (0..count).map(row).collect::<Vec<_>>().join(", ")
}

/// Places of one millisecond.
const PLACES: i64 = 1 << 10;

/// The first free place of a moment.
fn free_place(tx: &mut Tx<'_>, at: Time) -> Result<i64> {
    let mut first = at.millis() * PLACES;
    loop {
        let last: Option<i64> = tx.one(
            "SELECT MAX(place) FROM search_documents WHERE place >= ?1 AND place < ?2",
            &[&first, &(first + PLACES)],
            |row| row.get(0),
        )?;
        match last {
            None => return Ok(first),
            Some(last) if last + 1 < first + PLACES => return Ok(last + 1),
            // A thousand messages in one millisecond: the next one has room.
            Some(_) => first += PLACES,
        }
    }
}

/// Takes a message out of the index. Its body must still be what it was.
pub fn remove(tx: &mut Tx<'_>, id: &MessageId, account: &AccountId, body: &str) -> Result<()> {
    let sql = "DELETE FROM search_documents WHERE message_id = ?1 RETURNING place";
    let Some(place) = tx.optional(sql, &[id], |row| row.get::<i64>(0))? else { return Ok(()) };
    match tx.full_text() {
        FullText::Fts5 => {
            // It keeps no text, and has to be told what it had indexed.
            let sql = "INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', ?1, ?2)";
            tx.execute(sql, &[&place, &document(account, body)])?;
        }
        FullText::Tsvector => {
            let sql = "DELETE FROM search_words WHERE account_id = ?1 AND rowid = ?2";
            tx.execute(sql, &[account, &place])?;
        }
    }
    Ok(())
}

/// Takes messages out that were erased by others while this process was giving them their words: it does not wait for
/// them, so it looks afterwards, as they do. Where one thread writes there is nothing to find.
pub fn remove_erased(tx: &mut Tx<'_>, ids: &[MessageId]) -> Result<()> {
    match tx.full_text() {
        FullText::Fts5 => return Ok(()),
        FullText::Tsvector => {}
    }
    let sql = "SELECT m.id, m.account_id FROM messages m JOIN search_documents d ON d.message_id = m.id
         WHERE m.id IN ({list}) AND m.erased_at IS NOT NULL";
    let late: Vec<(MessageId, AccountId)> =
        tx.query_listed(sql, &[], ids, |row| Ok((row.get(0)?, row.get(1)?)))?;
    late.iter().try_for_each(|(id, account)| remove(tx, id, account, ""))
}

fn words(account: &AccountId, body: &str) -> impl Iterator<Item = String> {
    std::iter::once(account_term(account.as_str())).chain(terms(body))
}

/// A document as FTS5 takes it: words with spaces between them.
fn document(account: &AccountId, body: &str) -> String {
    words(account, body).collect::<Vec<_>>().join(" ")
}

/// A document as a `tsvector` is written: each word with its place.
fn vector(account: &AccountId, body: &str) -> String {
    let placed = words(account, body).zip(1..).map(|(word, place)| format!("{}:{place}", quoted(&word)));
    placed.collect::<Vec<_>>().join(" ")
}
