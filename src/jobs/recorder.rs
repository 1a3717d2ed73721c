//! Records how webhook attempts ended, many in one unit: what has gathered while the last unit was being flushed goes
//! together, with the replies that the endpoints asked for and the ends of the jobs.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::reply::{self, Answered, Wish};
use crate::clock::Clock;
use crate::db::{By, Db, Gather, Tx};
use crate::error::Result;
use crate::id::Ids;
use crate::phone::attempts::{self, Ended};
use crate::phone::lines::Lines;
use crate::phone::messages::accept::Desk;
use crate::phone::messages::send::Handover;
use crate::queue::{self, Job};

/// Recorded together at most.
const BATCH: usize = 512;

/// An attempt that ended, with the job that made it.
pub struct Outcome {
    pub job: Job,
    pub ended: Ended,
    pub wish: Option<Wish>,
}

/// A reply to be handed over right after the commit.
pub type Direct = (Job, Handover);

/// Where webhook attempts report their end.
#[derive(Clone)]
pub struct Recorder(Gather<Arc<Outcome>, Option<Direct>>);

/// What recording needs.
struct Means {
    db: Db,
    ids: Ids,
    clock: Clock,
    lines: Lines,
}

impl Recorder {
    pub fn new(db: Db, ids: Ids, clock: Clock, lines: Lines, tasks: TaskTracker) -> Self {
        let means = Means { db: db.clone(), ids, clock, lines };
        let record = move |tx: &mut Tx<'_>, outcomes: &[Arc<Outcome>]| record(tx, &means, outcomes);
        Self(Gather::new(db, By::Record, BATCH, usize::MAX, tasks, record))
    }

    /// Returns once the outcome is stored, with the reply that is ours to hand over, if there is one.
    pub async fn record(&self, outcome: Outcome) -> Result<Option<Direct>> {
        self.0.bring(Arc::new(outcome)).await
    }
}

fn record(tx: &mut Tx<'_>, means: &Means, outcomes: &[Arc<Outcome>]) -> Result<Vec<Result<Option<Direct>>>> {
    let (me, now) = (means.db.presence().incarnation(), means.clock.now());
    let desk = Desk { ids: &means.ids, lines: &means.lines, me: me.as_ref() };
    let (mut stories, mut directs) = (Vec::with_capacity(outcomes.len()), Vec::new());
    for outcome in outcomes {
        let answered = match &outcome.wish {
            Some(wish) => reply::accept(tx, &desk, now, wish)?,
            None => Answered::default(),
        };
        stories.push(attempts::Outcome {
            ended: &outcome.ended,
            reply: answered.message,
            reply_error: answered.error,
        });
        directs.push(Ok(answered.direct));
    }
    attempts::end_all(tx, &stories)?;
    let mut over = Vec::with_capacity(outcomes.len());
    for Outcome { job, ended, .. } in outcomes.iter().map(AsRef::as_ref) {
        match ended.next_retry_at {
            Some(run_at) => queue::retry(tx, job, run_at, ended.error.as_deref().unwrap_or_default(), true)?,
            // Whoever has the job now decides what becomes of it.
            None if ended.error.is_some() && !queue::is_held(tx, job)? => {}
            None => over.push(job),
        }
    }
    queue::finish_all(tx, &over)?;
    Ok(directs)
}
