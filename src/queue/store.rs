//! The queue's statements: insert, claim, and giving back what a dead process held.

use std::collections::HashSet;

use anyhow::Context;

use super::task::{Class, Lane};
use super::{Draft, Job, LEASE, wake};
use crate::clock::Time;
use crate::db::{ToValue, Tx, Value, in_pieces, listed_from, padded};
use crate::error::Result;
use crate::id::{Incarnation, JobId};

/// Writes new jobs, each under its id; `lease` claims it for that process from the first.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    now: Time,
    jobs: &[(JobId, &Draft, Option<&Incarnation>)],
) -> Result<()> {
    let tasks = jobs
        .iter()
        .map(|(_, draft, _)| serde_json::to_string(&draft.task).context("a task is plain data"))
        .collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<_> =
        jobs.iter().zip(&tasks).map(|((id, draft, lease), task)| row(now, id, draft, *lease, task)).collect();
    tx.insert(
        "INSERT INTO jobs (id, class, lane, task, unique_key, order_key, seq, run_at, attempt, lease, origin, created_at)",
        &rows,
        "ON CONFLICT (unique_key) WHERE unique_key IS NOT NULL DO NOTHING",
    )?;
    Ok(())
}

fn row<'a>(
    now: Time,
    id: &'a JobId,
    draft: &'a Draft,
    lease: Option<&'a Incarnation>,
    task: &'a String,
) -> Vec<Value<'a>> {
    let (run_at, attempt) = if lease.is_some() { (now + LEASE, 1) } else { (draft.run_at, 0) };
    let order = draft.order.as_ref();
    vec![
        id.value(),
        draft.lane.class.value(),
        draft.lane.name.value(),
        task.value(),
        draft.unique_key.value(),
        order.map_or(Value::Null, |order| order.key.value()),
        Value::Int(order.map_or(0, |order| order.seq)),
        Value::Int(run_at.millis()),
        Value::Int(attempt),
        lease.map_or(Value::Null, ToValue::value),
        draft.origin.value(),
        Value::Int(now.millis()),
    ]
}

/// Leases up to `most` due jobs of these lanes, oldest first, none of which has an older one of its order left.
pub fn claim(
    tx: &mut Tx<'_>,
    class: Class,
    lanes: &[&String],
    lease: &Incarnation,
    now: Time,
    most: usize,
) -> Result<Vec<Job>> {
    let (skip_locked, materialized) = (tx.skip_locked(), tx.materialized());
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let until = now + LEASE;
    let mut parameters: Vec<&dyn ToValue> = vec![&class, &now, &most, lease, &until];
    parameters.extend(padded(lanes));
    let sql = format!(
        "WITH due AS{materialized} (
             SELECT j.id AS id FROM jobs j
             WHERE j.class = ?1 AND j.lane IN ({}) AND j.run_at <= ?2
               AND (j.order_key IS NULL OR NOT EXISTS (
                    SELECT 1 FROM jobs o WHERE o.order_key = j.order_key AND o.seq < j.seq))
             ORDER BY j.run_at, j.id LIMIT ?3{skip_locked})
         UPDATE jobs SET lease = ?4, attempt = attempt + 1, run_at = ?5
         WHERE id IN (SELECT id FROM due)
         RETURNING id, task, order_key, attempt, origin, created_at, seq, lane",
        listed_from(6, parameters.len())
    );
    let mut jobs = tx.query(&sql, &parameters, |row| {
        let task: String = row.get(1)?;
        let job = Job {
            id: row.get(0)?,
            lane: Lane { class, name: row.get(7)? },
            task: serde_json::from_str(&task).context("reading a job's task")?,
            order_key: row.get(2)?,
            attempt: row.get(3)?,
            origin: row.get(4)?,
            lease: lease.clone(),
            created_at: row.get(5)?,
        };
        Ok((row.get::<i64>(6)?, job))
    })?;
    jobs.sort_by(|(seq, job), (other_seq, other)| (seq, &job.id).cmp(&(other_seq, &other.id)));
    Ok(jobs.into_iter().map(|(_, job)| job).collect())
}

pub(super) fn waiting_since(tx: &mut Tx<'_>, class: Class, before: Time, most: i64) -> Result<Vec<Job>> {
    tx.query(
        "SELECT id, lane, task, order_key, attempt, origin, created_at FROM jobs
         WHERE class = ?1 AND lease IS NULL AND created_at < ?2 ORDER BY lane, seq LIMIT ?3",
        &[&class, &before, &most],
        |row| {
            let task: String = row.get(2)?;
            Ok(Job {
                id: row.get(0)?,
                lane: Lane { class, name: row.get(1)? },
                task: serde_json::from_str(&task).context("reading a job's task")?,
                order_key: row.get(3)?,
                attempt: row.get(4)?,
                origin: row.get(5)?,
                // Nobody's: it is only ended, never run.
                lease: Incarnation::from_text(""),
                created_at: row.get(6)?,
            })
        },
    )
}

