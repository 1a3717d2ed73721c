//! Waking the workers: a unit of work says "this lane got work, due then"; the worker of the lane's class keeps a
//! list of such lanes. A worker registers before it looks, so no wake-up is missed; a lost one costs one poll.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::task::{Class, Lane};
use crate::clock::Time;
use crate::db::{Db, Tx};

/// Says that `lane` has work due at `run_at`, once the unit is committed.
pub(super) fn lane(tx: &mut Tx<'_>, lane: &Lane, run_at: Time) {
    tx.announce(format!("lane {} {} {}", lane.class, run_at.millis(), lane.name));
}

/// Says that work may be found anywhere, once the unit is committed: lanes were freed.
pub(super) fn everywhere(tx: &mut Tx<'_>) {
    tx.announce(EVERYWHERE.to_owned());
}

const EVERYWHERE: &str = "lanes freed";

/// Lanes of one class that got work, with the earliest time it is due.
#[derive(Clone, Default)]
pub struct Wakes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    lanes: Mutex<HashMap<String, Time>>,
    look: AtomicBool,
    notify: Notify,
}

impl Wakes {
    /// Gathers the wake-ups of `class` from now on.
    pub fn of(db: &Db, class: Class) -> Self {
        let wakes = Self::default();
        let gather = wakes.clone();
        db.subscribe(move |topic| {
            if let Some((lane_class, run_at, name)) = parse(topic)
                && lane_class == class
            {
                gather.add(name, run_at);
            } else if topic == EVERYWHERE {
                gather.look_again();
            }
        });
        wakes
    }

    /// Notes that a lane has work due at `run_at`.
    pub fn add(&self, name: &str, run_at: Time) {
        let mut lanes = self.0.lanes.lock().expect("noting a lane does not panic");
        match lanes.get_mut(name) {
            Some(due) => *due = run_at.min(*due),
            None => drop(lanes.insert(name.to_owned(), run_at)),
        }
        drop(lanes);
        self.0.notify.notify_one();
    }

    /// Has the worker look for due work everywhere: something that kept lanes closed has changed.
    pub fn look_again(&self) {
        self.0.look.store(true, Ordering::Relaxed);
        self.0.notify.notify_one();
    }

    /// Whether to look everywhere; asked once each time.
    pub fn wants_a_look(&self) -> bool {
        self.0.look.swap(false, Ordering::Relaxed)
    }

    /// Takes what was gathered.
    pub fn take(&self) -> HashMap<String, Time> {
        std::mem::take(&mut *self.0.lanes.lock().expect("noting a lane does not panic"))
    }

    /// Returns when something was gathered since the last call.
    pub async fn notified(&self) {
        self.0.notify.notified().await;
    }
}

fn parse(topic: &str) -> Option<(Class, Time, &str)> {
    let mut words = topic.strip_prefix("lane ")?.splitn(3, ' ');
    let class = Class::parse(words.next()?)?;
    let run_at = Time::from_millis(words.next()?.parse().ok()?);
    Some((class, run_at, words.next()?))
}
