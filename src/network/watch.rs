//! Who looks at a phone right now, and what they are told: one sight for every change of it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast;

use super::ledger::Name;
use super::phone::{Bubble, HandsetRow};
use super::state::{Change, State};

/// How many sights a slow watcher may be behind before it has to look at the whole phone again.
const BEHIND: usize = 64;

/// A change of a phone as JSON, under the name that the event stream gives it.
#[derive(Clone)]
pub struct Sight {
    /// `message` (a bubble, new or changed), `thread`, `handset`.
    pub event: &'static str,
    pub data: Arc<str>,
}

#[derive(Default)]
pub struct Watchers {
    phones: HashMap<Name, broadcast::Sender<Sight>>,
}

impl Watchers {
    pub fn watch(&mut self, state: &mut State, number: &str) -> broadcast::Receiver<Sight> {
        state.watched = true;
        let phone = self.phones.entry(Name::from(number));
        phone.or_insert_with(|| broadcast::Sender::new(BEHIND)).subscribe()
    }

    /// Tells what has changed since the last call, and forgets phones that nobody looks at any more.
    pub fn tell(&mut self, state: &mut State, now: i64) {
        for (number, change) in std::mem::take(&mut state.changes) {
            let Some(watchers) = self.phones.get(&number) else { continue };
            let gone = match sight(state, &number, &change, now) {
                Some(sight) => watchers.send(sight).is_err(),
                None => watchers.receiver_count() == 0,
            };
            if gone {
                self.phones.remove(&number);
            }
        }
        state.watched = !self.phones.is_empty();
    }
}

fn sight(state: &State, number: &Name, change: &Change, now: i64) -> Option<Sight> {
    let handset = state.handsets.get(number)?;
    match change {
        Change::Bubble(place) => Some(json("message", &bubble(state, *place))),
        Change::Thread(with) => Some(json("thread", &handset.threads.get(with)?.row(with, now))),
        Change::Handset => Some(json("handset", &row(state, number)?)),
    }
}

/// A text as the phone shows it.
pub fn bubble(state: &State, place: u32) -> Bubble<'_> {
    let reactions = state.reactions.get(&place).map_or(&[][..], Vec::as_slice);
    Bubble::of(state.ledger.get(place), reactions)
}

/// A phone as the list of phones shows it.
pub fn row<'a>(state: &'a State, number: &'a str) -> Option<HandsetRow<'a>> {
    let handset = state.handsets.get(number)?;
    let last = handset.bubbles.last().map(|place| state.ledger.get(*place).at);
    let last_at = last.map(crate::clock::Time::from_millis);
    Some(HandsetRow { number, name: handset.name.as_deref(), imessage: handset.imessage, last_at })
}

fn json(event: &'static str, data: &impl Serialize) -> Sight {
    let data = serde_json::to_string(data).expect("what a phone shows is plain data");
    Sight { event, data: data.into() }
}
