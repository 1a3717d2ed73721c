//! Where passwords are hashed: beside the threads that answer requests and beside those of the database, a few at a
//! time, so that guesses cannot use the machine up.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Semaphore;

use crate::error::{Code, Error, Result};

const AT_A_TIME: usize = 2;
/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes turns. Cheap to clone.
#[derive(Clone)]
pub struct Hasher(Arc<Semaphore>);

impl Default for Hasher {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

impl Hasher {
    /// Runs `work`, which takes a while, when it is its turn.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let busy = |_| Error::Later {
            code: Code::RateLimitExceeded,
            message: "Too many people sign in at once; try again in a moment".to_owned(),
            seconds: 5,
        };
        let turn = turn.map_err(busy)?.context("turns are never closed")?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        Ok(done.await.context("hashing a password")?)
    }
}
