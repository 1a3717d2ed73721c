//! What follows a deletion: the messages of a conversation go batch by batch, then files and what carriers keep. All
//! of it can be broken off anywhere and goes on where it was; a carrier that is away is asked again until it is back.

use std::collections::HashMap;
use std::time::Duration;

use crate::app::App;
use crate::carriers::{Answer, MessageRef, Question};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ConversationId, MessageId};
use crate::phone::erase::{self, Carried, Outside};
use crate::queue::{self, Job};

use super::{Ready, outbound};

/// Units in a row before others of the lane get their turn.
const UNITS: usize = 64;
/// A message that is being handed over is looked at again after so long.
const HAND_OVER: Duration = Duration::from_secs(1);

/// Erases the next messages of a conversation.
pub async fn perform(app: &App, job: Job, id: ConversationId) {
    let mut after = Time::from_millis(i64::MIN);
    let mut is_through = false;
    for _ in 0..UNITS {
        let (ids, id, now) = (app.ids.clone(), id.clone(), app.clock.now());
        match app.db.write(move |tx| erase::next(tx, &ids, now, &id, after)).await {
            Ok(Some(last)) => after = last,
            Ok(None) => {
                is_through = true;
                break;
            }
            Err(error) => {
                tracing::debug!(%error, "a conversation is erased further a little later");
                break;
            }
        }
    }
    let outcome = if is_through { Ok(()) } else { Err("there is more to erase".to_owned()) };
    end(app, job, outcome, Duration::ZERO).await;
}

/// Gathers what is outside, once nothing of it moves any more.
pub fn prepare(tx: &mut Tx<'_>, app: &App, job: &Job, ids: &[MessageId]) -> Result<Option<Ready>> {
    let outside = erase::outside(tx, ids)?;
    if outside.is_moving {
        let later = app.clock.now() + HAND_OVER;
        queue::retry(tx, job, later, "a message is being handed over", false)?;
        return Ok(None);
    }
    Ok(Some(Ready::EraseOutside(Box::new(outside))))
}

/// Deletes the files, and asks the carriers.
pub async fn perform_outside(app: &App, job: Job, outside: Outside) {
    let outcome = match delete_files(app, &outside.files).await {
        Ok(()) => ask(app, outside.carried).await,
        Err(error) => Err(error.to_string()),
    };
    let pause = queue::backoff::doubling(job.attempt, Duration::from_secs(1), Duration::from_mins(1));
    end(app, job, outcome, pause).await;
}

async fn delete_files(app: &App, tokens: &[String]) -> anyhow::Result<()> {
    for token in tokens {
        app.media.delete(token).await?;
    }
    Ok(())
}

/// Has each carrier forget its messages, as far as it does such a thing.
async fn ask(app: &App, carried: Vec<Carried>) -> Result<(), String> {
    let mut by_carrier: HashMap<String, Vec<MessageRef>> = HashMap::new();
    for Carried { carrier, id, provider_id } in carried {
        by_carrier.entry(carrier).or_default().push(outbound::reference(&id, provider_id));
    }
    for (name, messages) in by_carrier {
        let Some(connection) = app.carrier(&name).filter(|carrier| carrier.capabilities.erases) else {
            continue;
        };
        match connection.carrier.ask(Question::Erase { messages }).await {
            Answer::Done => {}
            Answer::Message(_)
            | Answer::Reach { .. }
            | Answer::Number(_)
            | Answer::NoNumber
            | Answer::CannotTell => {
                return Err(format!("the carrier {name} did not say that it is done"));
            }
        }
    }
    Ok(())
}

/// The job is over, or comes again after `pause`.
async fn end(app: &App, job: Job, outcome: Result<(), String>, pause: Duration) {
    let again = app.clock.now() + pause;
    let unit = move |tx: &mut Tx<'_>| match &outcome {
        Ok(()) => queue::finish(tx, &job),
        Err(reason) => queue::retry(tx, &job, again, reason, false),
    };
    if let Err(error) = app.db.record(unit).await {
        tracing::error!(?error, "how far a deletion came could not be recorded");
    }
}
