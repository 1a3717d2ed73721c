//! One model in this process and those who wait for it: loaded when it is first wanted, worked at by as many requests
//! together as its engine is good for, with a bounded line behind them, first come first served. Of what is being said
//! and heard it knows nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::health::ModelHealth;
use super::{Fault, Loaded, Ordered, Piece, Taker, Work, missing, open, together};

/// How many may wait for each that is being worked at.
const WAITING: usize = 16;
/// Pieces that may lie between an engine and its caller's connection.
const PIECES: usize = 32;
/// After how many seconds those who are turned away may come again.
const AGAIN: u64 = 1;

/// A model and its queue.
pub(super) struct Model {
    shelf: Arc<Shelf>,
    places: Arc<Semaphore>,
    room: usize,
    waiting: AtomicUsize,
    counts: Arc<Counts>,
}

/// Where the model stands once it is in memory.
struct Shelf {
    ordered: Ordered,
    threads: usize,
    loaded: OnceLock<Arc<dyn Loaded>>,
    /// Held by who loads it.
    loading: Mutex<()>,
}

#[derive(Default)]
struct Counts {
    working: AtomicUsize,
    done: AtomicU64,
    /// Of the last request that came to its end.
    speed: Mutex<f64>,
}

/// What a model makes, as it comes.
pub(super) type Pieces = mpsc::Receiver<Result<Piece, Fault>>;

/// Someone in the line.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Model {
    pub fn new(ordered: Ordered, threads: usize) -> Self {
        let places = ordered.concurrency.unwrap_or_else(|| together(ordered.engine));
        let shelf = Shelf { ordered, threads, loaded: OnceLock::new(), loading: Mutex::default() };
        Self {
            shelf: Arc::new(shelf),
            places: Arc::new(Semaphore::new(places)),
            room: places * WAITING,
            waiting: AtomicUsize::new(0),
            counts: Arc::default(),
        }
    }

    /// Has `work` done when it is its turn. What comes first tells whether it was taken on.
    pub async fn run(&self, work: Work) -> Result<Pieces, Fault> {
        let place = self.place().await?;
        let (taker, pieces) = mpsc::channel(PIECES);
        let (holder, counts) = (Arc::clone(&self.shelf), Arc::clone(&self.counts));
        counts.working.fetch_add(1, Ordering::Relaxed);
        spawn_blocking(move || {
            holder.carry_out(work, &Taker(taker), &counts);
            counts.working.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
        Ok(pieces)
    }

    /// Takes the model into memory before anybody asks.
    pub async fn preload(&self) {
        let holder = Arc::clone(&self.shelf);
        // Why it failed is in the log; a request will try again.
        let _ = spawn_blocking(move || drop(holder.load())).await;
    }

    /// Waits in the line, if there is room in it.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Fault> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.room {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Fault::Busy { seconds: AGAIN });
        }
        let waiting = Waiting(&self.waiting);
        let place = Arc::clone(&self.places).acquire_owned().await;
        drop(waiting);
        place.map_err(|_| Fault::Failed { message: "the engines are ending".to_owned() })
    }

    pub fn health(&self) -> ModelHealth {
        ModelHealth {
            name: self.shelf.ordered.name.clone(),
            engine: self.shelf.ordered.engine,
            loaded: self.shelf.loaded.get().is_some(),
            waiting: self.waiting.load(Ordering::Relaxed),
            working: self.counts.working.load(Ordering::Relaxed),
            done: self.counts.done.load(Ordering::Relaxed),
            speed: *self.counts.speed.lock().expect("counting does not panic"),
        }
    }
}

impl Shelf {
    /// The model in memory. Who comes while it is being loaded waits for it.
    fn load(&self) -> Result<Arc<dyn Loaded>, Fault> {
        let name = &self.ordered.name;
        if let Some(reason) = missing(self.ordered.engine) {
            return Err(Fault::Failed { message: format!("{name}: {reason}") });
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = self.loaded.get() {
            return Ok(Arc::clone(engine));
        }
        let begun = Instant::now();
        let engine = open(&self.ordered, self.threads).map_err(|reason| {
            // Paths are for the log; callers are told which model it is.
            tracing::error!("{name} cannot be loaded: {reason:#}");
            Fault::Failed { message: format!("{name}: the model cannot be loaded") }
        })?;
        tracing::info!("{name} is loaded, in {:.1} s", begun.elapsed().as_secs_f64());
        Ok(Arc::clone(self.loaded.get_or_init(|| engine)))
    }

    /// Does the work; a fault, and a panic, is the last thing the taker gets.
    fn carry_out(&self, work: Work, taker: &Taker, counts: &Counts) {
        let done = catch_unwind(AssertUnwindSafe(|| {
            let engine = self.load()?;
            let begun = Instant::now();
            let amount = engine.work(work, taker)?;
            counts.count(amount, begun.elapsed());
            Ok(())
        }));
        let broke_off = || Fault::Failed { message: format!("{}: the engine broke off", self.ordered.name) };
        if let Err(fault) = done.unwrap_or_else(|_| Err(broke_off())) {
            if let Fault::Failed { message } = &fault {
                tracing::error!("{message}");
            }
            // The caller may have left.
            let _ = taker.0.blocking_send(Err(fault));
        }
    }
}

impl Counts {
    fn count(&self, amount: f64, took: Duration) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if !took.is_zero() {
            *self.speed.lock().expect("counting does not panic") = amount / took.as_secs_f64();
        }
    }
}
