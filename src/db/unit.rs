//! A unit of work on its way through the database: a closure that may run more than once, and the place where
//! its answer is awaited.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;
use tokio::sync::oneshot;

use super::tx::Tx;
use crate::error::{Error, Result, Storage};

/// How a unit's transaction behaves on `PostgreSQL`; `SQLite` knows one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One snapshot, nothing written.
    Read,
    /// SERIALIZABLE: reading and then writing means the same on both databases.
    Write,
    /// REPEATABLE READ, several units to a transaction: for units that append rows and change rows they have read.
    Append,
    /// READ COMMITTED, for the claim of jobs with SKIP LOCKED.
    Claim,
}

pub trait Unit: Send {
    fn mode(&self) -> Mode;

    /// Runs the closure and keeps what it answers. May be called again after a rollback.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;

    /// Sends the kept answer, or `failure`, to whoever waits.
    fn answer(self: Box<Self>, outcome: Result<()>);
}

pub struct Closure<T, F> {
    mode: Mode,
    act: F,
    kept: Option<T>,
    waiter: oneshot::Sender<Result<T>>,
}

impl<T, F> Closure<T, F>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    /// The unit, and where its answer will come.
    pub fn boxed(mode: Mode, act: F) -> (Box<dyn Unit>, oneshot::Receiver<Result<T>>) {
        let (waiter, answer) = oneshot::channel();
        (Box::new(Self { mode, act, kept: None, waiter }), answer)
    }
}

impl<T, F> Unit for Closure<T, F>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    fn mode(&self) -> Mode {
        self.mode
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.act)(tx)))
            .unwrap_or_else(|_| Err(anyhow!("a unit of work panicked").into()))?;
        self.kept = Some(outcome);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let Self { kept, waiter, .. } = *self;
        let answer = outcome.and_then(|()| kept.ok_or_else(|| anyhow!("a unit has no answer").into()));
        // Whoever asked may have gone; what was done stays done.
        let _ = waiter.send(answer);
    }
}

/// The error of a unit whose database went away before it was run.
pub fn closed() -> Error {
    Error::Storage(Storage::Unavailable("the database is closed".to_owned()))
}
