//! What is to be sent, and what its carrier needs to know: the plain data of sending, and the beginning of a
//! queued message's hand-over. How a message is accepted is in `accept`, how it ends in `settle`.

use std::collections::{HashMap, HashSet};

use super::{Effect, Status, urls};
use crate::address::{Address, E164};
use crate::channel::Channel;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, AgentId, ConversationId, GroupId, MessageId, NumberId};
use crate::phone::conversations;
use crate::phone::messages;
use crate::queue::Job;

/// Longest body by SMS and MMS, in characters.
pub const CELLULAR_CHARACTERS: usize = 1_600;
/// Longest body by any channel.
pub const CHARACTERS: usize = 10_000;

/// Which of an account's numbers sends; the first one given decides.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    pub from_number: Option<E164>,
    pub number_id: Option<NumberId>,
    pub agent_id: Option<AgentId>,
}

#[derive(Clone, Debug)]
pub enum Recipient {
    One(Address),
    /// A new group of these people, to be known by this id.
    NewGroup(GroupId, Vec<Address>),
}

/// A message to accept. Everything random or timed was made before, so that the unit can run again.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: MessageId,
    /// The conversation's id, should it be a new one.
    pub conversation_id: ConversationId,
    pub account: AccountId,
    pub sender: Sender,
    pub to: Recipient,
    pub body: String,
    pub media_urls: Vec<String>,
    pub reply_to: Option<MessageId>,
    pub effect: Option<Effect>,
    /// SMS and MMS only, never iMessage.
    pub cellular_only: bool,
    /// The inbound message that this one answers inline: at most one does.
    pub answers: Option<MessageId>,
    pub now: Time,
}

/// What a carrier needs to know of a message, as plain data.
#[derive(Clone, Debug)]
pub struct Handover {
    pub message_id: MessageId,
    /// `None`: its number was released while it waited, and may be somebody else's by now.
    pub carrier: Option<String>,
    pub attempt: i64,
    pub from: String,
    pub to: Target,
    pub channel: Channel,
    pub body: String,
    pub media_urls: Vec<String>,
    pub effect: Option<Effect>,
    pub reply_to: Option<(MessageId, Option<String>)>,
}

/// To whom, as the carrier sees it.
#[derive(Clone, Debug)]
pub enum Target {
    Person(String),
    Group { group_id: String, provider_id: Option<String> },
    NewGroup { group_id: String, members: Vec<String> },
}

/// An accepted message.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub status: Status,
    pub channel: Channel,
    pub from: String,
    pub to: String,
    pub media_urls: Vec<String>,
    pub reply_to: Option<MessageId>,
    pub reply_unresolved: Option<bool>,
    /// Marked `sending` by this very unit: hand it over now.
    pub direct: Option<(Job, Handover)>,
    /// Nothing stands before it, so that waiting for the carrier's answer makes sense.
    pub is_moving: bool,
}

/// The queued messages of claimed jobs: marks them `sending` and gathers what their carriers need.
pub fn begin_all(tx: &mut Tx<'_>, ids: &[&MessageId]) -> Result<HashMap<MessageId, Begun>> {
    let mut begun = HashMap::with_capacity(ids.len());
    let claimed = claim(tx, ids)?;
    let carriers = carriers(tx, claimed.iter().map(|claimed| &claimed.number))?;
    for Claimed { mut handover, number, conversation, reply_unresolved } in claimed {
        handover.carrier = carriers.get(&number).cloned();
        if handover.channel == Channel::Imessage {
            thread(tx, &mut handover, &conversation, reply_unresolved)?;
        } else {
            (handover.effect, handover.reply_to) = (None, None);
        }
        begun.insert(handover.message_id.clone(), Begun::HandOver(Box::new(handover)));
    }
    let others: Vec<&&MessageId> = ids.iter().filter(|id| !begun.contains_key(id)).collect();
    for id in others {
        if let Some(message) = messages::find_or_erased(tx, id)? {
            begun.insert(message.id.clone(), in_doubt(tx, message)?);
        }
    }
    Ok(begun)
}

/// A message that was queued and is `sending` now.
struct Claimed {
    handover: Handover,
    number: NumberId,
    conversation: ConversationId,
    reply_unresolved: Option<bool>,
}

fn claim(tx: &mut Tx<'_>, ids: &[&MessageId]) -> Result<Vec<Claimed>> {
    let sql = "UPDATE messages SET status = 'sending', attempt = attempt + 1 WHERE id IN ({list}) AND status = 'queued'
           AND erased_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM erasures WHERE erasures.conversation_id = messages.conversation_id)
         RETURNING id, number_id, conversation_id, attempt, from_address, to_address, channel, body, media_urls, effect,
                   reply_to, reply_unresolved";
    tx.query_listed(sql, &[], ids.iter().copied(), |row| {
        let handover = Handover {
            message_id: row.get(0)?,
            carrier: None,
            attempt: row.get(3)?,
            from: row.get(4)?,
            to: Target::Person(row.get(5)?),
            channel: row.get(6)?,
            body: row.get(7)?,
            media_urls: urls(&row.get::<String>(8)?),
            effect: row.get(9)?,
            reply_to: row.get::<Option<MessageId>>(10)?.map(|parent| (parent, None)),
        };
        Ok(Claimed {
            handover,
            number: row.get(1)?,
            conversation: row.get(2)?,
            reply_unresolved: row.get(11)?,
        })
    })
}

/// The names of the carriers of these numbers, as far as they are in service.
fn carriers<'a>(
    tx: &mut Tx<'_>,
    numbers: impl Iterator<Item = &'a NumberId>,
) -> Result<HashMap<NumberId, String>> {
    let numbers: HashSet<&NumberId> = numbers.collect();
    let sql = "SELECT id, carrier FROM numbers WHERE id IN ({list}) AND status <> 'released'";
    Ok(tx.query_listed(sql, &[], numbers, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

/// Fills in what only iMessage knows: the group and the quoted message.
fn thread(
    tx: &mut Tx<'_>,
    handover: &mut Handover,
    conversation: &ConversationId,
    reply_unresolved: Option<bool>,
) -> Result<()> {
    if let Target::Person(participant) = &handover.to
        && participant.starts_with(GroupId::PREFIX)
    {
        handover.to = conversations::target(tx, conversation, participant)?;
    }
    handover.reply_to = match (handover.reply_to.take(), reply_unresolved) {
        (Some((parent, _)), Some(false)) => {
            let provider_id = messages::find(tx, &parent)?.and_then(|parent| parent.provider_id);
            Some((parent, provider_id))
        }
        _ => None,
    };
    Ok(())
}

/// What a claimed job has to do.
pub enum Begun {
    HandOver(Box<Handover>),
    /// It was `sending` already: it may or may not have gone out. Never hand it over; ask.
    InDoubt(Box<InDoubt>),
    Nothing,
}

/// A message that its carrier may or may not have.
pub struct InDoubt {
    pub message: messages::Message,
    /// Whom to ask, also when the number has been released since.
    pub carrier: Option<String>,
}

fn in_doubt(tx: &mut Tx<'_>, message: messages::Message) -> Result<Begun> {
    if message.status != Status::Sending {
        return Ok(Begun::Nothing);
    }
    let carrier = "SELECT carrier FROM numbers WHERE id = ?1";
    let carrier = tx.optional(carrier, &[&message.number_id], |row| row.get(0))?;
    Ok(Begun::InDoubt(Box::new(InDoubt { message, carrier })))
}
