//! The one task that owns the network. It takes what has come in, up to 256 things at a time, lets each happen,
//! writes the journal once for all of them, and only then says the answers.

use std::collections::BTreeMap;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::carriers::{Answer, Inbound, Outbound, Outcome, Question, Text};
use crate::clock::{Clock, Time};
use crate::id::Ids;

use super::event::{Event, Refusal, Submitted, Verdict};
use super::journal::Journal;
use super::judge::{accepted, never_seen, refused};
use super::link::{FromNetwork, Submit, ToNetwork};
use super::links::{LinkId, Links};
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
enum Due {
    Outcome(LinkId, u64, Outcome),
    Offer(u64, Option<LinkId>),
}

/// A question that waits until every other link has said what it had under way.
struct Asked {
    link: LinkId,
    seq: u64,
    message_id: String,
    channel: crate::channel::Channel,
    fence: u64,
    waiting: Vec<LinkId>,
}

pub struct Core {
    pub state: State,
    pub links: Links,
    pub watchers: Watchers,
    pub clock: Clock,
    pub ids: Ids,
    /// The moment of the batch, in unix milliseconds.
    pub now: i64,
    journal: Journal,
    timers: BTreeMap<(i64, u64), Due>,
    timer_count: u64,
    asked: Vec<Asked>,
    fences: u64,
}

