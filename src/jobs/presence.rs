//! Looks after the dead: jobs and lanes that a process held when it ended are given back, at start and four times a
//! second while others may share the database: until then what it held keeps its conversations waiting.

use std::time::Duration;

use crate::app::App;
use crate::db::Tx;
use crate::queue::store;

const EVERY: Duration = Duration::from_millis(250);
/// What a dead process had begun is looked at after so long: its last bytes may still be on their way.
const SETTLE: Duration = Duration::from_millis(500);

/// Gives back what dead processes held, once.
pub async fn bury_the_dead(app: &App) -> crate::error::Result<usize> {
    let Some(me) = app.db.presence().incarnation() else { return Ok(0) };
    let run_at = app.clock.now() + SETTLE;
    app.db.claim(move |tx: &mut Tx<'_>| store::bury_the_dead(tx, &me, run_at)).await
}

/// Watches until the server stops.
pub async fn watch(app: App) {
    while app.db.is_shared() {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        match bury_the_dead(&app).await {
            Ok(0) => {}
            Ok(buried) => tracing::warn!(buried, "another process ended; its work goes on here"),
            Err(error) => tracing::debug!(%error, "could not look for dead processes"),
        }
    }
}
