//! What both doors do to send: accept in one unit, hand over, wait for the carrier's answer where that makes
//! sense. It runs as a task of the server, not of the connection: a client that hangs up changes nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, Storage};
use crate::id::MessageId;
use crate::jobs::send_message;
use crate::phone::idempotency::{self, Use};
use crate::phone::messages::send::{self, Accepted, Draft};
use crate::phone::messages::{self, Message};

/// Accepts `draft` and answers the message as it stands once the carrier has answered, or after `send_wait`, or
/// at once when it cannot be with the carrier now.
pub async fn send_and_wait(app: &App, draft: Draft, key: Option<Use>) -> Result<Message> {
    let (here, id) = (app.clone(), draft.id.clone());
    let sending = app.tasks.spawn(async move {
        let woken = here.waiting.register(draft.id.as_str());
        let accepted = accept(&here, draft, key).await;
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                here.waiting.leave(id.as_str());
                return Err(error);
            }
        };
        let waits = accepted.is_moving;
        if let Some((job, handover)) = accepted.direct {
            let app = here.clone();
            here.tasks.spawn(async move { send_message::hand_over(&app, job, handover).await });
        }
        if waits {
            // Too late is no failure: the answer is what the message is then.
            let _ = tokio::time::timeout(here.config.send_wait(), woken).await;
        }
        here.waiting.leave(id.as_str());
        let message = here.db.read(move |tx| messages::find(tx, &id)).await?;
        message.ok_or_else(|| anyhow::anyhow!("an accepted message is gone").into())
    });
    sending.await.unwrap_or_else(|error| Err(anyhow::anyhow!("sending broke off: {error}").into()))
}

/// Accepts `draft` and lets it go its way.
pub async fn send(app: &App, draft: Draft, key: Option<Use>) -> Result<Accepted> {
    let here = app.clone();
    let sending = app.tasks.spawn(async move {
        let mut accepted = accept(&here, draft, key).await?;
        if let Some((job, handover)) = accepted.direct.take() {
            let app = here.clone();
            here.tasks.spawn(async move { send_message::hand_over(&app, job, handover).await });
        }
        Ok(accepted)
    });
    sending.await.unwrap_or_else(|error| Err(anyhow::anyhow!("sending broke off: {error}").into()))
}

async fn accept(app: &App, draft: Draft, key: Option<Use>) -> Result<Accepted> {
    let id = draft.id.clone();
    let (here, draft) = (app.clone(), Arc::new(draft));
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.db.presence().incarnation();
        if let Some(key) = &key {
            idempotency::take(tx, key, draft.id.as_str(), me.as_ref(), draft.now)?;
        }
        send::accept(tx, &here.ids, &here.lines, me.as_ref(), &draft)
    };
    match app.db.write(unit).await {
        Err(Error::Storage(Storage::OutcomeUnknown(reason))) => Err(was_it_stored(app, id, reason).await),
        answered => answered,
    }
}

/// The commit's answer was lost: looks whether the message is there. Only a certain no may be answered 503.
async fn was_it_stored(app: &App, id: MessageId, reason: String) -> Error {
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
