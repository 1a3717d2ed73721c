//! What became of a message: the carrier's answer, receipts, doubt. Each is one step of the life cycle, with its
//! meter row and its event in the same unit; a step that would go backwards does nothing.

use std::sync::Arc;
use std::time::Duration;

use super::{Direction, Status, together};
use crate::channel::{Channel, Failure, FailureCode};
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::{AccountId, ConversationId, Ids, MessageId, NumberId};
use crate::phone::events::{Emitter, Kind, Subject};
use crate::phone::messages::send::CELLULAR_CHARACTERS;
use crate::phone::{conversations, reaches, usage};
use crate::queue::{self, Job};

/// How a hand-over ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settlement {
    Sent {
        provider_id: Option<String>,
        group_provider_id: Option<String>,
    },
    Refused(Failure),
    /// The person is not on iMessage: the same message goes by SMS or MMS, where it can.
    NotOnImessage {
        reason: String,
    },
    /// It surely did not go out; again at `run_at`.
    Later {
        run_at: Time,
        reason: String,
    },
    /// It may or may not have gone out.
    Unconfirmed {
        reason: String,
    },
}

/// A person not found on iMessage is asked for again after so long.
const NOT_ON_IMESSAGE: Duration = Duration::from_hours(24);

/// What a changed row tells the meter and the events.
struct Changed {
    account: AccountId,
    conversation: ConversationId,
    number: NumberId,
    channel: Channel,
    segments: i64,
}

const RETURNING: &str = "RETURNING account_id, conversation_id, number_id, channel, segments";

fn read(row: Row<'_>) -> Result<Changed> {
    Ok(Changed {
        account: row.get(0)?,
        conversation: row.get(1)?,
        number: row.get(2)?,
        channel: row.get(3)?,
        segments: row.get(4)?,
    })
}

/// A hand-over that ended.
pub type Ended = (Job, MessageId, Settlement);

/// Records how hand-overs ended, with the end of their jobs.
pub fn settle_all(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    ended: &[&Ended],
) -> Result<()> {
    let mut plain = Vec::with_capacity(ended.len());
    for (job, id, settlement) in ended.iter().copied() {
        if matches!(settlement, Settlement::Sent { provider_id: None, group_provider_id: None }) {
            plain.push((job, id));
        } else {
            settle(tx, ids, emitter, now, job, id, settlement)?;
        }
    }
    together::sent(tx, ids, emitter, now, &plain)?;
    for (job, id) in plain {
        settled(tx, job, id.as_str());
    }
    Ok(())
}

/// Records receipts; those for messages we do not know are ignored.
pub fn report_all(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    receipts: &[&Receipt],
) -> Result<()> {
    let mut plain = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        if let (Some(id), Report::Delivered) = (&receipt.message_id, &receipt.report) {
            plain.push((id, *receipt));
        } else {
            // One after the other where they may concern the same message.
            together::delivered(tx, ids, emitter, now, &std::mem::take(&mut plain))?;
            report(tx, ids, emitter, now, receipt)?;
        }
    }
    together::delivered(tx, ids, emitter, now, &plain)
}

/// Records how the hand-over of `job` ended, and the job's own end. Where its claim is lost, since the same was recorded
/// before and nobody heard so, or since another has it now, only that the carrier took it is still news.
pub fn settle(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    job: &Job,
    id: &MessageId,
    settlement: &Settlement,
) -> Result<()> {
    if !matches!(settlement, Settlement::Sent { .. }) && !queue::is_held(tx, job)? {
        return Ok(());
    }
    match settlement {
        Settlement::Sent { provider_id, group_provider_id } => {
            sent(tx, ids, emitter, now, id, provider_id.as_deref(), group_provider_id.as_deref())?;
        }
        Settlement::Refused(failure) => {
            if failure.code.another_channel_may_take() && fall_back(tx, id, &failure.reason)?.is_some() {
                return queue::retry(tx, job, now, &failure.reason, false);
            }
            failed(tx, ids, emitter, now, id, failure)?;
        }
        Settlement::Unconfirmed { reason } => unconfirmed(tx, ids, emitter, now, id, reason)?,
        Settlement::NotOnImessage { reason } => {
            if let Some(conversation) = fall_back(tx, id, reason)? {
                conversations::not_on_imessage(tx, &conversation, now + NOT_ON_IMESSAGE)?;
                let person = conversations::find(tx, &conversation)?;
                if let Some(person) = person {
                    reaches::seen(tx, &person.account_id, &person.participant, false, now)?;
                }
                return queue::retry(tx, job, now, reason, false);
            }
            let failure = Failure { code: FailureCode::Unreachable, reason: reason.clone() };
            failed(tx, ids, emitter, now, id, &failure)?;
        }
        Settlement::Later { run_at, reason } => {
            tx.execute("UPDATE messages SET status = 'queued' WHERE id = ?1 AND status = 'sending'", &[id])?;
            queue::retry(tx, job, *run_at, reason, false)?;
            settled(tx, job, id.as_str());
            return Ok(());
        }
    }
    queue::finish(tx, job)?;
    settled(tx, job, id.as_str());
    Ok(())
}

