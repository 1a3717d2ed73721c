//! The one task that owns the network. It takes what has come in, up to 256 things at a time, lets each happen,
//! writes the journal once for all of them, and only then says the answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::carriers::{Inbound, Outcome};
use crate::clock::{Clock, Time};
use crate::id::Ids;

use super::asks::Asked;
use super::erase::Lines;
use super::event::Event;
use super::journal::Journal;
use super::link::{FromNetwork, ToNetwork};
use super::links::{LinkId, Links};
use super::media::Shelf;
use super::offers;
use super::state::State;
use super::watch::Watchers;

const BATCH: usize = 256;

/// What the task is told.
pub enum Command {
    Said(LinkId, ToNetwork),
    Closed(LinkId),
    /// Runs on the state; what it returns runs once the journal is written.
    Run(Box<dyn FnOnce(&mut Core) -> Deferred + Send>),
}

pub type Deferred = Box<dyn FnOnce() + Send>;

/// What happens at a later moment.
pub enum Due {
    Outcome(LinkId, u64, Outcome),
    Offer(u64, Option<LinkId>),
}

pub struct Core {
    pub state: State,
    pub links: Links,
    pub watchers: Watchers,
    pub clock: Clock,
    pub ids: Ids,
    /// The moment of the batch, in unix milliseconds.
    pub now: i64,
    pub(super) journal: Journal,
    /// Where in the journal things were said.
    pub(super) written: Lines,
    pub(super) shelf: Arc<Shelf>,
    timers: BTreeMap<(i64, u64), Due>,
    timer_count: u64,
    /// Questions that wait for other links, and how many fences were set.
    pub asked: Vec<Asked>,
    pub fences: u64,
}

impl Core {
    pub fn new(
        state: State,
        (journal, written): (Journal, Lines),
        shelf: Arc<Shelf>,
        clock: Clock,
        ids: Ids,
    ) -> Self {
        let now = clock.now().millis();
        let (links, watchers, timers) = (Links::default(), Watchers::default(), BTreeMap::new());
        let mut core = Self {
            state,
            links,
            watchers,
            clock,
            ids,
            now,
            journal,
            written,
            shelf,
            timers,
            timer_count: 0,
            asked: Vec::new(),
            fences: 0,
        };
        core.state.offers.all_fresh();
        core.state.changes.clear();
        core.state.answering.clear();
        core.note_fresh(None);
        core
    }

    pub async fn run(mut self, mut commands: UnboundedReceiver<Command>, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut answers: Vec<Deferred> = Vec::new();
        loop {
            let (clock, due) = (self.clock.clone(), self.next_due());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                count = commands.recv_many(&mut batch, BATCH) => if count == 0 { break },
                () = clock.sleep_until(Time::from_millis(due.unwrap_or_default())), if due.is_some() => {}
            }
            self.now = self.clock.now().millis();
            for command in batch.drain(..) {
                match command {
                    Command::Said(link, message) => self.heard(link, message),
                    Command::Closed(link) => self.closed(link),
                    Command::Run(work) => answers.push(work(&mut self)),
                }
            }
            self.run_timers();
            self.links.expire(self.now);
            self.links.offer(self.now, |id| {
                self.state.offers.get(id).map(|offer| offers::inbound(&self.state, &offer.news))
            });
            self.write().await;
            self.links.send();
            self.watchers.tell(&mut self.state, self.now);
            answers.drain(..).for_each(|answer| answer());
        }
    }

    /// Lets `event` happen: into the journal, then into the state.
    pub fn record(&mut self, event: Event) {
        self.record_for(event, None);
    }

    /// The same; what the network has to tell about it goes rather over `link`.
    pub fn record_for(&mut self, event: Event, link: Option<LinkId>) {
        let at = self.journal.add(&event);
        self.written.note(&event, at);
        self.state.apply(event);
        self.note_fresh(link);
        while let Some((phone, with)) = self.state.answering.pop() {
            self.answer_by_itself(&phone, &with);
        }
    }

    /// Closes every link: the fault `link_down`.
    pub fn drop_links(&mut self) {
        for link in self.links.ids() {
            self.closed(link);
        }
    }

    /// Answers everything withheld.
    pub fn release(&mut self) {
        let places = self.state.withheld.clone();
        if places.is_empty() {
            return;
        }
        self.record(Event::Released { at: self.now });
        for place in places {
            let Some((link, seq)) = self.links.held.remove(&place) else { continue };
            let entry = self.state.ledger.get(place);
            let group_provider_id = entry.to_group.then(|| entry.to.to_string());
            let outcome = Outcome::Accepted { provider_id: None, group_provider_id };
            self.links.say(link, FromNetwork::Outcome { seq, outcome });
        }
    }

    /// Lets `what` happen at `due`, in unix milliseconds.
    pub fn at(&mut self, due: i64, what: Due) {
        self.timer_count += 1;
        self.timers.insert((due, self.timer_count), what);
    }

    fn note_fresh(&mut self, link: Option<LinkId>) {
        let Self { state, links, timers, timer_count, now, .. } = self;
        state.offers.take_fresh(|id, due| {
            if due <= *now {
                links.make_ready(id, link);
            } else {
                *timer_count += 1;
                timers.insert((due, *timer_count), Due::Offer(id, link));
            }
        });
    }

    fn next_due(&self) -> Option<i64> {
        let timer = self.timers.first_key_value().map(|((due, _), _)| *due);
        timer.into_iter().chain(self.links.next_deadline()).min()
    }

    fn run_timers(&mut self) {
        while let Some(first) = self.timers.first_entry().filter(|first| first.key().0 <= self.now) {
            match first.remove() {
                Due::Outcome(link, seq, outcome) => {
                    self.links.say(link, FromNetwork::Outcome { seq, outcome });
                }
                Due::Offer(id, link) => self.links.make_ready(id, link),
            }
        }
    }

    /// Writes the journal; while that fails the network stands still, and tries again.
    async fn write(&mut self) {
        while let Err(error) = self.journal.write() {
            tracing::error!(%error, "the journal of the simulated network cannot be written");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    fn heard(&mut self, link: LinkId, message: ToNetwork) {
        if !self.links.is_open(link) {
            return;
        }
        match message {
            ToNetwork::Lines(mut lines) => {
                let known = |number: &str| self.state.lines.get(number).copied();
                lines.retain(|line| known(&line.number).is_none_or(|imessage| line.imessage && !imessage));
                if !lines.is_empty() {
                    self.record(Event::Lines(lines));
                }
            }
            ToNetwork::Submit(submit) => self.submit(link, *submit),
            ToNetwork::Ask { seq, question } => self.ask(link, seq, question),
            ToNetwork::Stored(mut stored) => {
                for (id, _) in &stored {
                    self.links.stored(*id);
                }
                stored.retain(|(id, _)| self.state.offers.get(*id).is_some());
                if !stored.is_empty() {
                    self.record(Event::Stored(stored));
                }
            }
            ToNetwork::Fenced { fence } => self.passed(link, Some(fence)),
        }
    }

    fn closed(&mut self, link: LinkId) {
        self.links.close(link);
        self.passed(link, None);
    }

    /// Something that is offered once: a person types.
    pub fn pass_on(&mut self, inbound: Inbound) {
        self.links.offer_once(inbound);
    }
}
