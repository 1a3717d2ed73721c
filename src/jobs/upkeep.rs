//! Housekeeping: deletes what is past its retention, a few hundred rows a unit, and comes back in an hour.

use std::time::Duration;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::phone::{attempts, idempotency};
use crate::queue::{self, Job, Task};

const EVERY: Duration = Duration::from_hours(1);
const DAY: u64 = 24 * 3600;

/// Enqueues the first round; there is never more than one.
pub async fn schedule(app: &App) -> Result<()> {
    let (ids, now) = (app.ids.clone(), app.clock.now());
    app.db
        .write(move |tx| {
            let job = queue::Draft {
                lane: queue::upkeep_lane(),
                task: Task::Prune,
                unique_key: Some("prune".to_owned()),
                order: None,
                run_at: now + Duration::from_mins(1),
                origin: None,
            };
            queue::enqueue(tx, &ids, now, &job)
        })
        .await
}

pub async fn perform(app: &App, job: Job) {
    let now = app.clock.now();
    let retention = &app.config.retention;
    let keys_before = now - Duration::from_secs(u64::from(retention.idempotency_hours) * 3600);
    let deliveries_before = now - Duration::from_secs(u64::from(retention.delivery_days) * DAY);
    for _ in 0..1_000 {
        let more = app.db.write(move |tx| {
            Ok(idempotency::prune(tx, keys_before)? | attempts::prune(tx, deliveries_before)?)
        });
        match more.await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                tracing::debug!(%error, "housekeeping goes on later");
                break;
            }
        }
    }
    let again = move |tx: &mut Tx<'_>| queue::retry(tx, &job, now + EVERY, "comes every hour", false);
    if let Err(error) = app.db.record(again).await {
        tracing::error!(?error, "housekeeping could not be put off");
    }
}
