//! Attachments of inbound messages: noted when the message is stored, fetched by a job, hosted by us under a URL
//! that is itself the permission. The bytes are not in the database.

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, DeliveryId, Ids, MediaId, MessageId};
use crate::phone::deliveries;
use crate::queue::{self, Task};

#[derive(Clone, Debug)]
pub struct Media {
    pub id: MediaId,
    pub message_id: MessageId,
    pub token: String,
    pub source_url: String,
    pub is_stored: bool,
    /// Its message was erased: nothing of it may be kept.
    pub is_erased: bool,
    pub content_type: Option<String>,
    pub file_name: Option<String>,
}

const SELECT: &str = "SELECT id, message_id, token, source_url, status, content_type, file_name FROM media";

fn read(row: crate::db::Row<'_>) -> Result<Media> {
    let status: String = row.get(4)?;
    Ok(Media {
        id: row.get(0)?,
        message_id: row.get(1)?,
        token: row.get(2)?,
        source_url: row.get(3)?,
        is_stored: status == "stored",
        is_erased: status == "erased",
        content_type: row.get(5)?,
        file_name: row.get(6)?,
    })
}

/// Notes an attachment and has it fetched.
pub fn expect(
    tx: &mut Tx<'_>,
    ids: &Ids,
    now: Time,
    account: &AccountId,
    message: &MessageId,
    url: &str,
) -> Result<()> {
    let id = MediaId::new(ids);
    tx.execute(
        "INSERT INTO media (id, account_id, message_id, position, token, source_url, status, created_at)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, 'waiting', ?6)",
        &[&id, account, message, &ids.secret(), &url, &now],
    )?;
    let job = queue::Draft {
        lane: queue::media_lane(),
        task: Task::FetchMedia(id),
        unique_key: None,
        order: None,
        run_at: now,
        origin: None,
    };
    queue::enqueue(tx, ids, now, &job)
}

pub fn find(tx: &mut Tx<'_>, id: &MediaId) -> Result<Option<Media>> {
    tx.optional(&format!("{SELECT} WHERE id = ?1"), &[id], read)
}

/// The attachment that a hosted URL names.
pub fn by_token(tx: &mut Tx<'_>, token: &str) -> Result<Option<Media>> {
    let sql = format!(
        "{SELECT} WHERE token = ?1 AND status = 'stored'
           AND (SELECT 1 FROM messages m JOIN erasures e ON e.conversation_id = m.conversation_id
                WHERE m.id = media.message_id) IS NULL"
    );
    tx.optional(&sql, &[&token], read)
}

/// Whether an attachment of the message is still being fetched.
pub fn is_awaited(tx: &mut Tx<'_>, message: &MessageId) -> Result<bool> {
    tx.exists("SELECT 1 FROM media WHERE message_id = ?1 AND status = 'waiting'", &[message])
}

/// The attachment is here: its message shows `url` from now on, and an event that waited for it may go. `false` if
/// the message was erased meanwhile: then the file has to go again.
pub fn stored(
    tx: &mut Tx<'_>,
    now: Time,
    media: &Media,
    url: &str,
    content_type: &str,
    file_name: &str,
    bytes: i64,
) -> Result<bool> {
    let changed = tx.execute_counted(
        "UPDATE media SET status = 'stored', content_type = ?2, file_name = ?3, bytes = ?4
         WHERE id = ?1 AND status <> 'erased'",
        &[&media.id, &content_type, &file_name, &bytes],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    let urls = serde_json::to_string(&[url]).unwrap_or_else(|_| "[]".to_owned());
    tx.execute("UPDATE messages SET media_urls = ?2 WHERE id = ?1", &[&media.message_id, &urls])?;
    release(tx, now, &media.message_id)?;
    Ok(true)
}

/// The attachment cannot be had: the event goes without it.
pub fn failed(tx: &mut Tx<'_>, now: Time, media: &Media) -> Result<()> {
    tx.execute("UPDATE media SET status = 'failed' WHERE id = ?1 AND status <> 'erased'", &[&media.id])?;
    release(tx, now, &media.message_id)
}

/// Lets the first attempts of the message's deliveries begin at once.
pub fn release(tx: &mut Tx<'_>, now: Time, message: &MessageId) -> Result<()> {
    let waiting: Vec<DeliveryId> = tx.query(
        "SELECT id FROM deliveries WHERE message_id = ?1 AND attempt_count = 0",
        &[message],
        |row| row.get(0),
    )?;
    for delivery in waiting {
        queue::bring_forward(tx, &deliveries::job_key(&delivery), now)?;
    }
    Ok(())
}
