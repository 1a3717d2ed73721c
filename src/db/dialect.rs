//! Every difference between the two databases that a statement can see, by name. If this page grows past a
//! handful, stop and think.

use super::presence::lock_number;
use super::tx::{Backend, Tx};
use crate::error::{Error, Result, Storage};
use crate::id::Incarnation;

/// How a database finds words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FullText {
    /// A virtual table whose rows come in the order of their `rowid`.
    Fts5,
    /// A column with a GIN index, which knows no order.
    Tsvector,
}

impl Tx<'_> {
    /// How words are found; what that means for statements is the business of `phone/search`.
    pub const fn full_text(&self) -> FullText {
        match self.backend {
            Backend::Sqlite(_) => FullText::Fts5,
            Backend::Postgres(_) => FullText::Tsvector,
        }
    }

    /// Ends a subselect of rows that several processes compete for.
    pub const fn skip_locked(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite(_) => "",
            Backend::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Ends a select of rows of `table` that the unit is about to change: waits for whoever changes them now, and
    /// takes them in the order of `key`, so that two units never wait for each other crosswise.
    pub fn locked(&self, table: &str, key: &str) -> String {
        match self.backend {
            Backend::Sqlite(_) => String::new(),
            Backend::Postgres(_) => format!(" ORDER BY {key} FOR UPDATE OF {table}"),
        }
    }

    /// Makes a CTE run once and before what uses it.
    pub const fn materialized(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite(_) => "",
            Backend::Postgres(_) => " MATERIALIZED",
        }
    }

    /// Whether other processes may be at work on the same database.
    pub const fn is_shared(&self) -> bool {
        match self.backend {
            Backend::Sqlite(_) => false,
            Backend::Postgres(_) => true,
        }
    }

    /// An expression for the database's own clock in unix milliseconds, by which processes agree on leases. With
    /// one process the caller's clock, the parameter `now`, is as good.
    pub fn lease_clock(&self, now: &str) -> String {
        match self.backend {
            Backend::Sqlite(_) => format!("CAST({now} AS BIGINT)"),
            Backend::Postgres(_) => format!(
                "(CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) + 0 * CAST({now} AS BIGINT))"
            ),
        }
    }
}

impl Tx<'_> {
    /// Begins a unit that leases work to this process: it is not taken for dead before the unit has ended. One that
    /// was is told so, and leases nothing that nobody would ever give back.
    pub fn stay_alive(&mut self, me: &Incarnation) -> Result<()> {
        let is_alive = match self.backend {
            Backend::Sqlite(_) => true,
            Backend::Postgres(_) => {
                self.exists("SELECT 1 FROM incarnations WHERE id = ?1 FOR KEY SHARE", &[me])?
            }
        };
        if is_alive {
            return Ok(());
        }
        let reason = "this process was taken for dead and begins anew".to_owned();
        Err(Error::Storage(Storage::Unavailable(reason)))
    }

    /// Whether the process of `incarnation` is gone. On `SQLite` every other incarnation is: the data folder is
    /// locked by this one. On `PostgreSQL` it is gone when its advisory lock is free.
    pub fn is_dead(&mut self, incarnation: &Incarnation) -> Result<bool> {
        match self.backend {
            Backend::Sqlite(_) => Ok(true),
            Backend::Postgres(_) => self.one(
                "SELECT CASE WHEN pg_try_advisory_xact_lock(?1) THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END",
                &[&lock_number(incarnation)],
                |row| row.get(0),
            ),
        }
    }
}
