//! The embedded database. One writer thread owns the only writing connection: it takes the units that wait,
//! runs them in one transaction (each in a savepoint once one of them has failed half-way), commits once, which is one flush, and only then answers them
//! all (group commit). A few read-only connections serve reads, each on a thread of its own. `log.rs` keeps the
//! write-ahead log short.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::bus::{Bus, Said};
use super::intake::Intake;
use super::log::{self, Log};
use super::tx::{Backend, Tx};
use super::unit::Unit;
use super::value::{Row, ToValue, Value, storable};
use crate::error::{Error, Result, Storage};

/// So many units share one flush at most: more would make the first of them wait too long.
const UNITS_PER_COMMIT: usize = 256;
const STATEMENTS_KEPT: usize = 256;
/// How long another program's lock is waited for. Requests may wait for two such units.
const BUSY: Duration = Duration::from_secs(2);

/// Starts the threads that work `writes` and `reads` off.
pub fn start(
    path: &Path,
    readers: usize,
    bus: &Arc<Bus>,
    writes: &Arc<Intake>,
    reads: &Arc<Intake>,
) -> anyhow::Result<()> {
    let mut connection = open(path, false)?;
    let log = Log::of(&mut connection)?;
    let (intake, bus) = (Arc::clone(writes), Arc::clone(bus));
    let only_one = Writer { connection, log: Arc::clone(&log), bus };
    spawn("db-writer", move || only_one.work(&intake))?;
    for _ in 0..readers {
        let (connection, intake) = (open(path, true)?, Arc::clone(reads));
        spawn("db-reader", move || {
            while let Some(unit) = intake.pop() {
                read(&connection, unit);
            }
        })?;
    }
    let (connection, alive) = (open(path, false)?, Arc::downgrade(writes));
    spawn("db-log", move || log.work(&connection, || alive.strong_count() > 0))?;
    Ok(())
}

/// A connection with the settings that durability asks for; used by migrations too.
#[expect(clippy::disallowed_methods, reason = "db/ is where connections are opened")]
pub fn open(path: &Path, read_only: bool) -> anyhow::Result<Connection> {
    let flags = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX
    };
    let connection = Connection::open_with_flags(path, flags)
        .with_context(|| format!("opening the database {}", path.display()))?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    if !read_only {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", log::KEPT_BYTES)?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten where it stood, as long as that page is written anyway.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    Ok(connection)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(())
}

struct Writer {
    connection: Connection,
    log: Arc<Log>,
    bus: Arc<Bus>,
}

/// A unit that has run in the open transaction, and what is to happen once that is committed.
struct Done {
    unit: Box<dyn Unit>,
    outcome: Result<()>,
    said: Vec<Said>,
    /// It failed after it had written something, and nothing took that back.
    half_written: bool,
}

/// How much trouble is taken to keep units apart: none until one of them makes it necessary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    None,
    Savepoints,
    OneByOne,
}

impl Writer {
    fn work(self, intake: &Intake) {
        while let Some(first) = intake.pop() {
            // Who comes from here on goes with the next flush: gathered by then, not one by one.
            let company = intake.pop_while(UNITS_PER_COMMIT - 1, |_| true);
            self.batch(std::iter::once(first).chain(company).collect(), intake);
            self.log.rest(&self.connection);
        }
    }

    /// Runs the units that were waiting in one transaction, or in several if one of them breaks it.
    fn batch(&self, mut waiting: VecDeque<Box<dyn Unit>>, intake: &Intake) {
        let mut care = Care::None;
        while !waiting.is_empty() {
            if let Err(error) = self.connection.execute_batch("BEGIN IMMEDIATE") {
                // Who waits behind these has waited for the same.
                let error = storage(&error);
                for unit in waiting.drain(..).chain(intake.take_all()) {
                    unit.answer(Err(error.again()));
                }
                return;
            }
            let (mut done, broken) = self.run_all(&mut waiting, care);
            if !broken && self.commit(&mut done) {
                continue;
            }
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            // The same units again, so that one unit's trouble is nobody else's.
            care = if broken && care == Care::None { Care::Savepoints } else { Care::OneByOne };
            done.into_iter().rev().for_each(|ran| waiting.push_front(ran.unit));
        }
    }

