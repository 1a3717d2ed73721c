//! The job that hands a message to its number's carrier. It never hands one over twice: a message found in
//! `sending` is asked for, and stays `unconfirmed` where nobody can tell.

use std::collections::HashSet;
use std::time::Duration;

use crate::app::App;
use crate::carriers::{Answer, Connection, Outcome, Question};
use crate::channel::{Channel, Failure, FailureCode};
use crate::db::Tx;
use crate::error::Result;
use crate::id::MessageId;
use crate::media_type;
use crate::net::NetProblem;
use crate::phone::events::Emitter;
use crate::phone::messages::send::{self, Begun, Handover, InDoubt};
use crate::phone::messages::settle::{self, Settlement};
use crate::queue::{self, Job};

use super::{Ready, outbound};

/// A number's lane is closed while its carrier is down: its messages stay `queued`, in order.
pub fn closed(tx: &mut Tx<'_>, app: &App, lanes: &[&String]) -> Result<HashSet<String>> {
    let sql = "SELECT id, carrier FROM numbers WHERE id IN ({list})";
    let carriers: Vec<(String, String)> =
        tx.query_listed(sql, &[], lanes.iter().copied(), |row| Ok((row.get(0)?, row.get(1)?)))?;
    // A carrier that is not configured any more refuses each message by name.
    let is_down = |carrier: &str| app.carrier(carrier).is_some_and(|connection| !connection.is_up());
    Ok(carriers.into_iter().filter(|(_, carrier)| is_down(carrier)).map(|(lane, _)| lane).collect())
}

/// Queued messages become `sending`, durably, before anything leaves; one past its validity expires instead.
pub fn prepare(tx: &mut Tx<'_>, app: &App, jobs: Vec<(MessageId, Job)>) -> Result<Vec<(Job, Ready)>> {
    let now = app.clock.now();
    let validity = Duration::from_secs(u64::from(app.config.message_validity_hours) * 3600);
    let mut valid = Vec::with_capacity(jobs.len());
    let mut emitter = Emitter::default();
    for (id, job) in jobs {
        if job.created_at + validity <= now && is_queued(tx, &id)? {
            settle::expire(tx, &app.ids, &mut emitter, now, &id)?;
            queue::finish(tx, &job)?;
        } else {
            valid.push((id, job));
        }
    }
    emitter.store(tx, &app.ids, now)?;
    let ids: Vec<&MessageId> = valid.iter().map(|(id, _)| id).collect();
    let mut begun = send::begin_all(tx, &ids)?;
    let mut ready = Vec::with_capacity(valid.len());
    for (id, job) in valid {
        match begun.remove(&id).unwrap_or(Begun::Nothing) {
            Begun::HandOver(handover) => ready.push((job, Ready::HandOver(handover))),
            Begun::InDoubt(doubt) => ready.push((job, Ready::InDoubt(doubt))),
            Begun::Nothing => queue::finish(tx, &job)?,
        }
    }
    Ok(ready)
}

fn is_queued(tx: &mut Tx<'_>, id: &MessageId) -> Result<bool> {
    tx.exists("SELECT 1 FROM messages WHERE id = ?1 AND status = 'queued'", &[id])
}

/// Hands over and records what became of it; answers that once it is stored. `None` where this process was taken for
/// dead meanwhile: whoever has the message then asks about it, and so it must not leave any more.
pub async fn hand_over(app: &App, job: Job, handover: Handover) -> Option<Settlement> {
    if !app.db.presence().is(&job.lease) {
        return None;
    }
    let id = handover.message_id.clone();
    let settlement = tokio::select! {
        biased;
        settlement = carry(app, handover) => settlement,
        () = app.db.presence().ended(&job.lease) => return None,
    };
    app.settler.settle(job, id, settlement.clone()).await;
    Some(settlement)
}

