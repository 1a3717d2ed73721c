//! What is under way: who waits for which answer, and the link that is open now, if one is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};

use super::arrivals::Offered;
use crate::carriers::{Answer, Outbound, Outcome, Question};
use crate::network::LinkSender;
use crate::network::link::{FromNetwork, MOST_OUTSTANDING, Submit, ToNetwork};

/// The way to the network over either transport.
pub enum Sender {
    Inner(LinkSender),
    /// To the task that writes the socket.
    Remote(mpsc::UnboundedSender<ToNetwork>),
}

impl Sender {
    pub fn say(&self, message: ToNetwork) {
        match self {
            Self::Inner(link) => link.say(message),
            Self::Remote(socket) => {
                // An error means that the socket is closing, and everyone who waits is about to be told.
                let _ = socket.send(message);
            }
        }
    }
}

enum Waiting {
    Outcome(oneshot::Sender<Outcome>),
    Answer(oneshot::Sender<Answer>),
}

#[derive(Default)]
struct State {
    sender: Option<Sender>,
    waiting: HashMap<u64, Waiting>,
    last_seq: u64,
}

pub struct Desk {
    state: Mutex<State>,
    permits: Semaphore,
}

/// A submit waits so long for others to be answered.
const PATIENCE: Duration = Duration::from_mins(1);

impl Default for Desk {
    fn default() -> Self {
        Self { state: Mutex::default(), permits: Semaphore::new(MOST_OUTSTANDING) }
    }
}

impl Desk {
    pub async fn submit(&self, outbound: Outbound, part: u16, parts: u16) -> Outcome {
        let Some(_permit) = self.permit().await else { return later() };
        let (answer, answered) = oneshot::channel();
        let submit = |seq| ToNetwork::Submit(Box::new(Submit { seq, part, parts, outbound }));
        if !self.say(Waiting::Outcome(answer), submit) {
            return later();
        }
        answered.await.unwrap_or_else(|_| unknown())
    }

    /// A place among those who wait for an answer. Waiting for one takes less than a lease: who waits longer comes back
    /// later.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Some(permit);
        }
        Box::pin(tokio::time::timeout(PATIENCE, self.permits.acquire())).await.ok()?.ok()
    }

    pub async fn ask(&self, question: Question) -> Answer {
        let (answer, answered) = oneshot::channel();
        if !self.say(Waiting::Answer(answer), |seq| ToNetwork::Ask { seq, question }) {
            return Answer::CannotTell;
        }
        answered.await.unwrap_or(Answer::CannotTell)
    }

    /// These offers are stored here. Without a link they will be offered, and stored for nothing, once more.
    pub fn stored(&self, stored: Vec<(u64, Option<String>)>) {
        if let Some(sender) = &self.state().sender {
            sender.say(ToNetwork::Stored(stored));
        }
    }

    pub fn open(&self, sender: Sender) {
        self.state().sender = Some(sender);
    }

    /// The link is lost: whoever still waits will never know.
    pub fn close(&self) {
        let mut state = self.state();
        state.sender = None;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for waiting in waiting.into_values() {
            answer(waiting, unknown(), Answer::CannotTell);
        }
    }

    /// This message was never written to the link.
    pub fn unwritten(&self, message: &ToNetwork) {
        let seq = match message {
            ToNetwork::Submit(submit) => submit.seq,
            ToNetwork::Ask { seq, .. } => *seq,
            ToNetwork::Lines(_) | ToNetwork::Stored(_) | ToNetwork::Fenced { .. } => return,
        };
        let waiting = self.state().waiting.remove(&seq);
        if let Some(waiting) = waiting {
            answer(waiting, later(), Answer::CannotTell);
        }
    }

    /// Passes on what the network said.
    pub fn heard(&self, batch: Vec<FromNetwork>, offers: &mpsc::UnboundedSender<Offered>) {
        let mut state = self.state();
        for message in batch {
            match message {
                FromNetwork::Outcome { seq, outcome } => {
                    if let Some(Waiting::Outcome(waiting)) = state.waiting.remove(&seq) {
                        // An error means that nobody waits any more.
                        let _ = waiting.send(outcome);
                    }
                }
                FromNetwork::Answer { seq, answer } => {
                    if let Some(Waiting::Answer(waiting)) = state.waiting.remove(&seq) {
                        let _ = waiting.send(answer);
                    }
                }
                FromNetwork::Offer { id, inbound } => {
                    // An error means that this server is stopping; another will be offered it.
                    let _ = offers.send((id, *inbound));
                }
                FromNetwork::Fence { fence } => {
                    if let Some(sender) = &state.sender {
                        sender.say(ToNetwork::Fenced { fence });
                    }
                }
            }
        }
    }

    /// Says what `message` makes of its number; false if there is no link. Said under the lock, so that a fence
    /// stays behind everything that was counted before it.
    fn say(&self, waiting: Waiting, message: impl FnOnce(u64) -> ToNetwork) -> bool {
        let mut state = self.state();
        state.last_seq += 1;
        let seq = state.last_seq;
        let Some(sender) = &state.sender else { return false };
        sender.say(message(seq));
        state.waiting.insert(seq, waiting);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this")
    }
}

fn answer(waiting: Waiting, outcome: Outcome, said: Answer) {
    // An error means that nobody waits any more.
    match waiting {
        Waiting::Outcome(waiting) => drop(waiting.send(outcome)),
        Waiting::Answer(waiting) => drop(waiting.send(said)),
    }
}

fn later() -> Outcome {
    Outcome::Later { after: None, reason: "No link to the simulated network".to_owned() }
}

fn unknown() -> Outcome {
    Outcome::Unknown { reason: "The link to the simulated network broke off".to_owned() }
}
