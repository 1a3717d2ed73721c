//! Messages: texts and pictures on their way out and in. This page has the type and its rows; [`accept`] takes
//! those to be sent, [`send`] begins their hand-over, [`settle`] records what became of them, [`receive`] stores one
//! that came, [`list`] reads them back.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::channel::{Channel, FailureCode};
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, AgentId, ConversationId, MessageId, NumberId};
use crate::words;

pub mod accept;
pub mod list;
pub mod receive;
pub mod send;
pub mod senders;
pub mod settle;
mod together;

words! {
    /// The life cycle (contract 4.6). A status never moves backwards.
    Status {
        /// Stored durably, not yet handed over.
        Queued = "queued",
        /// Being handed to the carrier.
        Sending = "sending",
        /// The carrier accepted it.
        Sent = "sent",
        /// The recipient's device or network has it.
        Delivered = "delivered",
        Read = "read",
        /// Known not to have arrived.
        Failed = "failed",
        /// The hand-over broke off; never silently sent again.
        Unconfirmed = "unconfirmed",
        /// Inbound.
        Received = "received",
    }
}

words! {
    /// Seen from us.
    Direction {
        Inbound = "inbound",
        Outbound = "outbound",
    }
}

words! {
    /// Why a message goes by its channel, as decided when it was accepted.
    Route {
        /// The number texts by SMS and MMS only.
        SmsNumber = "sms_number",
        /// An iMessage number, and nothing speaks against iMessage.
        Imessage = "imessage",
        /// SMS or MMS were asked for.
        Asked = "asked",
        /// The person was found away from iMessage a short while ago.
        NotOnImessage = "not_on_imessage",
        /// The line has written to as many new people by iMessage today as it may.
        NewContactLimit = "new_contact_limit",
        /// The line cannot do iMessage, or the recipient is a short code.
        NoImessage = "no_imessage",
    }
}

words! {
    /// iMessage effects: four of the bubble, eight of the screen.
    Effect {
        Slam = "slam",
        Loud = "loud",
        Gentle = "gentle",
        Invisible = "invisible",
        Confetti = "confetti",
        Balloons = "balloons",
        Fireworks = "fireworks",
        Celebration = "celebration",
        Lasers = "lasers",
        Spotlight = "spotlight",
        Echo = "echo",
        Love = "love",
    }
}

/// One message as it stands in its row.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: MessageId,
    pub account_id: AccountId,
    pub conversation_id: ConversationId,
    pub number_id: NumberId,
    pub agent_id: Option<AgentId>,
    pub direction: Direction,
    pub channel: Channel,
    pub status: Status,
    pub from: String,
    pub to: String,
    pub body: String,
    pub media_urls: Vec<String>,
    pub received_at: Time,
    pub segments: i64,
    pub sender: Option<String>,
    pub effect: Option<Effect>,
    pub reply_to: Option<MessageId>,
    /// `None`: no reply was asked for; else whether the quoted message could not be threaded.
    pub reply_unresolved: Option<bool>,
    pub provider_id: Option<String>,
    pub attempt: i64,
    pub keyword: Option<String>,
    pub error_code: Option<FailureCode>,
    pub failure_reason: Option<String>,
    pub delivered_at: Option<Time>,
    pub delivered_channel: Option<Channel>,
    pub read_at: Option<Time>,
}

/// What a message's row knows beside what the API tells.
#[derive(Clone, Default, Debug)]
pub struct Journey {
    pub route: Option<Route>,
    /// Why it left iMessage for SMS or MMS, if it did.
    pub fallback_reason: Option<String>,
    /// When its carrier accepted it.
    pub sent_at: Option<Time>,
    /// The inbound message that it answers inline.
    pub answers: Option<MessageId>,
}

/// The journey of a message that there is.
pub fn journey(tx: &mut Tx<'_>, id: &MessageId) -> Result<Journey> {
    let sql = "SELECT route, fallback_reason, sent_at, answers FROM messages WHERE id = ?1";
    let journey = tx.optional(sql, &[id], |row| {
        Ok(Journey {
            route: row.get(0)?,
            fallback_reason: row.get(1)?,
            sent_at: row.get(2)?,
            answers: row.get(3)?,
        })
    })?;
    Ok(journey.unwrap_or_default())
}

