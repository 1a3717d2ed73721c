//! Housekeeping: deletes what is past its retention, a few hundred rows a unit, adds the meter up for the charts, and
//! comes back in ten minutes.

use std::time::Duration;

use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::phone::events::Emitter;
use crate::phone::messages::settle;
use crate::phone::{acts, attempts, idempotency, new_contacts, passwords, reaches, usage};
use crate::queue::{self, Class, Job, Task};

const EVERY: Duration = Duration::from_mins(10);
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

/// Messages that have waited for longer than their validity behind a line that is down fail now; one that is
/// claimed later finds out by itself.
async fn expire(app: &App, now: Time) {
    let validity = Duration::from_hours(u64::from(app.config.message_validity_hours));
    let before = now - validity;
    loop {
        let ids = app.ids.clone();
        let unit = move |tx: &mut Tx<'_>| {
            let old = queue::waiting_since(tx, Class::Send, before, 200)?;
            let mut emitter = Emitter::default();
            for job in &old {
                match &job.task {
                    Task::SendMessage(id) => settle::expire(tx, &ids, &mut emitter, now, id)?,
                    Task::Act(id) => acts::expire(tx, id)?,
                    Task::DeliverWebhook(_)
                    | Task::FetchMedia(_)
                    | Task::ReleaseNumber(_)
                    | Task::EraseConversation(_)
                    | Task::EraseOutside(_)
                    | Task::Prune => {}
                }
                queue::finish(tx, job)?;
            }
            emitter.store(tx, &ids, now)?;
            Ok(old.len())
        };
        match app.db.write(unit).await {
            Ok(200) => {}
            Ok(_) => return,
            Err(error) => return tracing::debug!(%error, "messages past their validity are seen to later"),
        }
    }
}

/// Adds the meter up for the charts: read in one unit, kept in another, so that the writer never waits for the sums.
async fn add_up(app: &App, now: Time) {
    let mut last = None;
    for _ in 0..2_000 {
        let sums = match app.db.read(move |tx| usage::next_sums(tx, last, now)).await {
            Ok(Some((quarter, sums))) => {
                last = Some(quarter);
                sums
            }
            Ok(None) => return,
            Err(error) => return tracing::debug!(%error, "the meter is added up later"),
        };
        if let Err(error) = app.db.write(move |tx| usage::keep_sums(tx, &sums)).await {
            return tracing::debug!(%error, "the meter is added up later");
        }
    }
}

pub async fn perform(app: &App, job: Job) {
    let now = app.clock.now();
    let retention = &app.config.retention;
    let keys_before = now - Duration::from_secs(u64::from(retention.idempotency_hours) * 3600);
    let deliveries_before = now - Duration::from_secs(u64::from(retention.delivery_days) * DAY);
    for _ in 0..1_000 {
        let more = app.db.write(move |tx| {
            Ok(idempotency::prune(tx, keys_before)?
                | attempts::prune(tx, deliveries_before)?
                | acts::prune(tx, keys_before)?
                | new_contacts::prune(tx, now)?
                | passwords::prune(tx, now)?
                | reaches::prune(tx, now - Duration::from_secs(DAY))?)
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
    expire(app, now).await;
    add_up(app, now).await;
    let again = move |tx: &mut Tx<'_>| queue::retry(tx, &job, now + EVERY, "comes every ten minutes", false);
    if let Err(error) = app.db.record(again).await {
        tracing::error!(?error, "housekeeping could not be put off");
    }
}
