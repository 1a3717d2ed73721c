//! What both doors do to send: accept in one unit, hand over, wait for the carrier's answer where that makes
//! sense. It runs as a task of the server, not of the connection: a client that hangs up changes nothing.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::app::App;
use crate::channel::{Channel, Failure, FailureCode};
use crate::error::{Code, Error, Result, Storage};
use crate::id::{ConversationId, MessageId};
use crate::jobs::send_message;
use crate::phone::idempotency::Use;
use crate::phone::messages::send::{Accepted, Draft};
use crate::phone::messages::settle::Settlement;
use crate::phone::messages::{self, Message, Status};

/// A message as the answer to its request tells it.
#[derive(Clone, Debug)]
pub struct Answered {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub status: Status,
    pub channel: Channel,
    pub from: String,
    pub to: String,
    pub media_urls: Vec<String>,
    pub reply_to: Option<MessageId>,
    pub reply_unresolved: Option<bool>,
    pub failure: Option<Failure>,
}

/// Accepts `draft` and answers once the carrier has answered, or after `send_wait`, or at once when the message
/// cannot be with the carrier now.
pub async fn send_and_wait(app: &App, draft: Draft, key: Option<Use>) -> Result<Answered> {
    let (answer, answered) = oneshot::channel();
    let (here, id) = (app.clone(), draft.id.clone());
    // Who waits registers first: another process may settle the message before this one looks.
    let woken = app.waiting.register(id.as_str());
    let accepting = app.accepter.accept(draft, key);
    app.tasks.spawn(async move { conduct(&here, id, accepting, woken, answer).await });
    answered.await.unwrap_or_else(|_| Err(anyhow::anyhow!("sending broke off").into()))
}

/// Sees a message through: the answer goes out when it is time, the hand-over is seen to its end.
async fn conduct(
    app: &App,
    id: MessageId,
    accepting: impl Future<Output = Result<Accepted>>,
    woken: oneshot::Receiver<()>,
    answer: oneshot::Sender<Result<Answered>>,
) {
    let mut accepted = match accept(app, &id, accepting).await {
        Ok(accepted) => accepted,
        Err(error) => {
            app.waiting.leave(id.as_str());
            return drop(answer.send(Err(error)));
        }
    };
    let patience = tokio::time::sleep(app.config.send_wait());
    let Some((job, handover)) = accepted.direct.take() else {
        if accepted.is_moving {
            let _ = tokio::time::timeout_at(patience.deadline(), woken).await;
        }
        app.waiting.leave(id.as_str());
        return drop(answer.send(as_it_stands(app, &accepted).await));
    };
    let handing = send_message::hand_over(app, job, handover);
    tokio::pin!(handing, patience);
    tokio::select! {
        settlement = &mut handing => {
            let told = settlement.and_then(|settlement| Answered::of(&accepted, &settlement));
            let told = if let Some(told) = told {
                Ok(told)
            } else {
                // It goes another way: the next hand-over will tell.
                let _ = tokio::time::timeout_at(patience.deadline(), woken).await;
                as_it_stands(app, &accepted).await
            };
            app.waiting.leave(id.as_str());
            drop(answer.send(told));
        }
        () = &mut patience => {
            app.waiting.leave(id.as_str());
            drop(answer.send(as_it_stands(app, &accepted).await));
            handing.await;
        }
    }
}

async fn as_it_stands(app: &App, accepted: &Accepted) -> Result<Answered> {
    match app.accepter.look_up(accepted.id.clone()).await {
        Ok(Some(message)) => Ok(Answered::from(message)),
        Ok(None) => Err(Error::refused(Code::NotFound, "The message was deleted")),
        Err(error) => {
            // It is stored, and may be with the carrier by now: whoever heard of an error would send it again.
            tracing::warn!(message = %accepted.id, %error, "an accepted message could not be looked up");
            Ok(Answered::of_accepted(accepted, Status::Queued, None))
        }
    }
}

