//! Records how hand-overs ended, many in one unit: what has gathered while the last unit was being flushed goes
//! together. One message alone does not wait for company.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::db::{Db, Tx};
use crate::id::{Ids, MessageId};
use crate::phone::events::Emitter;
use crate::phone::messages::settle::{self, Settlement};
use crate::queue::Job;

/// Settled together at most.
const BATCH: usize = 128;

/// Where hand-overs report their end.
#[derive(Clone)]
pub struct Settler(mpsc::UnboundedSender<Ended>);

struct Ended {
    job: Job,
    id: MessageId,
    settlement: Settlement,
    stored: oneshot::Sender<()>,
}

impl Settler {
    /// A settler and the loop that does its work.
    pub fn new(db: Db, ids: Ids, clock: Clock) -> (Self, impl Future<Output = ()>) {
        let (ended, mut endings) = mpsc::unbounded_channel();
        let work = async move {
            let mut gathered = Vec::with_capacity(BATCH);
            while endings.recv_many(&mut gathered, BATCH).await > 0 {
                store(&db, &ids, &clock, std::mem::take(&mut gathered)).await;
            }
        };
        (Self(ended), work)
    }

    /// Returns once the settlement is stored.
    pub async fn settle(&self, job: Job, id: MessageId, settlement: Settlement) {
        let (stored, is_stored) = oneshot::channel();
        if self.0.send(Ended { job, id, settlement, stored }).is_ok() {
            // Without an answer it could not be stored: the error was logged, and the lease runs out.
            let _ = is_stored.await;
        }
    }
}

async fn store(db: &Db, ids: &Ids, clock: &Clock, batch: Vec<Ended>) {
    let (ids, now) = (ids.clone(), clock.now());
    let mut waiters = Vec::with_capacity(batch.len());
    let mut endings = Vec::with_capacity(batch.len());
    for Ended { job, id, settlement, stored } in batch {
        waiters.push(stored);
        endings.push((job, id, settlement));
    }
    let endings = Arc::new(endings);
    let outcome = db
        .record(move |tx: &mut Tx<'_>| {
            let mut emitter = Emitter::default();
            settle::settle_all(tx, &ids, &mut emitter, now, &endings)
        })
        .await;
    match outcome {
        // Who waits may have gone: what was done is stored all the same.
        Ok(()) => waiters.into_iter().for_each(|stored| stored.send(()).unwrap_or_default()),
        Err(error) => tracing::error!(?error, "settlements could not be stored"),
    }
}
