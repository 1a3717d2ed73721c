//! Recordings on their way to whoever listens: decoded off the async threads, a few at a time, and only so many held that
//! the memory suffices, however long they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::audio::{self, AudioError};
use super::{Fault, Recording};

/// Decoded at a time.
const AT_A_TIME: usize = 2;
/// What all recordings together may take, in MiB.
const HELD: u32 = 1024;
/// How long a recording waits for its turn, and for its place, before its caller is asked to come again.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so many seconds.
const AGAIN: u64 = 10;

/// Where recordings are decoded.
pub struct Hearing {
    turns: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    patience: Duration,
    max_seconds: u32,
}

/// A recording, and its place in memory.
pub struct Held {
    pub recording: Arc<Recording>,
    _place: OwnedSemaphorePermit,
}

impl Hearing {
    /// For recordings up to this length.
    pub fn new(max_seconds: u32) -> Self {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let memory = Arc::new(Semaphore::new(HELD as usize));
        Self { turns, memory, patience: PATIENCE, max_seconds }
    }

    /// What is in `file`. Dropping the future ends the work soon. What was decoded keeps its turn until there is a place
    /// for it: small files that unfold to hours wait as small files.
    pub async fn take(&self, file: Bytes) -> Result<Held, Fault> {
        let turn = self.enter(&self.turns, 1).await?;
        let leaving = Leaving(Arc::default());
        let (left, max_seconds, bytes) = (Arc::clone(&leaving.0), self.max_seconds, file.clone());
        // Who gives up leaves this to end by itself; the turn ends with it.
        let decoding = move || (audio::decode(&bytes, max_seconds, &left), turn);
        let (decoded, turn) = tokio::task::spawn_blocking(decoding).await.map_err(|_| AudioError::Broken)?;
        let decoded = decoded?;
        let size = u32::try_from(decoded.samples.len() >> 18).unwrap_or(HELD).clamp(1, HELD);
        let place = self.enter(&self.memory, size).await?;
        drop(turn);
        let name = format!("recording.{}", decoded.ending);
        let recording = Arc::new(Recording { samples: decoded.samples, file, name });
        Ok(Held { recording, _place: place })
    }

    async fn enter(&self, places: &Arc<Semaphore>, count: u32) -> Result<OwnedSemaphorePermit, Fault> {
        let place = timeout(self.patience, Arc::clone(places).acquire_many_owned(count)).await;
        place.ok().and_then(Result::ok).ok_or(Fault::Busy { seconds: AGAIN })
    }
}

impl From<AudioError> for Fault {
    fn from(error: AudioError) -> Self {
        Self::Refused { code: Some("invalid_audio".to_owned()), message: error.to_string() }
    }
}

/// Tells the decoder that nobody waits any more.
struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::audio::wav;
    use super::*;

    /// A second of sound, which counts as one MiB.
    fn second() -> Bytes {
        wav::file(&vec![0.1; 16_000], 16_000).into()
    }

    #[tokio::test]
    async fn what_finds_no_place_keeps_its_turn_so_that_nothing_more_is_decoded() {
        let (memory, patience) = (Arc::new(Semaphore::new(1)), Duration::from_secs(1));
        let hearing = Hearing { memory, patience, ..Hearing::new(60) };
        let held = hearing.take(second()).await.unwrap();
        let waiting =
            tokio::join!(hearing.take(second()), hearing.take(second()), hearing.take(second()), async {
                tokio::time::sleep(patience / 2).await;
                hearing.turns.available_permits()
            });
        assert_eq!(waiting.3, 0);
        for taken in [waiting.0, waiting.1] {
            assert_eq!(taken.err(), Some(Fault::Busy { seconds: AGAIN }));
        }
        drop(held);
        assert!(hearing.take(second()).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_sound_is_refused() {
        let refused = Hearing::new(60).take(Bytes::from_static(b"no sound")).await.err();
        assert!(matches!(refused, Some(Fault::Refused { code: Some(code), .. }) if code == "invalid_audio"));
    }
}
