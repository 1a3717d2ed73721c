//! Many callers, one unit of work: what has gathered by the time the unit begins is done together. A caller alone does
//! not wait for company. Nobody suffers for another's fault: a unit that fails for a reason of its own is done again,
//! item by item.
//!
//! On `SQLite` the next unit lines up as soon as one has begun, so that the writer finds it there when it has flushed;
//! whatever came meanwhile is in it. On `PostgreSQL` the next one waits for the end of the last, or it would be run
//! beside it for the first item that comes.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::{Db, Tx};
use crate::error::{Error, Result, Storage};

/// How the units of a [`Gather`] are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// [`Db::read`].
    Read,
    /// [`Db::append`].
    Append,
    /// [`Db::record`].
    Record,
}

/// Answers each item, in their order, or says what kept the whole from being done.
type Act<T, R> = dyn Fn(&mut Tx<'_>, &[T]) -> Result<Vec<Result<R>>> + Send + Sync;

/// Where callers bring their items. Cheap to clone.
pub struct Gather<T, R>(Arc<Inner<T, R>>);

struct Inner<T, R> {
    state: Mutex<State<T, R>>,
    act: Box<Act<T, R>>,
    db: Db,
    by: By,
    most: usize,
    room: usize,
    tasks: TaskTracker,
}

/// What is brought.
pub trait Item: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Item for T {}

struct State<T, R> {
    waiting: Vec<(T, oneshot::Sender<Result<R>>)>,
    /// Whether a task sees to it that what waits is done.
    is_led: bool,
}

/// What one unit does.
struct Load<T, R> {
    items: Vec<T>,
    answers: Mutex<Vec<oneshot::Sender<Result<R>>>>,
    /// What comes from now on, somebody else leads.
    is_last: bool,
}

impl<T, R> Clone for Gather<T, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Item, R: Send + 'static> Gather<T, R> {
    /// `act` does up to `most` items in one unit, which may run more than once; there is `room` for so many to wait.
    pub fn new(
        db: Db,
        by: By,
        most: usize,
        room: usize,
        tasks: TaskTracker,
        act: impl Fn(&mut Tx<'_>, &[T]) -> Result<Vec<Result<R>>> + Send + Sync + 'static,
    ) -> Self {
        let state = Mutex::new(State { waiting: Vec::new(), is_led: false });
        Self(Arc::new(Inner { state, act: Box::new(act), db, by, most, room, tasks }))
    }

    /// Has `item` done with what else waits. It is in line when this returns, before its answer is awaited.
    pub fn bring(&self, item: T) -> impl Future<Output = Result<R>> + use<T, R> {
        let answered = self.line_up(item);
        async move { answered?.await.unwrap_or_else(|_| Err(anyhow::anyhow!("a unit of many broke off").into())) }
    }

    fn line_up(&self, item: T) -> Result<oneshot::Receiver<Result<R>>> {
        let (answer, answered) = oneshot::channel();
        let is_led = {
            let mut state = self.state();
            if state.waiting.len() >= self.0.room {
                return Err(Error::Storage(Storage::Overloaded));
            }
            state.waiting.push((item, answer));
            std::mem::replace(&mut state.is_led, true)
        };
        if !is_led {
            // A task of its own: others go on when the one who brought this gives up.
            self.0.tasks.spawn(self.clone().lead());
        }
        Ok(answered)
    }

    /// Takes units through for as long as it is this task that has to.
    async fn lead(self) {
        loop {
            let taken = Arc::new(OnceLock::new());
            let (gather, load) = (self.clone(), Arc::clone(&taken));
            let unit = move |tx: &mut Tx<'_>| (gather.0.act)(tx, &load.get_or_init(|| gather.take()).items);
            let outcome = self.run(unit).await;
            // Where the unit never began, those who wait share its fate.
            let load = taken.get_or_init(|| self.take());
            self.answer(load, outcome).await;
            if load.is_last || !self.goes_on() {
                return;
            }
        }
    }

    fn take(&self) -> Load<T, R> {
        let mut state = self.state();
        let count = state.waiting.len().min(self.0.most);
        let (items, answers) = state.waiting.drain(..count).unzip();
        let is_last = state.waiting.is_empty() && !self.0.db.is_shared();
        state.is_led = !is_last;
        Load { items, answers: Mutex::new(answers), is_last }
    }

    fn goes_on(&self) -> bool {
        let mut state = self.state();
        state.is_led = !state.waiting.is_empty();
        state.is_led
    }

    async fn answer(&self, load: &Load<T, R>, outcome: Result<Vec<Result<R>>>) {
        let outcomes = match outcome {
            Ok(outcomes) => outcomes,
            Err(error) if load.items.len() <= 1 => vec![Err(error)],
            Err(error) if error.is_storage() => load.items.iter().map(|_| Err(error.again())).collect(),
            Err(_) => self.one_by_one(&load.items).await,
        };
        let answers = std::mem::take(&mut *load.answers.lock().expect("nothing panics while it holds this"));
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Who asked may have gone; what was done stays done.
            let _ = answer.send(outcome);
        }
    }

    async fn one_by_one(&self, items: &[T]) -> Vec<Result<R>> {
        let mut outcomes = Vec::with_capacity(items.len());
        for item in items {
            let (gather, alone) = (self.clone(), [item.clone()]);
            let done = self.run(move |tx: &mut Tx<'_>| (gather.0.act)(tx, &alone)).await;
            let none = || Err(anyhow::anyhow!("a unit has no answer").into());
            outcomes.push(done.and_then(|mut one| one.pop().unwrap_or_else(none)));
        }
        outcomes
    }

    async fn run(
        &self,
        unit: impl Fn(&mut Tx<'_>) -> Result<Vec<Result<R>>> + Send + Sync + 'static,
    ) -> Result<Vec<Result<R>>> {
        match self.0.by {
            By::Read => self.0.db.read(unit).await,
            By::Append => self.0.db.append(unit).await,
            By::Record => self.0.db.record(unit).await,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T, R>> {
        self.0.state.lock().expect("nothing panics while it holds this")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::testing::{self, TempFolder};

    /// Fails the unit it is in.
    const BAD: u32 = 99;

    /// A gatherer whose units say when they have begun and then wait for leave; each item is answered with how many
    /// were done together.
    struct Scene {
        gather: Gather<u32, usize>,
        begun: mpsc::Receiver<()>,
        leave: mpsc::Sender<()>,
        _folder: TempFolder,
    }

    async fn scene(most: usize, room: usize) -> Scene {
        let (db, _, _, folder) = testing::db().await;
        let ((says, begun), (leave, left)) = (mpsc::channel(), mpsc::channel());
        let gate = Mutex::new((says, left));
        let gather = Gather::new(db, By::Append, most, room, TaskTracker::new(), move |_, items: &[u32]| {
            let gate = gate.lock().unwrap();
            gate.0.send(()).unwrap();
            gate.1.recv().unwrap();
            if items.contains(&BAD) {
                return Err(anyhow::anyhow!("a bad one").into());
            }
            Ok(items.iter().map(|_| Ok(items.len())).collect())
        });
        Scene { gather, begun, leave, _folder: folder }
    }

    impl Scene {
        /// Brings an item from a task of its own, and lets it come as far as it comes.
        async fn bring(&self, item: u32) -> tokio::task::JoinHandle<Result<usize>> {
            let gather = self.gather.clone();
            let bringing = TaskTracker::new().spawn(async move { gather.bring(item).await });
            tokio::task::yield_now().await;
            bringing
        }

        /// Brings the first item and waits until its unit has begun.
        async fn first(&self, item: u32) -> tokio::task::JoinHandle<Result<usize>> {
            let first = self.bring(item).await;
            tokio::task::yield_now().await;
            self.begun.recv().unwrap();
            first
        }

        fn let_go(&self, units: usize) {
            (0..units).for_each(|_| self.leave.send(()).unwrap());
        }
    }

    #[tokio::test]
    async fn one_goes_alone_and_those_who_come_meanwhile_go_together() {
        let scene = scene(3, 100).await;
        let mut bringing = vec![scene.first(0).await];
        for item in 1..6 {
            bringing.push(scene.bring(item).await);
        }
        scene.let_go(3);
        let mut together = Vec::new();
        for one in bringing {
            together.push(one.await.unwrap().unwrap());
        }
        assert_eq!(together, [1, 3, 3, 3, 2, 2]);
    }

    #[tokio::test]
    async fn too_many_are_turned_away() {
        let scene = scene(3, 1).await;
        let first = scene.first(0).await;
        let (second, third) = (scene.bring(1).await, scene.bring(2).await);
        scene.let_go(2);
        assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap().unwrap()), (1, 1));
        assert!(matches!(third.await.unwrap(), Err(Error::Storage(Storage::Overloaded))));
    }

    #[tokio::test]
    async fn others_go_on_when_the_one_who_was_first_gives_up() {
        let scene = scene(3, 100).await;
        let first = scene.first(0).await;
        let (second, third) = (scene.bring(1).await, scene.bring(2).await);
        first.abort();
        second.abort();
        assert!(first.await.is_err());
        scene.let_go(2);
        // Who gave up has brought it nevertheless.
        assert_eq!(third.await.unwrap().unwrap(), 2);
    }

    #[tokio::test]
    async fn nobody_suffers_for_the_fault_of_another() {
        let scene = scene(3, 100).await;
        let first = scene.first(0).await;
        let (good, bad, other) = (scene.bring(1).await, scene.bring(BAD).await, scene.bring(2).await);
        scene.let_go(5);
        assert_eq!(first.await.unwrap().unwrap(), 1);
        assert_eq!((good.await.unwrap().unwrap(), other.await.unwrap().unwrap()), (1, 1));
        assert!(matches!(bad.await.unwrap(), Err(Error::Internal(_))));
    }

    #[tokio::test]
    async fn those_who_wait_are_told_when_the_database_is_closed() {
        let scene = scene(3, 100).await;
        scene.gather.0.db.close();
        assert!(scene.gather.bring(0).await.unwrap_err().is_storage());
        assert!(scene.gather.bring(1).await.unwrap_err().is_storage());
    }
}
