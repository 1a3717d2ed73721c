//! Many callers, one unit of work: what has gathered while the last unit was under way is done together. A caller
//! alone does not wait for company; it takes the unit through itself, and so does one of those who gathered. Nobody
//! suffers for another's fault: a unit that fails for a reason of its own is done again, item by item.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::error::{Error, Result, Storage};

/// An answer to each item, in their order, or what kept the whole from being done.
type Outcomes<R> = Result<Vec<Result<R>>>;
type Act<T, R> = dyn Fn(Arc<[T]>) -> Pin<Box<dyn Future<Output = Outcomes<R>> + Send>> + Send + Sync;

/// Where callers bring their items. Cheap to clone.
pub struct Gather<T, R>(Arc<Inner<T, R>>);

struct Inner<T, R> {
    state: Mutex<State<T, R>>,
    act: Box<Act<T, R>>,
    most: usize,
    room: usize,
    tasks: TaskTracker,
}

/// What is brought.
pub trait Item: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Item for T {}

struct State<T, R> {
    waiting: Vec<(T, oneshot::Sender<Result<R>>)>,
    /// One unit at a time: with two, the second would be run for every item that comes while the first is.
    is_under_way: bool,
}

impl<T, R> Clone for Gather<T, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Item, R: Send + 'static> Gather<T, R> {
    /// `act` does up to `most` items together; there is `room` for so many to wait.
    pub fn new<F>(
        most: usize,
        room: usize,
        tasks: TaskTracker,
        act: impl Fn(Arc<[T]>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Outcomes<R>> + Send + 'static,
    {
        let state = Mutex::new(State { waiting: Vec::new(), is_under_way: false });
        let act: Box<Act<T, R>> = Box::new(move |items| Box::pin(act(items)));
        Self(Arc::new(Inner { state, act, most, room, tasks }))
    }

    /// Has `item` done with what else waits.
    pub async fn bring(&self, item: T) -> Result<R> {
        let (answer, answered) = oneshot::channel();
        let lead = {
            let mut state = self.state();
            if state.waiting.len() >= self.0.room {
                return Err(Error::Storage(Storage::Overloaded));
            }
            state.waiting.push((item, answer));
            !std::mem::replace(&mut state.is_under_way, true)
        };
        if lead {
            self.lead().await;
        }
        answered.await.unwrap_or_else(|_| Err(anyhow::anyhow!("a unit of many broke off").into()))
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
        for (answer, done) in answers.into_iter().zip(self.together(items).await) {
            // Who asked may have gone; what was done stays done.
            let _ = answer.send(done);
        }
    }

    async fn together(&self, items: Vec<T>) -> Vec<Result<R>> {
        let items: Arc<[T]> = items.into();
        match (self.0.act)(Arc::clone(&items)).await {
            Ok(outcomes) => outcomes,
            Err(error) if items.len() == 1 => vec![Err(error)],
            Err(error) if error.is_storage() => items.iter().map(|_| Err(error.again())).collect(),
            Err(_) => {
                let mut outcomes = Vec::with_capacity(items.len());
                for item in items.iter() {
                    outcomes.extend(Box::pin(self.together(vec![item.clone()])).await);
                }
                outcomes
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T, R>> {
        self.0.state.lock().expect("nothing panics while it holds this")
    }
}

/// The unit that is under way; passed on when it ends.
struct Turn<'a, T: Item, R: Send + 'static>(&'a Gather<T, R>);

impl<T: Item, R: Send + 'static> Drop for Turn<'_, T, R> {
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

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    /// Fails the unit it is in.
    const BAD: u32 = 99;

    /// A gatherer whose units wait for a permit each, and answer each item with how many were done together.
    fn gatherer(most: usize, room: usize) -> (Gather<u32, usize>, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let passed = Arc::clone(&gate);
        let gather = Gather::new(most, room, TaskTracker::new(), move |items: Arc<[u32]>| {
            let gate = Arc::clone(&passed);
            async move {
                gate.acquire().await.unwrap().forget();
                if items.contains(&BAD) {
                    return Err(anyhow::anyhow!("a bad one").into());
                }
                Ok(items.iter().map(|_| Ok(items.len())).collect())
            }
        });
        (gather, gate)
    }

    /// Brings an item from a task of its own, and lets it come as far as it comes.
    async fn bring(gather: &Gather<u32, usize>, item: u32) -> tokio::task::JoinHandle<Result<usize>> {
        let gather = gather.clone();
        let bringing = TaskTracker::new().spawn(async move { gather.bring(item).await });
        tokio::task::yield_now().await;
        bringing
    }

    #[tokio::test]
    async fn one_goes_alone_and_those_who_come_meanwhile_go_together() {
        let (gather, gate) = gatherer(3, 100);
        let mut bringing = Vec::new();
        for item in 0..6 {
            bringing.push(bring(&gather, item).await);
        }
        gate.add_permits(3);
        let mut together = Vec::new();
        for one in bringing {
            together.push(one.await.unwrap().unwrap());
        }
        assert_eq!(together, [1, 3, 3, 3, 2, 2]);
    }

    #[tokio::test]
    async fn too_many_are_turned_away() {
        let (gather, gate) = gatherer(3, 1);
        let (first, second, third) =
            (bring(&gather, 0).await, bring(&gather, 1).await, bring(&gather, 2).await);
        gate.add_permits(2);
        assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (1, 1));
        assert!(matches!(third.await.unwrap(), Err(Error::Storage(Storage::Overloaded))));
    }

    #[tokio::test]
    async fn others_go_on_when_the_one_who_leads_is_ended() {
        let (gather, gate) = gatherer(3, 100);
        let (first, second) = (bring(&gather, 0).await, bring(&gather, 1).await);
        first.abort();
        assert!(first.await.is_err());
        gate.add_permits(1);
        assert_eq!(second.await.unwrap().unwrap(), 1);
    }

    #[tokio::test]
    async fn nobody_suffers_for_the_fault_of_another() {
        let (gather, gate) = gatherer(3, 100);
        let first = bring(&gather, 0).await;
        let (good, bad, other) =
            (bring(&gather, 1).await, bring(&gather, BAD).await, bring(&gather, 2).await);
        gate.add_permits(5);
        assert_eq!(first.await.unwrap().unwrap(), 1);
        assert_eq!((good.await.unwrap().unwrap(), other.await.unwrap().unwrap()), (1, 1));
        assert!(matches!(bad.await.unwrap(), Err(Error::Internal(_))));
    }
}