impl Answered {
    /// What the carrier's answer means for the caller; `None` if the message may be handed over once more.
    fn of(accepted: &Accepted, settlement: &Settlement) -> Option<Self> {
        let (status, failure) = match settlement {
            Settlement::Sent { .. } => (Status::Sent, None),
            Settlement::Refused(_) if accepted.channel == Channel::Imessage => return None,
            Settlement::Refused(failure) => (Status::Failed, Some(failure.clone())),
            Settlement::Unconfirmed { reason } => {
                let (code, reason) = (FailureCode::DeliveryUnconfirmed, reason.clone());
                (Status::Unconfirmed, Some(Failure { code, reason }))
            }
            Settlement::Later { .. } => (Status::Queued, None),
            Settlement::NotOnImessage { .. } => return None,
        };
        Some(Self::of_accepted(accepted, status, failure))
    }

    fn of_accepted(accepted: &Accepted, status: Status, failure: Option<Failure>) -> Self {
        Self {
            id: accepted.id.clone(),
            conversation_id: accepted.conversation_id.clone(),
            status,
            channel: accepted.channel,
            from: accepted.from.clone(),
            to: accepted.to.clone(),
            media_urls: accepted.media_urls.clone(),
            reply_to: accepted.reply_to.clone(),
            reply_unresolved: accepted.reply_unresolved,
            failure,
        }
    }
}

impl From<Message> for Answered {
    fn from(message: Message) -> Self {
        // What came after the carrier's answer is told by events, not by the answer to the request.
        let status = match message.status {
            Status::Sending => Status::Queued,
            Status::Delivered | Status::Read => Status::Sent,
            other @ (Status::Queued
            | Status::Sent
            | Status::Failed
            | Status::Unconfirmed
            | Status::Received) => other,
        };
        let reason = message.failure_reason.unwrap_or_default();
        Self {
            id: message.id,
            conversation_id: message.conversation_id,
            status,
            channel: message.channel,
            from: message.from,
            to: message.to,
            media_urls: message.media_urls,
            reply_to: message.reply_to,
            reply_unresolved: message.reply_unresolved,
            failure: message.error_code.map(|code| Failure { code, reason }),
        }
    }
}

/// Accepts `draft` and lets it go its way; the answer does not wait for the carrier.
pub async fn send(app: &App, draft: Draft, key: Option<Use>) -> Result<Accepted> {
    let (answer, answered) = oneshot::channel();
    let (here, id) = (app.clone(), draft.id.clone());
    let accepting = app.accepter.accept(draft, key);
    app.tasks.spawn(async move {
        let mut accepted = accept(&here, &id, accepting).await;
        let direct = accepted.as_mut().ok().and_then(|accepted| accepted.direct.take());
        drop(answer.send(accepted));
        if let Some((job, handover)) = direct {
            send_message::hand_over(&here, job, handover).await;
        }
    });
    answered.await.unwrap_or_else(|_| Err(anyhow::anyhow!("sending broke off").into()))
}

async fn accept(
    app: &App,
    id: &MessageId,
    accepting: impl Future<Output = Result<Accepted>>,
) -> Result<Accepted> {
    match accepting.await {
        Err(Error::Storage(Storage::OutcomeUnknown(reason))) => Err(was_it_stored(app, id, reason).await),
        answered => answered,
    }
}

/// The commit's answer was lost: looks whether the message is there. Only a certain no may be answered 503.
async fn was_it_stored(app: &App, id: &MessageId, reason: String) -> Error {
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let wanted = id.clone();
        match app.db.read(move |tx| messages::find(tx, &wanted)).await {
            Ok(None) => return Error::Storage(Storage::Unavailable(reason)),
            // It is stored, but its job is another process's to find: the client is left to look it up.
            Ok(Some(_)) => break,
            Err(_) => {}
        }
    }
    Error::Storage(Storage::OutcomeUnknown(reason))
}
