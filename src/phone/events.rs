//! Events: what happened, for whoever asked to be told. An event is stored with its deliveries in the unit of
//! what it tells of; where nobody listens, nothing is stored. What a delivery says is rendered later, in `payloads`.

use std::collections::HashMap;

use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::{AccountId, ConversationId, EventId, MessageId, NumberId};
use crate::words;

mod emitter;

pub use emitter::{Begun, Emitter};

words! {
    /// Every event there is, by its name on the wire.
    Kind {
        AgentMessage = "agent.message",
        AgentReaction = "agent.reaction",
        AgentCallEnded = "agent.call_ended",
        MessageSent = "message.sent",
        MessageDelivered = "message.delivered",
        MessageFailed = "message.failed",
        MessageRead = "message.read",
        MessageUnconfirmed = "message.unconfirmed",
        /// Of number webhooks.
        MessageInbound = "message.inbound",
    }
}

/// What an event is about.
pub struct Subject<'a> {
    pub account: &'a AccountId,
    pub number: &'a NumberId,
    pub conversation: &'a ConversationId,
    pub message: Option<&'a MessageId>,
    pub channel: Channel,
}

/// A stored event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: EventId,
    pub account_id: AccountId,
    pub kind: Kind,
    pub message_id: Option<MessageId>,
    pub at: Time,
    /// What was true then and may change, where the message does not say it all: a JSON object.
    pub told: Option<String>,
}

const SELECT: &str = "SELECT id, account_id, kind, message_id, at, data FROM events";

/// The events of these ids, whoever's they are.
pub fn find_all<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a EventId>,
) -> Result<HashMap<EventId, Event>> {
    let found = tx.query_listed(&format!("{SELECT} WHERE id IN ({{list}})"), &[], ids, read)?;
    Ok(found.into_iter().map(|event| (event.id.clone(), event)).collect())
}

/// Events of an account after `after`, oldest first, for programs that follow along.
pub fn after(tx: &mut Tx<'_>, account: &AccountId, after: &EventId, limit: i64) -> Result<Vec<Event>> {
    tx.query(
        &format!("{SELECT} WHERE account_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"),
        &[account, after, &limit],
        read,
    )
}

/// Events of an account up to and including `last`, newest first.
pub fn up_to(tx: &mut Tx<'_>, account: &AccountId, last: &EventId, limit: i64) -> Result<Vec<Event>> {
    tx.query(
        &format!("{SELECT} WHERE account_id = ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3"),
        &[account, last, &limit],
        read,
    )
}

fn read(row: Row<'_>) -> Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        account_id: row.get(1)?,
        kind: row.get(2)?,
        message_id: row.get(3)?,
        at: row.get(4)?,
        told: row.get(5)?,
    })
}
