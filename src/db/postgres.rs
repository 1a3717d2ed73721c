//! `PostgreSQL`, and what speaks its protocol. A pool of threads with one connection each takes the units that
//! wait; a unit is one transaction, and `PostgreSQL` groups the commits of concurrent connections itself. The
//! synchronous driver brings a runtime of its own, so it lives only on these threads.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, NoTls, Statement};

use super::bus::{Bus, Said};
use super::intake::Intake;
use super::sql::for_postgres;
use super::tx::{Backend, Tx};
use super::unit::{Mode, Unit};
use super::value::{Row, ToValue, Value};
use crate::error::{Error, Result, Storage};

/// How often a unit that lost against a concurrent transaction is run again before it is given up.
const ATTEMPTS: u32 = 40;

/// Starts `size` threads that work `intake` off.
pub fn start(url: &str, size: usize, bus: &Arc<Bus>, intake: &Arc<Intake>) -> anyhow::Result<()> {
    for number in 0..size {
        let (url, bus, intake) = (url.to_owned(), Arc::clone(bus), Arc::clone(intake));
        thread::Builder::new().name(format!("db-{number}")).spawn(move || {
            let mut session = None;
            while let Some(unit) = intake.pop() {
                session = work(&url, &bus, session, unit);
            }
        })?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "db/ is where connections are opened")]
pub fn connect(url: &str) -> Result<Client, postgres::Error> {
    Client::connect(url, NoTls)
}

/// Runs one unit to its answer; gives the session back while it is usable.
fn work(
    url: &str,
    bus: &Bus,
    session: Option<RefCell<Session>>,
    mut unit: Box<dyn Unit>,
) -> Option<RefCell<Session>> {
    let mut session = match session.map_or_else(|| Session::open(url), Ok) {
        Ok(session) => session,
        Err(error) => {
            unit.answer(Err(unavailable(&error)));
            return None;
        }
    };
    for attempt in 0..ATTEMPTS {
        match once(&session, &mut *unit) {
            Ok(said) => {
                bus.say(said);
                unit.answer(Ok(()));
                return Some(session);
            }
            Err(Error::Storage(Storage::Conflict)) => {
                thread::sleep(Duration::from_micros(u64::from(attempt * attempt) * 50));
            }
            Err(error) => {
                let usable = !session.get_mut().client.is_closed();
                unit.answer(Err(error));
                return usable.then_some(session);
            }
        }
    }
    unit.answer(Err(Error::Storage(Storage::Unavailable("too many concurrent changes".to_owned()))));
    Some(session)
}

fn once(session: &RefCell<Session>, unit: &mut dyn Unit) -> Result<Vec<Said>> {
    let begin = match unit.mode() {
        Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Mode::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        Mode::Claim => "BEGIN ISOLATION LEVEL READ COMMITTED",
    };
    session.borrow_mut().batch(begin)?;
    let mut tx = Tx::new(Backend::Postgres(session));
    let ran = unit.run(&mut tx);
    let said = std::mem::take(&mut tx.said);
    if let Err(error) = ran {
        // A lost connection has rolled back by itself.
        let _ = session.borrow_mut().batch("ROLLBACK");
        return Err(error);
    }
    let mut session = session.borrow_mut();
    session.client.batch_execute("COMMIT").map_err(|error| match explain(&error) {
        Error::Storage(Storage::Unavailable(text)) => Error::Storage(Storage::OutcomeUnknown(text)),
        other => other,
    })?;
    Ok(said)
}

/// One connection with its prepared statements.
pub struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
}

impl Session {
    fn open(url: &str) -> Result<RefCell<Self>, postgres::Error> {
        let mut client = connect(url)?;
        // A sequential scan of a table that happens to be small locks all of it under SERIALIZABLE, and units
        // that have nothing to do with each other collide. Every statement here has an index to go by.
        client.batch_execute("SET enable_seqscan = off")?;
        Ok(RefCell::new(Self { client, statements: HashMap::new() }))
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).map_err(|error| explain(&error))
    }

    fn statement(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&for_postgres(sql)).map_err(|error| failed(&error, sql))?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub fn execute(&mut self, sql: &str, parameters: &[&dyn ToValue]) -> Result<u64> {
        let statement = self.statement(sql)?;
        let values: Vec<Value<'_>> = parameters.iter().map(|parameter| parameter.value()).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.client.execute(&statement, &values).map_err(|error| failed(&error, sql))
    }

    pub fn query<T>(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToValue],
        map: impl Fn(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let statement = self.statement(sql)?;
        let values: Vec<Value<'_>> = parameters.iter().map(|parameter| parameter.value()).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let rows = self.client.query(&statement, &values).map_err(|error| failed(&error, sql))?;
        rows.iter().map(|row| map(Row::Postgres(row))).collect()
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) => number.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::VARCHAR | Type::NAME)
    }

    to_sql_checked!();
}

fn failed(error: &postgres::Error, sql: &str) -> Error {
    match explain(error) {
        Error::Internal(inner) => Error::Internal(inner.context(format!("running {sql}"))),
        other => other,
    }
}

/// Tells lost races and an absent server, which pass, from a fault of the statement, which does not.
fn explain(error: &postgres::Error) -> Error {
    let Some(state) = error.code() else {
        return if error.is_closed()
            || error.source().is_some_and(<dyn StdError + 'static>::is::<std::io::Error>)
        {
            unavailable(error)
        } else {
            anyhow::anyhow!("{error}").into()
        };
    };
    // A unit looks before it inserts: that another one inserted the same meanwhile is a lost race as well.
    let races =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
    if races.contains(state) {
        return Error::Storage(Storage::Conflict);
    }
    match state.code().get(..2) {
        // Connection trouble, resources exhausted (disk full among them), operator's intervention, system errors.
        Some("08" | "53" | "57" | "58") => unavailable(error),
        _ => anyhow::anyhow!("{error}: {}", error.as_db_error().map_or("", |error| error.message())).into(),
    }
}

fn unavailable(error: &postgres::Error) -> Error {
    tracing::warn!(%error, "the database refuses work");
    Error::Storage(Storage::Unavailable(error.to_string()))
}
