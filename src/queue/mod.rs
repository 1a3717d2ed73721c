//! The durable queue: jobs enqueued in the caller's transaction, claimed by lease, ordered per key, in lanes
//! with their own concurrency. It knows what a job *is* ([`Task`]), never what it does (`jobs/`), and keeps no
//! history: that is in the nouns.

use std::collections::HashSet;
use std::time::Duration;

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{Ids, Incarnation, JobId};

pub mod backoff;
mod room;
pub mod store;
mod task;
mod wake;
mod worker;

pub use room::{Limits, Room, Slot};
pub use task::{Class, Lane, Task, erase_lane, hook_lane, media_lane, send_lane, upkeep_lane};
pub use wake::Wakes;
pub use worker::{Work, Worker};

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct Draft {
    pub lane: Lane,
    pub task: Task,
    /// At most one job of this key waits; a second is not enqueued.
    pub unique_key: Option<String>,
    /// Jobs of one key run one after the other, in the order of `seq`.
    pub order: Option<Order>,
    pub run_at: Time,
    /// The incarnation where a request waits for the outcome.
    pub origin: Option<Incarnation>,
}

/// A place in the order of one key, usually a conversation's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    pub key: String,
    pub seq: i64,
}

/// A claimed job.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: JobId,
    pub lane: Lane,
    pub task: Task,
    pub order_key: Option<String>,
    /// 1 at the first claim.
    pub attempt: i64,
    pub origin: Option<Incarnation>,
    pub lease: Incarnation,
    pub created_at: Time,
}

/// How long a claimed job may take before another process may think it lost; longer jobs say so by themselves.
pub const LEASE: Duration = Duration::from_mins(3);

/// Enqueues `draft` for whoever works its lane.
pub fn enqueue(tx: &mut Tx<'_>, ids: &Ids, now: Time, draft: &Draft) -> Result<()> {
    enqueue_all(tx, ids, now, &[(draft, None)]).map(drop)
}

/// Enqueues jobs, in this order where it matters. One with a lease is already claimed by that process, which begins
/// it right after the commit.
pub fn enqueue_all(
    tx: &mut Tx<'_>,
    ids: &Ids,
    now: Time,
    drafts: &[(&Draft, Option<&Incarnation>)],
) -> Result<Vec<Option<Job>>> {
    let rows: Vec<_> = drafts.iter().map(|(draft, lease)| (JobId::new(ids), *draft, *lease)).collect();
    store::insert(tx, now, &rows)?;
    let claimed = rows.into_iter().map(|(id, draft, lease)| {
        let Some(lease) = lease else {
            wake::lane(tx, &draft.lane, draft.run_at);
            return None;
        };
        Some(Job {
            id,
            lane: draft.lane.clone(),
            task: draft.task.clone(),
            order_key: draft.order.as_ref().map(|order| order.key.clone()),
            attempt: 1,
            origin: draft.origin.clone(),
            lease: lease.clone(),
            created_at: now,
        })
    });
    Ok(claimed.collect())
}

/// Those of these orders that have a job left, waiting or under way.
pub fn orders_left<'a>(
    tx: &mut Tx<'_>,
    order_keys: impl IntoIterator<Item = &'a String>,
) -> Result<HashSet<String>> {
    let sql = "SELECT DISTINCT order_key FROM jobs WHERE order_key IN ({list})";
    Ok(tx.query_listed(sql, &[], order_keys, |row| row.get(0))?.into_iter().collect())
}

/// Takes back the waiting job of `unique_key`, if there is one that nobody works on yet.
pub fn withdraw(tx: &mut Tx<'_>, unique_key: &str) -> Result<()> {
    tx.execute("DELETE FROM jobs WHERE unique_key = ?1 AND lease IS NULL", &[&unique_key])?;
    Ok(())
}

/// The job is done: deletes it and wakes the next of its order.
pub fn finish(tx: &mut Tx<'_>, job: &Job) -> Result<()> {
    tx.execute("DELETE FROM jobs WHERE id = ?1", &[&job.id])?;
    wake_next(tx, job)
}

/// Ends many jobs at once, as [`finish`] does.
pub fn finish_all(tx: &mut Tx<'_>, jobs: &[&Job]) -> Result<()> {
    tx.execute_listed("DELETE FROM jobs WHERE id IN ({list})", &[], jobs.iter().map(|job| &job.id))?;
    let keys = jobs.iter().filter_map(|job| job.order_key.as_ref());
    let sql = "SELECT class, lane, MIN(run_at) FROM jobs WHERE order_key IN ({list}) GROUP BY class, lane";
    let next = tx.query_listed(sql, &[], keys, |row| {
        Ok((Lane { class: row.get(0)?, name: row.get(1)? }, row.get::<Time>(2)?))
    })?;
    for (lane, run_at) in &next {
        wake::lane(tx, lane, *run_at);
    }
    Ok(())
}

/// Whether the claim of `job` still stands: it has neither ended nor been claimed again, by this process or another.
pub fn is_held(tx: &mut Tx<'_>, job: &Job) -> Result<bool> {
    let sql = "SELECT 1 FROM jobs WHERE id = ?1 AND lease = ?2 AND attempt = ?3";
    tx.exists(sql, &[&job.id, &job.lease, &job.attempt])
}

/// The job shall run again at `run_at`; it keeps its place in the order unless `give_up_place`. Nothing happens
/// if its claim was lost meanwhile.
pub fn retry(tx: &mut Tx<'_>, job: &Job, run_at: Time, reason: &str, give_up_place: bool) -> Result<()> {
    tx.execute(
        "UPDATE jobs SET run_at = ?3, lease = NULL, last_error = ?4,
                         order_key = CASE WHEN CAST(?5 AS BIGINT) = 1 THEN NULL ELSE order_key END
         WHERE id = ?1 AND lease = ?2 AND attempt = ?6",
        &[&job.id, &job.lease, &run_at, &reason, &i64::from(give_up_place), &job.attempt],
    )?;
    wake::lane(tx, &job.lane, run_at);
    if give_up_place { wake_next(tx, job) } else { Ok(()) }
}

/// A waiting job of this unique key runs at `run_at`, if that is sooner.
pub fn bring_forward(tx: &mut Tx<'_>, unique_key: &str, run_at: Time) -> Result<()> {
    let lane = tx.optional(
        "UPDATE jobs SET run_at = ?2 WHERE unique_key = ?1 AND lease IS NULL AND run_at > ?2 RETURNING class, lane",
        &[&unique_key, &run_at],
        |row| Ok(Lane { class: row.get(0)?, name: row.get(1)? }),
    )?;
    if let Some(lane) = lane {
        wake::lane(tx, &lane, run_at);
    }
    Ok(())
}

/// Jobs of a class that nobody works on and that were enqueued before `before`.
pub fn waiting_since(tx: &mut Tx<'_>, class: Class, before: Time, most: i64) -> Result<Vec<Job>> {
    store::waiting_since(tx, class, before, most)
}

fn wake_next(tx: &mut Tx<'_>, job: &Job) -> Result<()> {
    let Some(key) = &job.order_key else { return Ok(()) };
    let next =
        tx.optional("SELECT run_at FROM jobs WHERE order_key = ?1 ORDER BY seq LIMIT 1", &[key], |row| {
            row.get::<Time>(0)
        })?;
    if let Some(run_at) = next {
        wake::lane(tx, &job.lane, run_at);
    }
    Ok(())
}
