//! Records how hand-overs ended and what receipts say, many in one unit: what has gathered while the last unit was
//! being flushed goes together. One message alone does not wait for company.

use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Time};
use crate::db::{By, Db, Gather, Tx};
use crate::error::Result;
use crate::id::{Ids, MessageId};
use crate::phone::events::Emitter;
use crate::phone::messages::settle::{self, Ended, Receipt, Settlement};
use crate::queue::Job;

/// Settled together at most.
const BATCH: usize = 256;

/// Where hand-overs report their end, and carriers their receipts.
#[derive(Clone)]
pub struct Settler(Gather<Settled, ()>);

#[derive(Clone)]
enum Settled {
    HandOver(Box<Ended>),
    Receipts(Vec<Receipt>),
}

impl Settled {
    fn hand_over(&self) -> Option<&Ended> {
        match self {
            Self::HandOver(ended) => Some(ended),
            Self::Receipts(_) => None,
        }
    }

    fn receipts(&self) -> &[Receipt] {
        match self {
            Self::HandOver(_) => &[],
            Self::Receipts(receipts) => receipts,
        }
    }
}

impl Settler {
    pub fn new(db: Db, ids: Ids, clock: Clock, tasks: TaskTracker) -> Self {
        let store = move |tx: &mut Tx<'_>, all: &[Settled]| store(tx, &ids, clock.now(), all);
        Self(Gather::new(db, By::Record, BATCH, usize::MAX, tasks, store))
    }

    /// Returns once the settlement is stored.
    pub async fn settle(&self, job: Job, id: MessageId, settlement: Settlement) {
        let message = id.clone();
        if let Err(error) = self.0.bring(Settled::HandOver(Box::new((job, id, settlement)))).await {
            tracing::error!(%message, ?error, "a hand-over could not be recorded; its lease runs out");
        }
    }

    /// Ends once the receipts are stored. Those of one message are taken in the order of the calls.
    pub fn report(&self, receipts: Vec<Receipt>) -> impl Future<Output = Result<()>> + use<> {
        self.0.bring(Settled::Receipts(receipts))
    }
}

fn store(tx: &mut Tx<'_>, ids: &Ids, now: Time, all: &[Settled]) -> Result<Vec<Result<()>>> {
    let ended: Vec<_> = all.iter().filter_map(Settled::hand_over).collect();
    let receipts: Vec<_> = all.iter().flat_map(Settled::receipts).collect();
    let mut emitter = Emitter::default();
    // A receipt often comes while the carrier's answer is still on its way into the database.
    settle::settle_all(tx, ids, &mut emitter, now, &ended)?;
    settle::report_all(tx, ids, &mut emitter, now, &receipts)?;
    emitter.store(tx, ids, now)?;
    Ok(all.iter().map(|_| Ok(())).collect())
}