impl Core {
    pub fn new(state: State, journal: Journal, clock: Clock, ids: Ids) -> Self {
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
    fn record_for(&mut self, event: Event, link: Option<LinkId>) {
        self.journal.add(&event);
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
                    self.links.say(link, FromNetwork::Outcome { seq, outcome })
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
                stored.iter().for_each(|(id, _)| self.links.stored(*id));
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

    fn submit(&mut self, link: LinkId, Submit { seq, part, parts, outbound }: Submit) {
        let outcome = match outbound {
            Outbound::Text(text) => self.submit_text(link, seq, (part, parts), text),
            Outbound::Typing { from, to } => Some(self.typing(&from, &to)),
            Outbound::Reaction { .. } | Outbound::Background { .. } | Outbound::GroupName { .. } => {
                Some(self.submit_other(outbound))
            }
        };
        match outcome {
            Some(outcome) if self.state.faults.accept_delay_ms > 0 => {
                let delay = i64::try_from(self.state.faults.accept_delay_ms).unwrap_or(i64::MAX / 2);
                self.timer_count += 1;
                self.timers.insert((self.now + delay, self.timer_count), Due::Outcome(link, seq, outcome));
            }
            Some(outcome) => self.links.say(link, FromNetwork::Outcome { seq, outcome }),
            None => {}
        }
    }

    fn submit_text(
        &mut self,
        link: LinkId,
        seq: u64,
        (part, parts): (u16, u16),
        text: Text,
    ) -> Option<Outcome> {
        let verdict = self.state.judge(&text);
        let outcome = match verdict {
            Verdict::Accepted => Some(accepted(&text.to)),
            Verdict::Refused(refusal) => Some(refused(refusal)),
            Verdict::Withheld => None,
        };
        let submitted = Submitted { at: self.now, part, parts, verdict, text };
        self.record_for(Event::Submitted(Box::new(submitted)), Some(link));
        if verdict == Verdict::Withheld
            && let Some(place) = self.state.withheld.last()
        {
            self.links.held.insert(*place, (link, seq));
        }
        outcome
    }

    /// Everything that is neither a text nor typing: refused, or it happens at once.
    fn submit_other(&mut self, outbound: Outbound) -> Outcome {
        match self.judge_other(outbound) {
            Err(refusal) => refused(refusal),
            Ok(_) if self.state.faults.refuse_next > 0 => {
                self.record(Event::RefusedOther);
                refused(Refusal::Fault)
            }
            Ok(event) => {
                self.record(event);
                Outcome::Accepted { provider_id: None, group_provider_id: None }
            }
        }
    }

    fn judge_other(&self, outbound: Outbound) -> Result<Event, Refusal> {
        let possible = |from: &str, to| self.state.why_not_imessage(from, to).map_or(Ok(()), Err);
        match outbound {
            Outbound::Reaction { from, to, message, reaction, .. } => {
                possible(&from, &to)?;
                let message = self.state.quoted(&from, &message).ok_or(Refusal::NoSuchMessage)?;
                Ok(Event::TappedByLine { from, message, reaction })
            }
            Outbound::Background { from, to, image_url, .. } => {
                possible(&from, &to)?;
                Ok(Event::Background { from, to, image_url })
            }
            Outbound::GroupName { from, to, name } => {
                possible(&from, &to)?;
                let (id, group) = self.state.group_of(&to).ok_or(Refusal::NoSuchGroup)?;
                let members = group.members.iter().map(ToString::to_string).collect();
                Ok(Event::Group { id: id.to_string(), line: from, members, name: Some(name), told: false })
            }
            Outbound::Text(_) | Outbound::Typing { .. } => Err(Refusal::NoSuchMessage),
        }
    }

    /// Typing leaves no trace: the sign is on the screen for a few seconds, and not in the journal.
    fn typing(&mut self, from: &str, to: &crate::carriers::Target) -> Outcome {
        if let Some(refusal) = self.state.why_not_imessage(from, to) {
            return refused(refusal);
        }
        let (phones, with) = self.state.reached_by(from, to);
        for phone in phones {
            if let Some(handset) = self.state.handsets.get_mut(&phone) {
                handset.thread(&with).types(self.now);
            }
            self.state.note(&phone, super::state::Change::Thread(with.clone()));
        }
        Outcome::Accepted { provider_id: None, group_provider_id: None }
    }

    /// Something that is offered once: a person types.
    pub fn pass_on(&mut self, inbound: Inbound) {
        self.links.offer_once(inbound);
    }

    fn ask(&mut self, link: LinkId, seq: u64, question: Question) {
        let answer = match question {
            Question::Message { message_id, channel, .. } => match self.state.fate(&message_id, channel) {
                Some(answer) => answer,
                None => return self.ask_others(link, seq, message_id, channel),
            },
            Question::Reach { address, .. } => {
                let imessage = self.state.is_on_imessage(&address);
                Answer::Reach { imessage, sms: !address.contains('@') }
            }
            Question::FreshNumber { country, area_code, imessage } => {
                match self.fresh_number(&country, area_code.as_deref(), imessage) {
                    Some(number) => Answer::Number(number),
                    None => Answer::CannotTell,
                }
            }
            Question::NumberReleased { number } => {
                self.record(Event::LineGone(number));
                Answer::Done
            }
        };
        self.links.say(link, FromNetwork::Answer { seq, answer });
    }

    /// The message was never seen. That is certain once every other link has said what it had under way: the
    /// message may still be in the last words of a server that was killed.
    fn ask_others(&mut self, link: LinkId, seq: u64, message_id: String, channel: crate::channel::Channel) {
        self.fences += 1;
        let fence = self.fences;
        let mut waiting = self.links.ids();
        waiting.retain(|other| *other != link);
        for other in &waiting {
            self.links.say(*other, FromNetwork::Fence { fence });
        }
        self.asked.push(Asked { link, seq, message_id, channel, fence, waiting });
        self.settle_asked();
    }

    /// `link` has passed a fence, or all of them because it closed.
    fn passed(&mut self, link: LinkId, fence: Option<u64>) {
        for asked in &mut self.asked {
            if fence.is_none_or(|fence| fence == asked.fence) {
                asked.waiting.retain(|other| *other != link);
            }
        }
        self.settle_asked();
    }

    fn settle_asked(&mut self) {
        let Self { asked, links, state, .. } = self;
        asked.retain(|asked| {
            if !asked.waiting.is_empty() {
                return links.is_open(asked.link);
            }
            let answer = state.fate(&asked.message_id, asked.channel).unwrap_or_else(never_seen);
            links.say(asked.link, FromNetwork::Answer { seq: asked.seq, answer });
            false
        });
    }
}
