//! Waiting for what happens by itself: looked at again and again, with a bound, never slept for.

use std::time::Duration;

use tokio::time::Instant;

/// Nothing here takes so long unless it is broken, however busy the machine.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// Pauses between looks: short at first, so that nobody waits for them, then longer, so that looking does not keep the
/// machine from what is looked for.
const SHORTEST: Duration = Duration::from_millis(3);
const LONGEST: Duration = Duration::from_millis(100);

/// The first `Some` that `look` answers; `what` is missed when it never comes.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    let mut pause = SHORTEST;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(LONGEST);
    }
}

/// Waits until `look` says yes.
pub async fn until_true(what: &str, mut look: impl AsyncFnMut() -> bool) {
    until(what, async || look().await.then_some(())).await;
}
