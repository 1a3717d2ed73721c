//! Large bodies take turns: each is held in memory, and only so many are at a time. Ordinary requests do not come by here.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::extract::{BODY_BYTES, Room};
use crate::error::{Code, Error, Result};

/// Held at a time.
const AT_A_TIME: usize = 24;
/// What a caller is told to wait, in seconds, after having waited in vain.
const LATER: u64 = 5;

/// The places for large bodies.
#[derive(Clone)]
pub struct Uploads(Arc<Semaphore>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

impl Uploads {
    /// A place for the body of `request`, to be kept until it is answered; `None` if the body needs none.
    pub async fn place(&self, request: &Request, room: Room) -> Result<Option<OwnedSemaphorePermit>> {
        let hint = request.body().size_hint();
        let is_small = hint.upper().is_some_and(|most| most <= BODY_BYTES as u64);
        if room.bytes <= BODY_BYTES || is_small {
            return Ok(None);
        }
        let later = |_| Error::Later {
            code: Code::RateLimitExceeded,
            message: format!("Too many large uploads are under way; try again in {LATER} s"),
            seconds: LATER,
        };
        let place = timeout(room.patience, Arc::clone(&self.0).acquire_owned()).await.map_err(later)?;
        Ok(place.ok())
    }
}
