//! Stores what voice AI used, behind the answers and many rows in one unit: a request never waits for it. What was
//! counted within the last moments ([`PAUSE`] and one flush) is lost if the process is killed; a stop stores it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::app::App;
use crate::db::{Db, Tx};
use crate::phone::voice_usage::{self, Counted};

/// Between two units: rows gather meanwhile. Short, so that a unit is small and a kill loses little.
const PAUSE: Duration = Duration::from_millis(10);
/// Rows in one unit at most, so that others come in between.
const MOST: usize = 256;

/// Where requests leave what they used.
#[derive(Default)]
pub struct Meter {
    waiting: Mutex<Vec<Counted>>,
    came: Notify,
}

impl Meter {
    /// Leaves a row to be stored; does not wait.
    pub fn count(&self, counted: Counted) {
        self.waiting.lock().expect("nothing panics while it holds this").push(counted);
        self.came.notify_one();
    }

    /// Stores what was left here.
    pub async fn store(&self, db: &Db) {
        loop {
            let rows: Vec<_> = {
                let mut waiting = self.waiting.lock().expect("nothing panics while it holds this");
                let count = waiting.len().min(MOST);
                waiting.drain(..count).collect()
            };
            if rows.is_empty() {
                return;
            }
            let rows = Arc::new(rows);
            let unit = move |tx: &mut Tx<'_>| voice_usage::count_all(tx, &rows);
            if let Err(error) = db.record(unit).await {
                tracing::error!(?error, "what voice AI used could not be stored");
            }
        }
    }
}

/// Stores what comes until the server stops; what is left then is for the last [`Meter::store`].
pub async fn run(app: App) {
    while app.stop.run_until_cancelled(app.meter.came.notified()).await.is_some() {
        app.meter.store(&app.db).await;
        tokio::time::sleep(PAUSE).await;
    }
}
