//! Where units of work wait for the database's threads. Bounded for requests, so that too many are refused at
//! once instead of piling up; with reserved room for what already happened outside and must be stored. Of the threads
//! that have nothing to do, the one that ended last is woken first: its connection has everything at hand.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread::{self, Thread};

use super::unit::Unit;

/// A queue for several producers and several threads that work it off.
pub struct Intake {
    waiting: Mutex<Waiting>,
    room: usize,
}

#[derive(Default)]
struct Waiting {
    reserved: VecDeque<Box<dyn Unit>>,
    requests: VecDeque<Box<dyn Unit>>,
    idle: Vec<Thread>,
    closed: bool,
}

impl Intake {
    pub fn new(room: usize) -> Self {
        Self { waiting: Mutex::default(), room }
    }

    /// Queues a request's unit; gives it back if there is no room.
    pub fn push(&self, unit: Box<dyn Unit>) -> Result<(), Box<dyn Unit>> {
        let mut waiting = self.lock();
        if waiting.closed || waiting.requests.len() >= self.room {
            return Err(unit);
        }
        waiting.requests.push_back(unit);
        waiting.wake_one();
        Ok(())
    }

    /// Queues a unit that records what happened; there is always room. Gives it back only after [`Intake::close`].
    pub fn push_reserved(&self, unit: Box<dyn Unit>) -> Result<(), Box<dyn Unit>> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(unit);
        }
        waiting.reserved.push_back(unit);
        waiting.wake_one();
        Ok(())
    }

    /// Waits for a unit. `None` once closed and empty.
    pub fn pop(&self) -> Option<Box<dyn Unit>> {
        let me = thread::current();
        loop {
            {
                let mut waiting = self.lock();
                waiting.idle.retain(|idle| idle.id() != me.id());
                if let Some(unit) = waiting.next() {
                    return Some(unit);
                }
                if waiting.closed {
                    return None;
                }
                waiting.idle.push(me.clone());
            }
            thread::park();
        }
    }

    /// All units that wait.
    pub fn take_all(&self) -> Vec<Box<dyn Unit>> {
        let mut waiting = self.lock();
        std::iter::from_fn(|| waiting.next()).collect()
    }

    /// The units at the front that `suits`, at most `most` of them.
    pub fn pop_while(&self, most: usize, suits: impl Fn(&dyn Unit) -> bool) -> Vec<Box<dyn Unit>> {
        let mut waiting = self.lock();
        let mut taken = Vec::new();
        while taken.len() < most && waiting.front().is_some_and(&suits) {
            taken.extend(waiting.next());
        }
        taken
    }

    /// Lets the threads finish what waits and end.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.idle.drain(..).for_each(|idle| idle.unpark());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no one panics while holding the queue")
    }
}

impl Waiting {
    fn wake_one(&mut self) {
        if let Some(idle) = self.idle.pop() {
            idle.unpark();
        }
    }

    fn front(&self) -> Option<&dyn Unit> {
        self.reserved.front().or_else(|| self.requests.front()).map(|unit| &**unit)
    }

    fn next(&mut self) -> Option<Box<dyn Unit>> {
        self.reserved.pop_front().or_else(|| self.requests.pop_front())
    }
}
