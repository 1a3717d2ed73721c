//! Acts: what our number does in an iMessage conversation besides texting: a tapback, a typing sign, a background, a
//! group's name. Each is stored, handed over by a job, and settled like a message. What then stands on the screens is
//! kept by [`reactions`], [`backgrounds`] and [`conversations`]. Not here: whether an act makes sense.

use std::time::Duration;

use crate::channel::{Failure, FailureCode};
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, ActId, ConversationId, GroupId, Ids, Incarnation, MessageId, NumberId};
use crate::phone::conversations::{self, Conversation};
use crate::phone::messages::Status;
use crate::phone::messages::send::Target;
use crate::phone::messages::settle::{self, Settlement};
use crate::phone::{backgrounds, messages, reactions};
use crate::queue::{self, Job, Order, Task};
use crate::words;

words! {
    Kind {
        Reaction = "reaction",
        Typing = "typing",
        Background = "background",
        GroupName = "group_name",
    }
}

/// A typing sign that could not be shown by then is shown no more.
const TYPING_LASTS: Duration = Duration::from_secs(5);

/// An act as it stands in its row.
#[derive(Clone, Debug)]
pub struct Act {
    pub id: ActId,
    pub account_id: AccountId,
    pub conversation_id: ConversationId,
    pub number_id: NumberId,
    pub kind: Kind,
    /// What a reaction is on.
    pub message_id: Option<MessageId>,
    /// The word or emoji, the image's URL, the name; `None` takes back.
    pub value: Option<String>,
    /// Of the image's bytes.
    pub hash: Option<String>,
    /// The background's, with this act.
    pub version: Option<i64>,
    pub status: Status,
    pub failure: Option<Failure>,
    pub created_at: Time,
}

const SELECT: &str =
    "SELECT id, account_id, conversation_id, number_id, kind, message_id, value, hash, version, status,
    error_code, failure_reason, created_at FROM acts";

fn read(row: Row<'_>) -> Result<Act> {
    let code: Option<FailureCode> = row.get(10)?;
    let reason: Option<String> = row.get(11)?;
    Ok(Act {
        id: row.get(0)?,
        account_id: row.get(1)?,
        conversation_id: row.get(2)?,
        number_id: row.get(3)?,
        kind: row.get(4)?,
        message_id: row.get(5)?,
        value: row.get(6)?,
        hash: row.get(7)?,
        version: row.get(8)?,
        status: row.get(9)?,
        failure: code.map(|code| Failure { code, reason: reason.unwrap_or_default() }),
        created_at: row.get(12)?,
    })
}

/// The act of this id, whoever's it is.
pub fn find(tx: &mut Tx<'_>, id: &ActId) -> Result<Option<Act>> {
    tx.optional(&format!("{SELECT} WHERE id = ?1"), &[id], read)
}

/// The newest act of a kind in the conversation that no carrier has answered yet.
pub fn under_way(tx: &mut Tx<'_>, conversation: &ConversationId, kind: Kind) -> Result<Option<Act>> {
    let sql = format!(
        "{SELECT} WHERE conversation_id = ?1 AND kind = ?2 AND status IN ('queued', 'sending')
         ORDER BY seq DESC LIMIT 1"
    );
    tx.optional(&sql, &[conversation, &kind], read)
}

/// An act to accept.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: ActId,
    pub kind: Kind,
    pub message_id: Option<MessageId>,
    pub value: Option<String>,
    pub hash: Option<String>,
    pub version: Option<i64>,
    pub now: Time,
}

