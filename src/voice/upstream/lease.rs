//! The right to have one request under way at one upstream. Dropping it gives the room to the next who waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Parts;
use super::server::Server;
use crate::clock::Time;

pub(super) struct Lease {
    model: Arc<Parts>,
    /// Which of the model's upstreams.
    place: usize,
    /// Whether this request tries for all whether the upstream is back.
    tries: bool,
}

impl Lease {
    /// `None` if the upstream is full or must not be called now.
    pub fn take(model: &Arc<Parts>, place: usize) -> Option<Self> {
        let upstream = &model.upstreams[place];
        let limit = model.settings.concurrency;
        let room = |under_way: usize| (under_way < limit).then_some(under_way + 1);
        upstream.under_way.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).ok()?;
        let server = &upstream.server;
        server.under_way.fetch_add(1, Ordering::SeqCst);
        let mut lease = Self { model: Arc::clone(model), place, tries: false };
        let went = server.breaker(|breaker, now| breaker.lets_through(now).then(|| breaker.went_through()));
        lease.tries = went?;
        server.requests.fetch_add(1, Ordering::Relaxed);
        Some(lease)
    }

    pub const fn place(&self) -> usize {
        self.place
    }

    pub fn server(&self) -> &Arc<Server> {
        &self.model.upstreams[self.place].server
    }

    /// The upstream has begun to answer: others may call it again.
    pub fn answered(&mut self) {
        if std::mem::take(&mut self.tries) {
            self.server().breaker(|breaker, _| breaker.answered());
        }
    }

    /// It has answered to the end.
    pub fn succeeded(mut self) {
        self.tries = false;
        self.server().breaker(|breaker, _| breaker.succeeded());
    }

    /// It asked to be left alone until then.
    pub fn rests(mut self, until: Time) {
        self.tries = false;
        self.server().breaker(|breaker, _| breaker.rests(until));
    }

    pub fn failed(mut self, why: &'static str) {
        let tried = std::mem::take(&mut self.tries);
        self.server().failed(why, tried);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.tries {
            self.server().breaker(|breaker, _| breaker.abandoned());
        }
        let upstream = &self.model.upstreams[self.place];
        upstream.server.under_way.fetch_sub(1, Ordering::SeqCst);
        upstream.under_way.fetch_sub(1, Ordering::SeqCst);
        self.model.room.left();
    }
}
