//! What a unit of work sees: statements in, rows out, and what shall happen once it is committed. There is no
//! way to wait for anything in here, and that is the point.

use std::cell::RefCell;

use anyhow::Context;

use super::bus::Said;
use super::postgres::Session;
use super::sqlite;
use super::value::{Row, ToValue};
use crate::error::Result;

/// One transaction, lent to a unit of work.
pub struct Tx<'a> {
    pub(super) backend: Backend<'a>,
    pub(super) said: Vec<Said>,
}

pub(super) enum Backend<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(&'a RefCell<Session>),
}

impl<'a> Tx<'a> {
    pub(super) const fn new(backend: Backend<'a>) -> Self {
        Self { backend, said: Vec::new() }
    }

    /// Runs a statement. On `PostgreSQL` it travels with the next question or the commit, and what goes wrong with it is
    /// an error of that.
    pub fn execute(&mut self, sql: &str, parameters: &[&dyn ToValue]) -> Result<()> {
        match &self.backend {
            Backend::Sqlite(connection) => sqlite::execute(connection, sql, parameters).map(drop),
            Backend::Postgres(session) => session.borrow_mut().execute(sql, parameters),
        }
    }

    /// Runs a statement; answers how many rows it changed.
    pub fn execute_counted(&mut self, sql: &str, parameters: &[&dyn ToValue]) -> Result<u64> {
        match &self.backend {
            Backend::Sqlite(connection) => sqlite::execute(connection, sql, parameters),
            Backend::Postgres(session) => session.borrow_mut().execute_counted(sql, parameters),
        }
    }

    /// Runs a statement and maps every row of its answer.
    pub fn query<T>(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToValue],
        map: impl Fn(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        match &self.backend {
            Backend::Sqlite(connection) => sqlite::query(connection, sql, parameters, map),
            Backend::Postgres(session) => session.borrow_mut().query(sql, parameters, map),
        }
    }

    /// The first row, if there is one.
    pub fn optional<T>(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToValue],
        map: impl Fn(Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.query(sql, parameters, map)?.into_iter().next())
    }

    /// The one row that there must be.
    pub fn one<T>(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToValue],
        map: impl Fn(Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let row = self.optional(sql, parameters, map)?;
        Ok(row.with_context(|| format!("no row from {sql}"))?)
    }

    /// Whether the statement answers any row.
    pub fn exists(&mut self, sql: &str, parameters: &[&dyn ToValue]) -> Result<bool> {
        Ok(self.optional(sql, parameters, |_| Ok(()))?.is_some())
    }

    /// Says `topic` in this process once this unit is committed; never if it is not.
    pub fn say(&mut self, topic: String) {
        self.said.push(Said { topic, far: false });
    }

    /// Says `topic` in every process that shares the database, once this unit is committed.
    pub fn announce(&mut self, topic: String) {
        self.said.push(Said { topic, far: true });
    }
}