/// Stores the act and its job, behind whatever the conversation still has to send. A typing sign waits for nothing,
/// and nothing for it. `me` is this process, where a request waits for the outcome.
pub fn accept(
    tx: &mut Tx<'_>,
    ids: &Ids,
    me: Option<&Incarnation>,
    conversation: &Conversation,
    draft: &Draft,
) -> Result<()> {
    // As it is now: it may have been deleted, or its number released, since the caller looked.
    let conversation = &conversations::get(tx, &conversation.account_id, &conversation.id)?;
    check_number(conversation)?;
    let order = match draft.kind {
        Kind::Typing => None,
        Kind::Reaction | Kind::Background | Kind::GroupName => Some(Order {
            key: conversations::order_key(&conversation.id),
            seq: conversations::next_seq(tx, &conversation.id)?,
        }),
    };
    insert(tx, conversation, draft, order.as_ref())?;
    let job = queue::Draft {
        lane: queue::send_lane(&conversation.number_id),
        task: Task::Act(draft.id.clone()),
        unique_key: None,
        order,
        run_at: draft.now,
        origin: me.cloned(),
    };
    queue::enqueue(tx, ids, draft.now, &job)
}

fn insert(tx: &mut Tx<'_>, conversation: &Conversation, draft: &Draft, order: Option<&Order>) -> Result<()> {
    tx.execute(
        "INSERT INTO acts (id, account_id, conversation_id, number_id, kind, message_id, value, hash, version, status,
             seq, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        &[
            &draft.id,
            &conversation.account_id,
            &conversation.id,
            &conversation.number_id,
            &draft.kind,
            &draft.message_id,
            &draft.value,
            &draft.hash,
            &draft.version,
            &Status::Queued,
            &order.map_or(0, |order| order.seq),
            &draft.now,
        ],
    )?;
    Ok(())
}

fn check_number(conversation: &Conversation) -> Result<()> {
    let number = &conversation.number;
    match conversation.number_status.as_str() {
        "active" => Ok(()),
        "suspended" => Err(Error::refused(Code::NumberSuspended, format!("Number {number} is suspended"))),
        _ => Err(Error::refused(Code::NoSendingNumber, format!("Number {number} is not in service"))),
    }
}

/// What a carrier needs to know of an act, as plain data.
#[derive(Clone, Debug)]
pub struct Handover {
    pub id: ActId,
    /// `None`: its number was released while it waited.
    pub carrier: Option<String>,
    pub from: String,
    pub to: Target,
    pub deed: Deed,
}

#[derive(Clone, Debug)]
pub enum Deed {
    /// On this message, which the carrier may know by another name.
    Reaction {
        message: MessageId,
        provider_id: Option<String>,
        reaction: Option<String>,
    },
    Typing,
    Background {
        image_url: Option<String>,
    },
    GroupName {
        name: String,
    },
}

/// A queued act is claimed: marks it `sending` and gathers what its carrier needs. `None` if there is nothing to hand
/// over any more. One found in `sending` was being handed over when its process ended: no carrier can be asked about
/// it, so it stays unconfirmed.
pub fn begin(tx: &mut Tx<'_>, job: &Job, id: &ActId, now: Time) -> Result<Option<Handover>> {
    let Some(act) = find(tx, id)? else { return Ok(None) };
    match act.status {
        Status::Queued => {}
        Status::Sending => {
            let reason = "The server stopped during the hand-over".to_owned();
            settle(tx, now, job, id, &Settlement::Unconfirmed { reason })?;
            return Ok(None);
        }
        Status::Sent
        | Status::Delivered
        | Status::Read
        | Status::Failed
        | Status::Unconfirmed
        | Status::Received => return Ok(None),
    }
    if act.kind == Kind::Typing && act.created_at + TYPING_LASTS <= now {
        expire(tx, id)?;
        return Ok(None);
    }
    let handover = handover(tx, act)?;
    if handover.is_some() {
        tx.execute("UPDATE acts SET status = 'sending' WHERE id = ?1", &[id])?;
    } else {
        let reason = "What it was about was deleted before it could be handed over".to_owned();
        settle(tx, now, job, id, &Settlement::Refused(Failure { code: FailureCode::Expired, reason }))?;
    }
    Ok(handover)
}

