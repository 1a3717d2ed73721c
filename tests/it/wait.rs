//! Waiting for what happens by itself: looked at again and again, with a bound, never slept for.

use std::time::Duration;

use tokio::time::Instant;

/// Nothing here takes so long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(15);
const BETWEEN: Duration = Duration::from_millis(3);

/// The first `Some` that `look` answers; `what` is missed when it never comes.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Waits until `look` says yes.
pub async fn until_true(what: &str, mut look: impl AsyncFnMut() -> bool) {
    until(what, async || look().await.then_some(())).await;
}
