//! Which upstream gets a request: the one with the least under way of those that may be called. Where all are full the
//! request waits, first come first served, in a room with so many places.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use super::super::Fault;
use super::lease::Lease;
use super::{Model, Parts};

/// Who waits for room at the upstreams of one model.
#[derive(Default)]
pub(super) struct Room {
    waiting: AtomicUsize,
    /// Whose turn it is looks for room; the others stand in line for it.
    turn: Mutex<()>,
    /// Said when a request has ended.
    ended: Notify,
}

/// A place in the room.
struct Place<'a>(&'a Room);

/// What there is for a request now.
enum Choice {
    Taken(Lease),
    Full,
    /// Nobody may be called.
    Shut,
}

impl Room {
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// A request has ended. Who waits enters first and looks then; who ends gives its room back first and looks for who
    /// waits then: one of them sees the other.
    pub fn left(&self) {
        if self.waiting() > 0 {
            self.ended.notify_one();
        }
    }

    fn enter(&self, places: usize) -> Option<Place<'_>> {
        let more = |waiting: usize| (waiting < places).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok().map(|_| Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Model {
    /// Room at an upstream that is not among `tried`, waiting for it if need be.
    pub(super) async fn room(&self, tried: &[usize]) -> Result<Lease, Fault> {
        let Parts { room, settings, upstreams, .. } = &*self.0;
        if room.waiting() == 0 {
            match self.choose(tried) {
                Choice::Taken(lease) => return Ok(lease),
                Choice::Shut => return Err(self.shut()),
                Choice::Full => {}
            }
        }
        let places = settings.concurrency.saturating_mul(upstreams.len());
        let _place = room.enter(places).ok_or(Fault::Busy { seconds: 1 })?;
        timeout(settings.timeout, self.wait(tried)).await.unwrap_or(Err(Fault::Busy { seconds: 1 }))
    }

    async fn wait(&self, tried: &[usize]) -> Result<Lease, Fault> {
        let room = &self.0.room;
        let _turn = room.turn.lock().await;
        loop {
            // What ends between looking and waiting leaves its word behind.
            let ended = room.ended.notified();
            match self.choose(tried) {
                Choice::Taken(lease) => return Ok(lease),
                Choice::Shut => return Err(self.shut()),
                Choice::Full => ended.await,
            }
        }
    }

    fn choose(&self, tried: &[usize]) -> Choice {
        let upstreams = &self.0.upstreams;
        // Equals take turns.
        let first = self.0.turns.fetch_add(1, Ordering::Relaxed);
        let mut open: Vec<(usize, usize)> = (0..upstreams.len())
            .map(|step| first.wrapping_add(step) % upstreams.len())
            .filter(|place| !tried.contains(place))
            .filter(|place| upstreams[*place].server.breaker(|breaker, now| breaker.lets_through(now)))
            .map(|place| (upstreams[place].server.under_way.load(Ordering::SeqCst), place))
            .collect();
        if open.is_empty() {
            return Choice::Shut;
        }
        open.sort_by_key(|(under_way, _)| *under_way);
        let taken = open.into_iter().find_map(|(_, place)| Lease::take(&self.0, place));
        taken.map_or(Choice::Full, Choice::Taken)
    }

    /// No upstream may be called now: they rest because they asked for it, or they failed too often.
    fn shut(&self) -> Fault {
        let rests = self.0.upstreams.iter().filter_map(|upstream| {
            upstream.server.breaker(|breaker, now| {
                let until = breaker.rests_until(now)?;
                Some(until.millis() - now.millis())
            })
        });
        match rests.min() {
            Some(millis) => Fault::Busy { seconds: u64::try_from(millis).unwrap_or(0).div_ceil(1000).max(1) },
            None => self.failed("no upstream can be reached at present"),
        }
    }
}

/// One model's way to one server.
pub(super) struct Upstream {
    pub server: Arc<super::server::Server>,
    /// Requests of this model under way there.
    pub under_way: AtomicUsize,
}