fn handover(tx: &mut Tx<'_>, act: Act) -> Result<Option<Handover>> {
    let Some(conversation) = conversations::find(tx, &act.conversation_id)? else { return Ok(None) };
    let to = if conversation.participant.starts_with(GroupId::PREFIX) {
        conversations::target(tx, &conversation.id, &conversation.participant)?
    } else {
        Target::Person(conversation.participant)
    };
    let deed = match act.kind {
        Kind::Reaction => {
            let Some(message) = act.message_id else { return Ok(None) };
            let provider_id = messages::find(tx, &message)?.and_then(|message| message.provider_id);
            Deed::Reaction { message, provider_id, reaction: act.value }
        }
        Kind::Typing => Deed::Typing,
        Kind::Background => Deed::Background { image_url: act.value },
        Kind::GroupName => Deed::GroupName { name: act.value.unwrap_or_default() },
    };
    let carrier = Some(conversation.carrier).filter(|_| conversation.number_status != "released");
    let from = conversation.number;
    Ok(Some(Handover { id: act.id, carrier, from, to, deed }))
}

/// Records how the hand-over of `job` ended, and the job's own end; nothing where its claim is lost.
pub fn settle(tx: &mut Tx<'_>, now: Time, job: &Job, id: &ActId, settlement: &Settlement) -> Result<()> {
    if !queue::is_held(tx, job)? {
        return Ok(());
    }
    match settlement {
        Settlement::Sent { .. } => took_place(tx, id, Status::Sent, None)?,
        Settlement::Unconfirmed { reason } => took_place(tx, id, Status::Unconfirmed, Some(reason))?,
        Settlement::Refused(failure) => failed(tx, id, failure)?,
        Settlement::NotOnImessage { reason } => {
            failed(tx, id, &Failure { code: FailureCode::Unreachable, reason: reason.clone() })?;
        }
        Settlement::Later { run_at, reason } => {
            tx.execute("UPDATE acts SET status = 'queued' WHERE id = ?1 AND status = 'sending'", &[id])?;
            queue::retry(tx, job, (*run_at).max(now), reason, false)?;
            settle::settled(tx, job, id.as_str());
            return Ok(());
        }
    }
    queue::finish(tx, job)?;
    settle::settled(tx, job, id.as_str());
    Ok(())
}

/// The carrier has it, or may have it: it stands from now on.
fn took_place(tx: &mut Tx<'_>, id: &ActId, status: Status, doubt: Option<&String>) -> Result<()> {
    let code = doubt.map(|_| FailureCode::DeliveryUnconfirmed);
    let changed = tx.execute_counted(
        "UPDATE acts SET status = ?2, error_code = ?3, failure_reason = ?4 WHERE id = ?1 AND status = 'sending'",
        &[id, &status, &code, &doubt.cloned()],
    )?;
    let Some(act) = find(tx, id)?.filter(|_| changed == 1) else { return Ok(()) };
    match act.kind {
        Kind::Reaction => reactions::stands(tx, &act),
        Kind::Background => backgrounds::stands(tx, &act),
        Kind::GroupName => conversations::renamed(tx, &act.conversation_id, act.value.as_deref()),
        Kind::Typing => Ok(()),
    }
}

fn failed(tx: &mut Tx<'_>, id: &ActId, failure: &Failure) -> Result<()> {
    tx.execute(
        "UPDATE acts SET status = 'failed', error_code = ?2, failure_reason = ?3
         WHERE id = ?1 AND status IN ('queued', 'sending')",
        &[id, &failure.code, &failure.reason],
    )?;
    Ok(())
}

/// An act that waited for too long comes to nothing; its job is for the caller to finish.
pub fn expire(tx: &mut Tx<'_>, id: &ActId) -> Result<()> {
    let reason = "It could not be handed over within its validity".to_owned();
    failed(tx, id, &Failure { code: FailureCode::Expired, reason })
}

/// Deletes settled acts from before `before`, some hundred at a time; whether any are left.
pub fn prune(tx: &mut Tx<'_>, before: Time) -> Result<bool> {
    let deleted = tx.execute_counted(
        "DELETE FROM acts WHERE id IN (SELECT id FROM acts WHERE created_at < ?1
             AND status NOT IN ('queued', 'sending') ORDER BY created_at LIMIT 200)",
        &[&before],
    )?;
    Ok(deleted == 200)
}
