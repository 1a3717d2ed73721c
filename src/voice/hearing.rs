//! Recordings on their way to whoever listens: decoded off the async threads, a few at a time, and only so many held that
//! the memory suffices, however long they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Recording;
use super::audio::{self, AudioError};

/// Decoded at a time.
const AT_A_TIME: usize = 2;
/// What all recordings together may take, in MiB.
const HELD: u32 = 1024;

/// Where recordings are decoded.
pub struct Hearing {
    turns: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    max_seconds: u32,
}

/// A recording, and its place in memory.
pub struct Held {
    pub recording: Arc<Recording>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Hearing {
    /// For recordings up to this length.
    pub fn new(max_seconds: u32) -> Self {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let memory = Arc::new(Semaphore::new(HELD as usize));
        Self { turns, memory, max_seconds }
    }

    /// What is in `file`. Dropping the future ends the work soon.
    pub async fn take(&self, file: Bytes) -> Result<Held, AudioError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let leaving = Leaving(Arc::default());
        let (left, max_seconds, bytes) = (Arc::clone(&leaving.0), self.max_seconds, file.clone());
        let decoded = tokio::task::spawn_blocking(move || {
            let decoded = audio::decode(&bytes, max_seconds, &left);
            // Who gave up left this to end by itself; the next one comes after it.
            drop(turn);
            decoded
        });
        let decoded = decoded.await.map_err(|_| AudioError::Broken)??;
        let size = u32::try_from(decoded.samples.len() >> 18).unwrap_or(HELD).clamp(1, HELD);
        let place = Arc::clone(&self.memory).acquire_many_owned(size).await.ok();
        let name = format!("recording.{}", decoded.ending);
        let recording = Arc::new(Recording { samples: decoded.samples, file, name });
        Ok(Held { recording, _place: place })
    }
}

/// Tells the decoder that nobody waits any more.
struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