/// Hands over; what came of it.
async fn carry(app: &App, handover: Handover) -> Settlement {
    let id = handover.message_id.clone();
    let attempt = handover.attempt;
    // Most have none: their tasks shall not carry the room for looking.
    let unusable =
        if handover.media_urls.is_empty() { None } else { Box::pin(unusable_media(app, &handover)).await };
    if let Some(failure) = unusable {
        return Settlement::Refused(failure);
    }
    match outbound::connection(app, handover.carrier.as_deref()) {
        Ok(connection) => {
            let channel = handover.channel;
            let outcome = connection.carrier.submit(outbound::text(handover)).await;
            let broke_off =
                matches!(outcome, Outcome::Unknown { .. }) && connection.capabilities.can_be_asked;
            let known = if broke_off {
                Box::pin(ask_carrier(connection, about(&id, None, channel))).await
            } else {
                None
            };
            outbound::settlement(known.unwrap_or(outcome), app.clock.now(), attempt)
        }
        Err(failure) => Settlement::Refused(failure),
    }
}

/// Looks whether the attachments can be had, as the carrier will, and says what is wrong with the first that
/// cannot.
async fn unusable_media(app: &App, handover: &Handover) -> Option<Failure> {
    // Well within the lease: a claim that came meanwhile would take the message for one that may be out.
    let looked = tokio::time::timeout(queue::LEASE / 3, first_unusable(app, handover)).await;
    looked.unwrap_or_else(|_| {
        let reason = "The attachments could not all be looked at in time".to_owned();
        Some(Failure { code: FailureCode::MediaNotUsable, reason })
    })
}

async fn first_unusable(app: &App, handover: &Handover) -> Option<Failure> {
    for text in &handover.media_urls {
        if let Err((code, problem)) = look_at(app, text).await {
            return Some(Failure { code, reason: format!("{text}: {problem}") });
        }
    }
    None
}

async fn look_at(app: &App, text: &str) -> Result<(), (FailureCode, String)> {
    let unusable = |problem: String| (FailureCode::MediaNotUsable, problem);
    let url = app.net.guard().check_url(text).map_err(|problem| unusable(problem.to_string()))?;
    let wait = Duration::from_secs(app.config.media.wait_seconds);
    let fetched = match app.net.look_at(&url, wait, app.config.media.max_bytes).await {
        Ok(fetched) if (200..300).contains(&fetched.status) => fetched,
        Ok(fetched) => return Err(unusable(format!("it answered {}", fetched.status))),
        Err(problem @ NetProblem::TooLarge { .. }) => {
            return Err((FailureCode::MediaTooLarge, problem.to_string()));
        }
        Err(problem) => return Err(unusable(problem.to_string())),
    };
    let kind = media_type::attachable(fetched.content_type.as_deref(), &fetched.body);
    kind.map(drop).map_err(|problem| unusable(problem.to_string()))
}

/// The message was being handed over when its process ended: asks the carrier what it knows.
pub async fn ask(app: &App, job: Job, InDoubt { message, carrier }: InDoubt) {
    let Some(connection) = carrier.and_then(|carrier| app.carrier(&carrier)) else {
        let reason = "The server stopped during the hand-over, and its carrier is gone".to_owned();
        return app.settler.settle(job, message.id, Settlement::Unconfirmed { reason }).await;
    };
    let question = about(&message.id, message.provider_id.clone(), message.channel);
    let settlement = match ask_carrier(connection, question).await {
        Some(outcome) => outbound::settlement(outcome, app.clock.now(), 1),
        None => Settlement::Unconfirmed {
            reason: "The server stopped during the hand-over, and the carrier cannot tell whether it has it"
                .to_owned(),
        },
    };
    app.settler.settle(job, message.id, settlement).await;
}

fn about(id: &MessageId, provider_id: Option<String>, channel: Channel) -> Question {
    Question::Message { message_id: id.to_string(), provider_id, channel }
}

/// What became of a message that a carrier may or may not have; `None` where it cannot tell.
async fn ask_carrier(connection: &Connection, question: Question) -> Option<Outcome> {
    let mut up = connection.up.clone();
    // Until the line is back nobody can tell; the lease is ours meanwhile.
    let _ = tokio::time::timeout(queue::LEASE / 2, up.wait_for(|up| *up)).await;
    match connection.carrier.ask(question).await {
        Answer::Message(outcome) => Some(outcome),
        Answer::Reach { .. } | Answer::Number(_) | Answer::NoNumber | Answer::Done | Answer::CannotTell => {
            None
        }
    }
}
