//! Records how hand-overs ended and what receipts say, many in one unit: what has gathered while the last unit was
//! being flushed goes together. One message alone does not wait for company.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::db::{Db, Gather, Tx};
use crate::error::{Error, Result};
use crate::id::{Ids, MessageId};
use crate::phone::events::Emitter;
use crate::phone::messages::settle::{self, Ended, Receipt, Settlement};
use crate::queue::Job;

/// Settled together at most.
const BATCH: usize = 128;

/// Where hand-overs report their end, and carriers their receipts.
#[derive(Clone)]
pub struct Settler(Gather<Settled, Result<()>>);

enum Settled {
    HandOver(Box<Ended>),
    Receipts(Vec<Receipt>),
}

impl Settler {
    pub fn new(db: Db, ids: Ids, clock: Clock, tasks: TaskTracker) -> Self {
        let room = usize::MAX;
        Self(Gather::new(BATCH, room, tasks, move |all| store(db.clone(), ids.clone(), clock.clone(), all)))
    }

    /// Returns once the settlement is stored.
    pub async fn settle(&self, job: Job, id: MessageId, settlement: Settlement) {
        // What could not be stored was logged, and its lease runs out.
        let _ = self.0.bring(Settled::HandOver(Box::new((job, id, settlement)))).await;
    }

    /// Returns once the receipts are stored. Those of one message are taken in the order in which they are brought.
    pub async fn report(&self, receipts: Vec<Receipt>) -> Result<()> {
        let broke_off = |_| Err(Error::Internal(anyhow::anyhow!("recording receipts broke off")));
        self.0.bring(Settled::Receipts(receipts)).await.unwrap_or_else(broke_off)
    }
}

async fn store(db: Db, ids: Ids, clock: Clock, all: Vec<Settled>) -> Vec<Result<()>> {
    let now = clock.now();
    let count = all.len();
    let (mut ended, mut receipts) = (Vec::with_capacity(count), Vec::new());
    for one in all {
        match one {
            Settled::HandOver(hand_over) => ended.push(*hand_over),
            Settled::Receipts(some) => receipts.extend(some),
        }
    }
    let both = Arc::new((ended, receipts));
    let unit = move |tx: &mut Tx<'_>| {
        let (ended, receipts) = &*both;
        let mut emitter = Emitter::default();
        // A receipt often comes while the carrier's answer is still on its way into the database.
        settle::settle_all(tx, &ids, &mut emitter, now, ended)?;
        settle::report_all(tx, &ids, &mut emitter, now, receipts)
    };
    let stored = db.record(unit).await;
    if let Err(error) = &stored {
        tracing::error!(?error, "settlements could not be stored");
    }
    let outcome =
        || stored.as_ref().map_err(|_| anyhow::anyhow!("settlements could not be stored").into()).copied();
    (0..count).map(|_| outcome()).collect()
}