/// Wakes a request that waits for the message or the act, here or in the process that accepted it.
pub fn settled(tx: &mut Tx<'_>, job: &Job, id: &str) {
    match &job.origin {
        Some(origin) if *origin != job.lease => tx.announce(format!("settled {id}")),
        Some(_) | None => tx.say(format!("settled {id}")),
    }
}

fn sent(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    id: &MessageId,
    provider_id: Option<&str>,
    group_provider_id: Option<&str>,
) -> Result<()> {
    let provider_id = provider_id.map(str::to_owned);
    let changed = tx.optional(
        &format!(
            "UPDATE messages SET status = 'sent', provider_id = COALESCE(CAST(?2 AS TEXT), provider_id),
                 sent_at = ?3, error_code = NULL, failure_reason = NULL
             WHERE id = ?1 AND status IN ('sending', 'unconfirmed') {RETURNING}"
        ),
        &[id, &provider_id, &now],
        read,
    )?;
    let Some(changed) = changed else {
        // A receipt came first: only the carrier's name is news.
        if provider_id.is_some() {
            tx.execute("UPDATE messages SET provider_id = ?2 WHERE id = ?1", &[id, &provider_id])?;
        }
        return Ok(());
    };
    if let Some(group) = group_provider_id {
        conversations::group_started(tx, &changed.conversation, group)?;
    }
    meter(tx, now, id, &changed)?;
    emit(tx, ids, emitter, now, id, &changed, Kind::MessageSent)
}

fn failed(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    id: &MessageId,
    failure: &Failure,
) -> Result<()> {
    let changed = tx.optional(
        &format!(
            "UPDATE messages SET status = 'failed', error_code = ?2, failure_reason = ?3
             WHERE id = ?1 AND status IN ('queued', 'sending', 'sent', 'unconfirmed') {RETURNING}"
        ),
        &[id, &failure.code, &failure.reason],
        read,
    )?;
    changed.map_or(Ok(()), |changed| emit(tx, ids, emitter, now, id, &changed, Kind::MessageFailed))
}

fn unconfirmed(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    id: &MessageId,
    reason: &str,
) -> Result<()> {
    let changed = tx.optional(
        &format!(
            "UPDATE messages SET status = 'unconfirmed', error_code = ?2, failure_reason = ?3
             WHERE id = ?1 AND status = 'sending' {RETURNING}"
        ),
        &[id, &FailureCode::DeliveryUnconfirmed, &reason],
        read,
    )?;
    changed.map_or(Ok(()), |changed| emit(tx, ids, emitter, now, id, &changed, Kind::MessageUnconfirmed))
}

/// Puts an iMessage back as SMS or MMS and answers its conversation; `None` where it cannot go that way.
fn fall_back(tx: &mut Tx<'_>, id: &MessageId, reason: &str) -> Result<Option<ConversationId>> {
    let Some(message) = super::find(tx, id)? else { return Ok(None) };
    let is_person = crate::address::E164::parse(&message.to, crate::address::Region::US).is_ok();
    if message.channel != Channel::Imessage
        || !is_person
        || message.body.chars().count() > CELLULAR_CHARACTERS
    {
        return Ok(None);
    }
    let channel = Channel::cellular(!message.media_urls.is_empty());
    let segments = if channel == Channel::Sms { crate::text::segments(&message.body).count } else { 0 };
    let unresolved = message.reply_to.is_some().then_some(true);
    tx.execute(
        "UPDATE messages SET status = 'queued', channel = ?2, segments = ?3, effect = NULL, reply_unresolved = ?4,
             fallback_reason = ?5
         WHERE id = ?1 AND status = 'sending'",
        &[id, &channel, &segments, &unresolved, &reason],
    )?;
    conversations::channel_changed(tx, &message.conversation_id, channel)?;
    Ok(Some(message.conversation_id))
}

