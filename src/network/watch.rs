//! Who looks at a phone right now, and what they are told: one sight for every change of it. Beside the phones there
//! is the shelf, the list of all of them: whoever looks at that is told which phone changed, and not what it shows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast;

use super::ledger::Name;
use super::phone::{Bubble, HandsetRow, Thread, ThreadRow};
use super::state::{Change, State};

/// How many sights a slow watcher may be behind before it has to look at the whole phone again.
const BEHIND: usize = 64;

/// A change of a phone as JSON, under the name that the event stream gives it.
#[derive(Clone)]
pub struct Sight {
    pub handset: Name,
    /// `message` (a bubble, new or changed), `thread`, `handset`; `lost` where something was erased.
    pub event: &'static str,
    pub data: Arc<str>,
}

pub struct Watchers {
    phones: HashMap<Name, broadcast::Sender<Sight>>,
    shelf: broadcast::Sender<Sight>,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { phones: HashMap::new(), shelf: broadcast::Sender::new(BEHIND) }
    }
}

impl Watchers {
    /// The sights of every phone's row in the list of phones.
    pub fn watch_shelf(&mut self, state: &mut State) -> broadcast::Receiver<Sight> {
        state.watched = true;
        self.shelf.subscribe()
    }

    pub fn watch(&mut self, state: &mut State, number: &str) -> broadcast::Receiver<Sight> {
        state.watched = true;
        let phone = self.phones.entry(Name::from(number));
        phone.or_insert_with(|| broadcast::Sender::new(BEHIND)).subscribe()
    }

    /// Tells what has changed since the last call, and forgets phones that nobody looks at any more.
    pub fn tell(&mut self, state: &mut State, now: i64) {
        let mut moved = BTreeSet::new();
        for (number, change) in std::mem::take(&mut state.changes) {
            self.tell_of(state, &number, &change, now);
            moved.insert(number);
        }
        if self.shelf.receiver_count() > 0 {
            for number in moved {
                if let Some(sight) = sight(state, &number, &Change::Handset, now) {
                    // An error means that the last of them has just gone.
                    let _ = self.shelf.send(sight);
                }
            }
        }
        state.watched = !self.phones.is_empty() || self.shelf.receiver_count() > 0;
    }

    fn tell_of(&mut self, state: &State, number: &Name, change: &Change, now: i64) {
        let Some(watchers) = self.phones.get(number) else { return };
        let gone = match sight(state, number, change, now) {
            Some(sight) => watchers.send(sight).is_err(),
            None => watchers.receiver_count() == 0,
        };
        if gone {
            self.phones.remove(number);
        }
    }
}

fn sight(state: &State, number: &Name, change: &Change, now: i64) -> Option<Sight> {
    let handset = state.handsets.get(number)?;
    let (event, data) = match change {
        Change::Bubble(place) => ("message", json(&bubble(state, *place))),
        Change::Thread(with) => ("thread", json(&thread_row(state, with, handset.threads.get(with)?, now))),
        Change::Handset => ("handset", json(&row(state, number)?)),
        Change::Erased => ("lost", Arc::from("{}")),
    };
    Some(Sight { handset: number.clone(), event, data })
}

/// A thread as the phone lists it.
pub fn thread_row<'a>(state: &'a State, with: &'a Name, thread: &'a Thread, now: i64) -> ThreadRow<'a> {
    thread.row(with, state.groups.get(with), now)
}

/// A text as the phone shows it.
pub fn bubble(state: &State, place: u32) -> Bubble<'_> {
    let reactions = state.reactions.get(&place).map_or(&[][..], Vec::as_slice);
    Bubble::of(state.ledger.get(place), reactions, state.reads.get(&place).copied())
}

/// A phone as the list of phones shows it.
pub fn row<'a>(state: &'a State, number: &'a str) -> Option<HandsetRow<'a>> {
    let handset = state.handsets.get(number)?;
    let last = handset.bubbles.last().map(|place| state.ledger.get(*place).at);
    let last_at = last.map(crate::clock::Time::from_millis);
    Some(HandsetRow { number, name: handset.name.as_deref(), imessage: handset.imessage, last_at })
}

fn json(data: &impl Serialize) -> Arc<str> {
    serde_json::to_string(data).expect("what a phone shows is plain data").into()
}