    /// Runs what waits in the open transaction; `true` if that is spoiled and must be run again.
    fn run_all(&self, waiting: &mut VecDeque<Box<dyn Unit>>, care: Care) -> (Vec<Done>, bool) {
        let most = if care == Care::OneByOne { 1 } else { UNITS_PER_COMMIT };
        let mut done: Vec<Done> = Vec::new();
        while done.len() < most {
            let Some(unit) = waiting.pop_front() else { break };
            let ran = self.run(unit, care);
            if self.connection.is_autocommit() {
                // The whole transaction fell with this unit: its neighbours run again in a new one.
                let fell = || {
                    Err(Error::Storage(Storage::Unavailable("the transaction was rolled back".to_owned())))
                };
                ran.unit.answer(ran.outcome.and_then(|()| fell()));
                return (done, true);
            }
            let spoiled = ran.half_written;
            done.push(ran);
            if spoiled {
                return (done, true);
            }
        }
        (done, false)
    }

    /// Without savepoints a unit must leave nothing behind when it fails: most fail before they write. A savepoint
    /// costs a copy of every page that the unit touches.
    fn run(&self, mut unit: Box<dyn Unit>, care: Care) -> Done {
        let mut tx = Tx::new(Backend::Sqlite(&self.connection));
        if care == Care::None {
            let before = self.connection.total_changes();
            let outcome = unit.run(&mut tx);
            let half_written = outcome.is_err() && self.connection.total_changes() != before;
            let said = if outcome.is_ok() { std::mem::take(&mut tx.said) } else { Vec::new() };
            return Done { unit, outcome, said, half_written };
        }
        let outcome = execute(&self.connection, "SAVEPOINT unit", &[]).and_then(|_| unit.run(&mut tx));
        let said = std::mem::take(&mut tx.said);
        if outcome.is_err() {
            let _ = execute(&self.connection, "ROLLBACK TO unit", &[]);
            let _ = execute(&self.connection, "RELEASE unit", &[]);
            return Done { unit, outcome, said: Vec::new(), half_written: false };
        }
        let released = execute(&self.connection, "RELEASE unit", &[]);
        Done { unit, outcome: released.map(|_| ()), said, half_written: false }
    }

    /// Commits and answers; `false` if the batch has to be run again, unit by unit.
    fn commit(&self, done: &mut Vec<Done>) -> bool {
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                for ran in done.drain(..) {
                    self.bus.say(ran.said);
                    ran.unit.answer(ran.outcome);
                }
                true
            }
            Err(error) => {
                if !self.connection.is_autocommit() {
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                let error = storage(&error);
                if done.len() > 1 {
                    return false;
                }
                done.drain(..).for_each(|ran| ran.unit.answer(Err(error.again())));
                true
            }
        }
    }
}

fn read(connection: &Connection, mut unit: Box<dyn Unit>) {
    let outcome = execute(connection, "BEGIN", &[]).and_then(|_| {
        let outcome = unit.run(&mut Tx::new(Backend::Sqlite(connection)));
        execute(connection, "COMMIT", &[])?;
        outcome
    });
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    unit.answer(outcome);
}

pub fn execute(connection: &Connection, sql: &str, parameters: &[&dyn ToValue]) -> Result<u64> {
    let run = || {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, parameters)?;
        statement.raw_execute()
    };
    run().map(|changed| changed as u64).map_err(|error| explain(error, sql))
}

pub fn query<T>(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn ToValue],
    map: impl Fn(Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let explained = |error| explain(error, sql);
    let mut statement = connection.prepare_cached(sql).map_err(explained)?;
    bind(&mut statement, parameters).map_err(explained)?;
    let mut rows = statement.raw_query();
    let mut out = Vec::new();
    while let Some(row) = rows.next().map_err(explained)? {
        out.push(map(Row::Sqlite(row))?);
    }
    Ok(out)
}

fn bind(statement: &mut rusqlite::CachedStatement<'_>, parameters: &[&dyn ToValue]) -> rusqlite::Result<()> {
    for (index, parameter) in parameters.iter().enumerate() {
        match parameter.value() {
            Value::Null => statement.raw_bind_parameter(index + 1, rusqlite::types::Null)?,
            Value::Int(number) => statement.raw_bind_parameter(index + 1, number)?,
            Value::Text(text) => statement.raw_bind_parameter(index + 1, &*storable(text))?,
        }
    }
    Ok(())
}

fn explain(error: rusqlite::Error, sql: &str) -> Error {
    match storage(&error) {
        known @ Error::Storage(_) => known,
        _ => anyhow::Error::new(error).context(format!("running {sql}")).into(),
    }
}

/// Tells the database's own trouble, which passes, from a fault of the statement, which does not.
fn storage(error: &rusqlite::Error) -> Error {
    let trouble = match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen,
        ) => Some(error.to_string()),
        _ => None,
    };
    match trouble {
        Some(text) => {
            tracing::warn!(error = text, "the database refuses work");
            Error::Storage(Storage::Unavailable(text))
        }
        None => Error::Internal(anyhow::anyhow!("{error}")),
    }
}