/// A message that waited for too long fails; one whose hand-over broke off and could not be asked about since stays in
/// doubt. Its job is for the caller to finish.
pub fn expire(tx: &mut Tx<'_>, ids: &Ids, emitter: &mut Emitter, now: Time, id: &MessageId) -> Result<()> {
    if !tx.exists("SELECT 1 FROM messages WHERE id = ?1 AND status = 'queued'", &[id])? {
        return unconfirmed(tx, ids, emitter, now, id, "The server ended during the hand-over");
    }
    let reason = "It could not be handed over within its validity".to_owned();
    failed(tx, ids, emitter, now, id, &Failure { code: FailureCode::Expired, reason })
}

/// What a receipt says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    Delivered,
    Read,
    Failed(Failure),
}

/// A receipt for one of our messages, named by our id or by the carrier's.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Who brought it: names of other carriers are not its own.
    pub carrier: Arc<str>,
    pub message_id: Option<MessageId>,
    pub provider_id: Option<String>,
    pub report: Report,
    pub channel: Option<Channel>,
    pub at: Time,
}

fn report(tx: &mut Tx<'_>, ids: &Ids, emitter: &mut Emitter, now: Time, receipt: &Receipt) -> Result<()> {
    let id = match (&receipt.message_id, &receipt.provider_id) {
        (Some(id), _) => Some(id.clone()),
        (None, Some(provider)) => tx.optional(
            "SELECT messages.id FROM messages JOIN numbers ON numbers.id = number_id
             WHERE provider_id = ?1 AND direction = 'outbound' AND carrier = ?2",
            &[provider, &&*receipt.carrier],
            |row| row.get(0),
        )?,
        (None, None) => None,
    };
    let Some(id) = id else { return Ok(()) };
    match &receipt.report {
        Report::Delivered => delivered(tx, ids, emitter, now, &id, receipt),
        Report::Read => was_read(tx, ids, emitter, now, &id, receipt),
        Report::Failed(failure) => failed(tx, ids, emitter, now, &id, failure),
    }
}

const DELIVERED: &str = "UPDATE messages SET status = 'delivered', delivered_at = ?2,
        delivered_channel = COALESCE(CAST(?3 AS TEXT), channel), error_code = NULL, failure_reason = NULL
    WHERE id = ?1 AND";

fn delivered(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    id: &MessageId,
    receipt: &Receipt,
) -> Result<()> {
    let parameters: [&dyn crate::db::ToValue; 3] = [id, &receipt.at, &receipt.channel];
    let mut changed = tx.optional(&format!("{DELIVERED} status = 'sent' {RETURNING}"), &parameters, read)?;
    if changed.is_none() {
        // The receipt came before the carrier's answer, or instead of it: it counts from here.
        let early = format!("{DELIVERED} status IN ('queued', 'sending', 'unconfirmed') {RETURNING}");
        changed = tx.optional(&early, &parameters, read)?;
        if let Some(changed) = &changed {
            meter(tx, now, id, changed)?;
        }
    }
    changed.map_or(Ok(()), |changed| emit(tx, ids, emitter, now, id, &changed, Kind::MessageDelivered))
}

fn was_read(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    id: &MessageId,
    receipt: &Receipt,
) -> Result<()> {
    let before = super::find_or_erased(tx, id)?.map(|message| message.status);
    let changed = tx.optional(
        &format!(
            "UPDATE messages SET status = 'read', read_at = ?2, delivered_at = COALESCE(delivered_at, ?2),
                 delivered_channel = COALESCE(delivered_channel, channel), error_code = NULL, failure_reason = NULL
             WHERE id = ?1 AND status IN ('queued', 'sending', 'unconfirmed', 'sent', 'delivered') {RETURNING}"
        ),
        &[id, &receipt.at],
        read,
    )?;
    let Some(changed) = changed else { return Ok(()) };
    if matches!(before, Some(Status::Queued | Status::Sending | Status::Unconfirmed)) {
        meter(tx, now, id, &changed)?;
    }
    emit(tx, ids, emitter, now, id, &changed, Kind::MessageRead)
}

fn meter(tx: &mut Tx<'_>, now: Time, id: &MessageId, changed: &Changed) -> Result<()> {
    usage::count(
        tx,
        &usage::Counted {
            account: &changed.account,
            number: &changed.number,
            message: id,
            direction: Direction::Outbound,
            channel: changed.channel,
            segments: changed.segments,
            at: now,
        },
    )
}

fn emit(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    id: &MessageId,
    changed: &Changed,
    kind: Kind,
) -> Result<()> {
    let subject = Subject {
        account: &changed.account,
        number: &changed.number,
        conversation: &changed.conversation,
        message: Some(id),
        channel: changed.channel,
    };
    emitter.emit(tx, ids, now, kind, &subject, None)
}
