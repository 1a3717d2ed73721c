//! What the network offers: into the inbox in order, and acknowledged once it is stored. What could not be stored is
//! forgotten, so that the network offers it again. One task does all of it, many at a time.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::desk::Desk;
use crate::carriers::{Arrival, Inbound, Inbox};

/// An offer with the network's number of it; 0 wants no acknowledgement.
pub type Offered = (u64, Inbound);

pub struct Arrivals {
    carrier: Arc<str>,
    inbox: Inbox,
    desk: Arc<Desk>,
    waiting: VecDeque<Offered>,
    /// Offers that are being stored; one that comes again meanwhile is left alone.
    under_way: HashSet<u64>,
}

impl Arrivals {
    pub fn new(carrier: Arc<str>, inbox: Inbox, desk: Arc<Desk>) -> Self {
        Self { carrier, inbox, desk, waiting: VecDeque::new(), under_way: HashSet::new() }
    }

    /// Runs until the link's keeper or the inbox is gone.
    pub async fn run(mut self, mut offered: mpsc::UnboundedReceiver<Offered>) {
        const BATCH: usize = 256;
        let inbox = self.inbox.clone();
        let mut batch = Vec::with_capacity(BATCH);
        let mut storing = FuturesUnordered::new();
        loop {
            let mut stored = Vec::new();
            tokio::select! {
                count = offered.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    let under_way = &mut self.under_way;
                    self.waiting.extend(batch.drain(..).filter(|(id, _)| *id == 0 || under_way.insert(*id)));
                }
                permit = inbox.reserve(), if !self.waiting.is_empty() => {
                    let Ok(permit) = permit else { return };
                    if let Some(offer) = self.waiting.pop_front() {
                        let (arrival, answer) = self.arrival(offer);
                        permit.send(arrival);
                        storing.push(answer);
                    }
                    while let (Ok(permit), false) = (inbox.try_reserve(), self.waiting.is_empty()) {
                        if let Some(offer) = self.waiting.pop_front() {
                            let (arrival, answer) = self.arrival(offer);
                            permit.send(arrival);
                            storing.push(answer);
                        }
                    }
                }
                Some(answer) = storing.next() => self.settle(answer, &mut stored),
            }
            while let Some(Some(answer)) = storing.next().now_or_never() {
                self.settle(answer, &mut stored);
            }
            if !stored.is_empty() {
                self.desk.stored(stored);
            }
        }
    }

    /// The offer as an arrival, and the answer to wait for.
    fn arrival(&self, (id, inbound): Offered) -> (Arrival, impl Future<Output = Settled> + use<>) {
        let (stored, answer) = oneshot::channel();
        let arrival = Arrival { carrier: self.carrier.clone(), inbound, stored };
        (arrival, async move { (id, answer.await.ok()) })
    }

    fn settle(&mut self, (id, answer): Settled, stored: &mut Vec<(u64, Option<String>)>) {
        self.under_way.remove(&id);
        if let (Some(became), true) = (answer, id != 0) {
            stored.push((id, became));
        }
    }
}

/// An offer, and what storing it came to: our id of a text, nothing for other things, or a failure.
type Settled = (u64, Option<Option<String>>);
