//! What happens later: one file per job. What a job *is* stands in `queue/task.rs`; here it is prepared inside
//! the claiming unit, done outside of any, and its outcome recorded with its end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::ConversationId;
use crate::phone::acts;
use crate::phone::erase::Outside;
use crate::phone::messages::send::{Handover, InDoubt};
use crate::phone::numbers::{self, Expiry, Number};
use crate::queue::{self, Class, Job, Limits, Room, Task, Wakes, Work, Worker};

pub mod accepter;
pub mod act;
pub mod arrivals;
pub mod deliver_webhook;
pub mod erase;
pub mod fetch_media;
pub mod indexer;
pub mod meter;
pub mod outbound;
pub mod presence;
pub mod recorder;
pub mod release_number;
pub mod reply;
pub mod send_message;
pub mod settler;
pub mod test_webhook;
pub mod upkeep;

/// What a prepared job has to do.
pub enum Ready {
    HandOver(Box<Handover>),
    InDoubt(Box<InDoubt>),
    /// A reaction, a sign of typing, a background, a group's name.
    Act(Box<acts::Handover>),
    Deliver(Box<deliver_webhook::Attempt>),
    Fetch(Box<crate::phone::media::Media>),
    /// A number that was just given back; its carrier is to be told.
    Released(Box<Number>),
    /// A conversation whose messages are to be erased.
    Erase(ConversationId),
    /// What lies outside of the tables of messages that were erased.
    EraseOutside(Box<Outside>),
    Upkeep,
}

/// The jobs of `app`.
pub struct Jobs {
    pub app: App,
}

#[async_trait]
impl Work for Jobs {
    type Ready = Ready;

    fn closed(&self, tx: &mut Tx<'_>, class: Class, lanes: &[&String]) -> Result<HashSet<String>> {
        match class {
            Class::Send => send_message::closed(tx, &self.app, lanes),
            Class::Hook | Class::Media | Class::Upkeep => Ok(HashSet::new()),
        }
    }

    fn prepare(&self, tx: &mut Tx<'_>, jobs: Vec<Job>) -> Result<Vec<(Job, Ready)>> {
        let mut ready = Vec::with_capacity(jobs.len());
        let (mut messages, mut deliveries) = (Vec::new(), Vec::new());
        for job in jobs {
            if let Task::SendMessage(id) = &job.task {
                messages.push((id.clone(), job));
            } else if let Task::DeliverWebhook(id) = &job.task {
                deliveries.push((id.clone(), job));
            } else if let Some(one) = self.prepare_one(tx, &job)? {
                ready.push((job, one));
            }
        }
        ready.append(&mut send_message::prepare(tx, &self.app, messages)?);
        let attempts = deliver_webhook::prepare(tx, &self.app, deliveries)?;
        ready.extend(attempts.into_iter().map(|(job, attempt)| (job, Ready::Deliver(Box::new(attempt)))));
        Ok(ready)
    }

    async fn perform(&self, job: Job, ready: Ready) {
        let app = &self.app;
        match ready {
            Ready::HandOver(handover) => drop(send_message::hand_over(app, job, *handover).await),
            Ready::InDoubt(doubt) => send_message::ask(app, job, *doubt).await,
            Ready::Act(handover) => act::perform(app, job, *handover).await,
            Ready::Deliver(attempt) => deliver_webhook::perform(app, job, *attempt).await,
            Ready::Fetch(media) => fetch_media::perform(app, job, *media).await,
            Ready::Released(number) => release_number::perform(app, job, *number).await,
            Ready::Erase(id) => erase::perform(app, job, id).await,
            Ready::EraseOutside(outside) => erase::perform_outside(app, job, *outside).await,
            Ready::Upkeep => upkeep::perform(app, job).await,
        }
    }
}

impl Jobs {
    fn prepare_one(&self, tx: &mut Tx<'_>, job: &Job) -> Result<Option<Ready>> {
        let app = &self.app;
        let ready = match &job.task {
            Task::Act(id) => {
                acts::begin(tx, job, id, app.clock.now())?.map(|handover| Ready::Act(Box::new(handover)))
            }
            // These are prepared together, even if there is one.
            Task::SendMessage(_) | Task::DeliverWebhook(_) => {
                return Ok(self.prepare(tx, vec![job.clone()])?.pop().map(|(_, ready)| ready));
            }
            Task::FetchMedia(id) => {
                let media = crate::phone::media::find(tx, id)?.filter(|media| !media.is_stored);
                media.map(|media| Ready::Fetch(Box::new(media)))
            }
            Task::ReleaseNumber(id) => match numbers::release_if_expired(tx, id, app.clock.now())? {
                Expiry::Released(number) => Some(Ready::Released(number)),
                Expiry::Later(then) => {
                    queue::retry(tx, job, then, "its time was changed", false)?;
                    return Ok(None);
                }
                Expiry::Nothing => None,
            },
            Task::EraseConversation(id) => Some(Ready::Erase(id.clone())),
            Task::EraseOutside(ids) => return erase::prepare(tx, app, job, ids),
            Task::Prune => Some(Ready::Upkeep),
        };
        if ready.is_none() {
            queue::finish(tx, job)?;
        }
        Ok(ready)
    }
}

/// Starts a worker for each class of lanes.
pub fn start(app: &App) {
    let jobs = Arc::new(Jobs { app: app.clone() });
    for class in [Class::Send, Class::Hook, Class::Media, Class::Upkeep] {
        let room = match class {
            Class::Send => Room::new(Limits { per_lane: 1_000, in_all: 4_000, exclusive: true }),
            Class::Hook => app.hooks.clone(),
            Class::Media => Room::new(Limits { per_lane: 16, in_all: 16, exclusive: false }),
            Class::Upkeep => Room::new(Limits { per_lane: 1, in_all: 2, exclusive: false }),
        };
        let wakes = Wakes::of(&app.db, class);
        if class == Class::Send {
            look_when_lines_are_up(app, &wakes);
        }
        let worker = Worker {
            db: app.db.clone(),
            clock: app.clock.clone(),
            class,
            room,
            work: Arc::clone(&jobs),
            wakes,
            tasks: app.tasks.clone(),
            stop: app.stop.clone(),
        };
        app.tasks.spawn(worker.run());
    }
}

/// What waits behind a line that was down leaves as soon as it is up.
fn look_when_lines_are_up(app: &App, wakes: &Wakes) {
    for connection in app.carriers.values() {
        let (mut up, wakes) = (connection.up.clone(), wakes.clone());
        let watch = async move {
            while up.changed().await.is_ok() {
                if *up.borrow_and_update() {
                    wakes.look_again();
                }
            }
        };
        app.tasks.spawn(app.stop.clone().run_until_cancelled_owned(watch));
    }
}

/// Pause before a transient trouble of a carrier is tried again.
fn carrier_pause(attempt: i64) -> Duration {
    queue::backoff::doubling(attempt, Duration::from_millis(200), Duration::from_secs(30))
}