/// The message that answered `id` inline, if one did.
pub fn answer_to(tx: &mut Tx<'_>, id: &MessageId) -> Result<Option<MessageId>> {
    tx.optional("SELECT id FROM messages WHERE answers = ?1", &[id], |row| row.get(0))
}

/// The columns that [`read`] expects, in its order.
pub(super) const COLUMNS: &str =
    "id, account_id, conversation_id, number_id, agent_id, direction, channel, status, from_address, to_address, body,
     media_urls, received_at, segments, sender, effect, reply_to, reply_unresolved, provider_id, attempt, keyword,
     error_code, failure_reason, delivered_at, delivered_channel, read_at";

pub(super) fn read(row: Row<'_>) -> Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        account_id: row.get(1)?,
        conversation_id: row.get(2)?,
        number_id: row.get(3)?,
        agent_id: row.get(4)?,
        direction: row.get(5)?,
        channel: row.get(6)?,
        status: row.get(7)?,
        from: row.get(8)?,
        to: row.get(9)?,
        body: row.get(10)?,
        media_urls: urls(&row.get::<String>(11)?),
        received_at: row.get(12)?,
        segments: row.get(13)?,
        sender: row.get(14)?,
        effect: row.get(15)?,
        reply_to: row.get(16)?,
        reply_unresolved: row.get(17)?,
        provider_id: row.get(18)?,
        attempt: row.get(19)?,
        keyword: row.get(20)?,
        error_code: row.get(21)?,
        failure_reason: row.get(22)?,
        delivered_at: row.get(23)?,
        delivered_channel: row.get(24)?,
        read_at: row.get(25)?,
    })
}

/// Media URLs as a row keeps them.
pub(super) fn urls(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Which rows of `messages` anybody sees: not those that were erased, nor those that are about to be.
pub(super) const SEEN: &str = "erased_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.conversation_id = messages.conversation_id)";

/// The message of this id, whoever's it is.
pub fn find(tx: &mut Tx<'_>, id: &MessageId) -> Result<Option<Message>> {
    tx.optional(&format!("SELECT {COLUMNS} FROM messages WHERE id = ?1 AND {SEEN}"), &[id], read)
}

/// The messages of these ids that anybody sees.
pub fn find_all<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a MessageId>,
) -> Result<HashMap<MessageId, Message>> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE id IN ({{list}}) AND {SEEN}");
    let found = tx.query_listed(&sql, &[], ids, read)?;
    Ok(found.into_iter().map(|message| (message.id.clone(), message)).collect())
}

/// The message of this id, also if it was erased: what its carrier makes of it is still counted.
pub(super) fn find_or_erased(tx: &mut Tx<'_>, id: &MessageId) -> Result<Option<Message>> {
    tx.optional(&format!("SELECT {COLUMNS} FROM messages WHERE id = ?1"), &[id], read)
}

/// The message of this id, if it is this account's.
pub fn get(tx: &mut Tx<'_>, account: &AccountId, id: &MessageId) -> Result<Message> {
    find(tx, id)?
        .filter(|message| message.account_id == *account)
        .ok_or_else(|| Error::missing(Code::MessageNotFound, "message", id))
}

/// What a reply quotes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quoted {
    pub message_id: String,
    pub message: String,
    pub media_urls: Vec<String>,
}

/// The message that `message` answers in a thread, as far as we know it.
pub fn quoted(tx: &mut Tx<'_>, message: &Message) -> Result<Option<Quoted>> {
    let Some(parent) = &message.reply_to else { return Ok(None) };
    let known = message.reply_unresolved != Some(true);
    let parent = if known { find(tx, parent)? } else { None };
    Ok(parent.map(|parent| Quoted {
        message_id: parent.id.to_string(),
        message: parent.body,
        media_urls: parent.media_urls,
    }))
}
