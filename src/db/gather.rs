//! Many callers, one unit of work: what has gathered while the last unit was under way is done together. A caller
//! alone does not wait for company; it takes the unit through itself, and so does one of those who gathered.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

type Act<T, R> = dyn Fn(Vec<T>) -> Pin<Box<dyn Future<Output = Vec<R>> + Send>> + Send + Sync;

/// Where callers bring their items. Cheap to clone.
pub struct Gather<T, R>(Arc<Inner<T, R>>);

struct Inner<T, R> {
    state: Mutex<State<T, R>>,
    act: Box<Act<T, R>>,
    most: usize,
    room: usize,
    tasks: TaskTracker,
}

/// Why an item was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missed {
    /// Too many wait already.
    Full,
    /// The unit was not seen through to its end.
    BrokeOff,
}

struct State<T, R> {
    waiting: Vec<(T, oneshot::Sender<R>)>,
    /// One unit at a time: with two, the second would be run for every item that comes while the first is.
    is_under_way: bool,
}

impl<T, R> Clone for Gather<T, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static, R: Send + 'static> Gather<T, R> {
    /// `act` does up to `most` items together and answers one by one in their order; there is `room` for so many to
    /// wait.
    pub fn new<F>(
        most: usize,
        room: usize,
        tasks: TaskTracker,
        act: impl Fn(Vec<T>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Vec<R>> + Send + 'static,
    {
        let state = Mutex::new(State { waiting: Vec::new(), is_under_way: false });
        let act: Box<Act<T, R>> = Box::new(move |items| Box::pin(act(items)));
        Self(Arc::new(Inner { state, act, most, room, tasks }))
    }

    /// Has `item` done with what else waits.
    pub async fn bring(&self, item: T) -> Result<R, Missed> {
        let (answer, answered) = oneshot::channel();
        let lead = {
            let mut state = self.state();
            if state.waiting.len() >= self.0.room {
                return Err(Missed::Full);
            }
            state.waiting.push((item, answer));
            !std::mem::replace(&mut state.is_under_way, true)
        };
        if lead {
            self.lead().await;
        }
        answered.await.map_err(|_| Missed::BrokeOff)
    }

    /// Takes one unit through; leaves what has gathered meanwhile to a task.
    async fn lead(&self) {
        // Also if the caller's task is ended half-way, others go on.
        let _turn = Turn(self);
        let (items, answers): (Vec<T>, Vec<_>) = {
            let mut state = self.state();
            let count = state.waiting.len().min(self.0.most);
            state.waiting.drain(..count).unzip()
        };
        if items.is_empty() {
            return;
        }
        for (answer, done) in answers.into_iter().zip((self.0.act)(items).await) {
            // Who asked may have gone; what was done stays done.
            let _ = answer.send(done);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T, R>> {
        self.0.state.lock().expect("nothing panics while it holds this")
    }
}

/// The unit that is under way; passed on when it ends.
struct Turn<'a, T: Send + 'static, R: Send + 'static>(&'a Gather<T, R>);

impl<T: Send + 'static, R: Send + 'static> Drop for Turn<'_, T, R> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.waiting.is_empty() {
            state.is_under_way = false;
            return;
        }
        drop(state);
        let next = self.0.clone();
        self.0.0.tasks.spawn(async move { next.lead().await });
    }
}
