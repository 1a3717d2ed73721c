//! What is under way in the lanes of one class in this process, and how much more may be: asked by the worker before it
//! claims, and by a unit that would begin the job it enqueues. It knows of no job, only of how many.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// How much may be under way at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub per_lane: usize,
    pub in_all: usize,
    /// Lanes are worked by one process at a time (numbers); others by any.
    pub exclusive: bool,
}

/// The room of one class of lanes. Cheap to clone.
#[derive(Clone)]
pub struct Room(Arc<Inner>);

struct Inner {
    limits: Limits,
    lanes: Mutex<Lanes>,
    freed: Notify,
}

#[derive(Default)]
struct Lanes {
    running: HashMap<String, usize>,
    in_all: usize,
    /// Where jobs are known, or thought, to wait for their turn.
    waiting: HashSet<String>,
}

impl Room {
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner { limits, lanes: Mutex::default(), freed: Notify::new() }))
    }

    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// A place for a job that begins in the unit that enqueues it; none where others wait already.
    pub fn direct(&self, lane: &str) -> Option<Slot> {
        let mut lanes = self.lanes();
        let limits = &self.0.limits;
        let is_free = lanes.in_all < limits.in_all
            && lanes.running.get(lane).copied().unwrap_or(0) < limits.per_lane
            && !lanes.waiting.contains(lane);
        is_free.then(|| self.slot(&mut lanes, lane))
    }

    /// A place for a job that was claimed.
    pub(super) fn take(&self, lane: &str) -> Slot {
        self.slot(&mut self.lanes(), lane)
    }

    fn slot(&self, lanes: &mut Lanes, lane: &str) -> Slot {
        lanes.in_all += 1;
        *lanes.running.entry(lane.to_owned()).or_default() += 1;
        Slot { room: self.clone(), lane: lane.to_owned() }
    }

    /// How many more may be under way.
    pub(super) fn left(&self) -> usize {
        self.0.limits.in_all.saturating_sub(self.lanes().in_all)
    }

    /// How many more of this lane.
    pub(super) fn left_in(&self, lane: &str) -> usize {
        let running = self.lanes().running.get(lane).copied().unwrap_or(0);
        self.0.limits.per_lane.saturating_sub(running)
    }

    /// Notes that jobs may wait in the lane.
    pub(super) fn waits(&self, lane: &str) {
        self.lanes().waiting.insert(lane.to_owned());
    }

    /// Notes that no due job waits there.
    pub(super) fn drained(&self, lane: &str) {
        self.lanes().waiting.remove(lane);
    }

    /// Returns when something has ended since the last call.
    pub(super) async fn freed(&self) {
        self.0.freed.notified().await;
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.0.lanes.lock().expect("counting does not panic")
    }
}

/// One job's place; given back when the job has ended, also when it panicked.
pub struct Slot {
    room: Room,
    lane: String,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut lanes = self.room.lanes();
        lanes.in_all -= 1;
        if let Some(running) = lanes.running.get_mut(&self.lane) {
            *running -= 1;
            if *running == 0 {
                lanes.running.remove(&self.lane);
            }
        }
        drop(lanes);
        self.room.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room::new(Limits { per_lane: 2, in_all: 3, exclusive: false })
    }

    #[test]
    fn a_lane_is_full_and_all_lanes_are() {
        let room = room();
        let first = room.direct("a").unwrap();
        let _second = room.take("a");
        assert!(room.direct("a").is_none());
        let _third = room.direct("b").unwrap();
        assert!(room.direct("c").is_none());
        assert_eq!((room.left(), room.left_in("a"), room.left_in("b")), (0, 0, 1));
        drop(first);
        assert!(room.direct("c").is_some());
    }

    #[test]
    fn nobody_begins_before_those_who_wait() {
        let room = room();
        room.waits("a");
        assert!(room.direct("a").is_none());
        assert!(room.direct("b").is_some());
        room.drained("a");
        assert!(room.direct("a").is_some());
    }
}