/// The lanes of `class` that have due work: one index probe a lane, however many jobs there are.
pub fn due_lanes(tx: &mut Tx<'_>, class: Class, now: Time) -> Result<Vec<String>> {
    tx.query(
        "WITH RECURSIVE lanes_of (lane) AS (
             SELECT MIN(lane) FROM jobs WHERE class = ?1
             UNION ALL
             SELECT (SELECT MIN(j.lane) FROM jobs j WHERE j.class = ?1 AND j.lane > lanes_of.lane)
             FROM lanes_of WHERE lanes_of.lane IS NOT NULL)
         SELECT lane FROM lanes_of
         WHERE lane IS NOT NULL
           AND EXISTS (SELECT 1 FROM jobs d WHERE d.class = ?1 AND d.lane = lanes_of.lane AND d.run_at <= ?2)",
        &[&class, &now],
        |row| row.get(0),
    )
}

/// Takes or renews this process's hold of numbers' sending lanes; answers those it holds now. The others are held by
/// another live process.
pub fn hold_lanes(
    tx: &mut Tx<'_>,
    lanes: &[&String],
    holder: &Incarnation,
    now: Time,
) -> Result<HashSet<String>> {
    if !tx.is_shared() {
        return Ok(lanes.iter().map(|lane| (*lane).clone()).collect());
    }
    // In one order for everyone, so that two units never wait for each other crosswise.
    let mut lanes = lanes.to_vec();
    lanes.sort_unstable();
    let clock = tx.lease_clock("?1");
    let mut held = HashSet::with_capacity(lanes.len());
    for some in in_pieces(&lanes) {
        let rows: Vec<String> =
            (4..4 + some.len()).map(|lane| format!("(?{lane}, ?2, {clock} + ?3)")).collect();
        let sql = format!(
            "INSERT INTO lanes (lane, holder, until) VALUES {}
             ON CONFLICT (lane) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
             WHERE lanes.holder = EXCLUDED.holder OR lanes.until < {clock}
             RETURNING lane",
            rows.join(", ")
        );
        let mut parameters: Vec<&dyn ToValue> = vec![&now, holder, &LANE_HOLD_MILLIS];
        parameters.extend(some.iter().map(|lane| *lane as &dyn ToValue));
        held.extend(tx.query(&sql, &parameters, |row| row.get::<String>(0))?);
    }
    Ok(held)
}

/// An expression for whether the process `?1` holds the lane named by `column` at the time `?2`, and so may hand
/// its messages over directly.
pub fn holds_lane(tx: &Tx<'_>, column: &str) -> String {
    if !tx.is_shared() {
        return "1".to_owned();
    }
    let clock = tx.lease_clock("?2");
    format!(
        "(SELECT CAST(COUNT(*) AS BIGINT) FROM lanes
          WHERE lanes.lane = {column} AND holder = CAST(?1 AS TEXT) AND until > {clock})"
    )
}

/// A number's lane is held for so long at a time.
pub const LANE_HOLD_MILLIS: i64 = 20_000;

/// Gives back what dead incarnations held: their jobs fall due at `run_at`, their lanes are free. Answers how
/// many incarnations were dead.
pub fn bury_the_dead(tx: &mut Tx<'_>, me: &Incarnation, run_at: Time) -> Result<usize> {
    let others: Vec<Incarnation> = if tx.is_shared() {
        tx.query("SELECT id FROM incarnations WHERE id <> ?1", &[me], |row| row.get(0))?
    } else {
        tx.query("SELECT DISTINCT lease FROM jobs WHERE lease IS NOT NULL AND lease <> ?1", &[me], |row| {
            row.get(0)
        })?
    };
    let mut buried = 0;
    for dead in others {
        if !tx.is_dead(&dead)? {
            continue;
        }
        buried += 1;
        // First this: it waits for what the process had under way in the database when it ended.
        tx.execute("DELETE FROM incarnations WHERE id = ?1", &[&dead])?;
        let jobs = tx.query(
            "UPDATE jobs SET lease = NULL, run_at = ?2 WHERE lease = ?1 RETURNING class, lane",
            &[&dead, &run_at],
            |row| Ok(Lane { class: row.get(0)?, name: row.get(1)? }),
        )?;
        tx.execute("DELETE FROM lanes WHERE holder = ?1", &[&dead])?;
        for lane in &jobs {
            wake::lane(tx, lane, run_at);
        }
        wake::everywhere(tx);
    }
    Ok(buried)
}
