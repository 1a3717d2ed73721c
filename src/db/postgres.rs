//! `PostgreSQL`, and what speaks its protocol. A pool of threads with one connection each takes the units that
//! wait. A unit is one transaction; only the units of every message ([`Mode::Append`]), where several wait, share one,
//! and each goes alone when one of them fails.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt::Display;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::bus::{Bus, Said};
use super::intake::Intake;
use super::postgres_tls;
use super::tx::{Backend, Tx};
use super::unit::{Mode, Unit};
use crate::error::{Error, Result, Storage};

mod session;

pub use self::session::Session;

/// How often a unit that lost against a concurrent transaction is run again before it is given up.
const ATTEMPTS: u32 = 40;
/// So many units that append share a transaction at most: each makes the others wait for its statements.
const UNITS_PER_COMMIT: usize = 8;

/// A connection that broke off in its commit is looked for so often, with pauses between.
const END_LOOKS: usize = 100;
const END_PAUSE: Duration = Duration::from_millis(100);

/// Starts `size` threads that work `intake` off.
pub fn start(url: &str, size: usize, bus: &Arc<Bus>, intake: &Arc<Intake>) -> anyhow::Result<()> {
    for number in 0..size {
        let worker = Worker { url: url.to_owned(), bus: Arc::clone(bus), session: None };
        let intake = Arc::clone(intake);
        thread::Builder::new().name(format!("db-{number}")).spawn(move || worker.work(&intake))?;
    }
    Ok(())
}

/// A connection to the database at `url`, by TLS as the URL says.
#[expect(clippy::disallowed_methods, reason = "db/ is where connections are opened")]
pub fn connect(url: &str) -> anyhow::Result<postgres::Client> {
    let (config, tls) = postgres_tls::read(url)?;
    Ok(postgres::Config::from(config).connect(tls)?)
}

/// One thread with its connection, opened when it is needed.
struct Worker {
    url: String,
    bus: Arc<Bus>,
    session: Option<RefCell<Session>>,
}

/// A unit that has run in the open transaction.
struct Done {
    outcome: Result<()>,
    said: Vec<Said>,
}

impl Worker {
    fn work(mut self, intake: &Intake) {
        while let Some(first) = intake.pop() {
            let company = if first.mode() == Mode::Append {
                intake.pop_while(UNITS_PER_COMMIT - 1, |unit| unit.mode() == Mode::Append)
            } else {
                Vec::new()
            };
            if company.is_empty() {
                self.alone(first);
            } else {
                self.together(std::iter::once(first).chain(company).collect());
            }
        }
    }

    /// Runs units in one transaction; one by one where that does not work out.
    fn together(&mut self, mut units: Vec<Box<dyn Unit>>) {
        let done = match self.session() {
            Ok(session) => once(session, &mut units),
            // Each of them alone would find the same, and wait as long for it.
            Err(away) => return refuse(units, &away),
        };
        match done {
            Ok(done) => {
                for (unit, Done { outcome, said }) in units.into_iter().zip(done) {
                    self.bus.say(said);
                    unit.answer(outcome);
                }
            }
            Err(Error::Storage(lost @ Storage::OutcomeUnknown(_))) => {
                self.await_end();
                refuse(units, &lost);
            }
            Err(_) => {
                for unit in units {
                    self.alone(unit);
                }
            }
        }
    }

    /// Runs one unit to its answer, again and again while it loses against others.
    fn alone(&mut self, unit: Box<dyn Unit>) {
        let mut units = [unit];
        let mut outcome = Err(Error::Storage(Storage::Conflict));
        for attempt in 0..ATTEMPTS {
            thread::sleep(Duration::from_micros(u64::from(attempt * attempt) * 50));
            let session = self.session().map_err(Error::Storage);
            outcome = session.and_then(|session| once(session, &mut units));
            if !matches!(outcome, Err(Error::Storage(Storage::Conflict | Storage::Duplicate(_)))) {
                break;
            }
        }
        if matches!(outcome, Err(Error::Storage(Storage::OutcomeUnknown(_)))) {
            self.await_end();
        }
        let [unit] = units;
        match outcome.map(|mut done| done.pop()) {
            Ok(done) => {
                let Done { outcome, said } = done.expect("every unit that ran is done");
                self.bus.say(said);
                unit.answer(outcome);
            }
            Err(Error::Storage(Storage::Conflict)) => {
                let text = "too many concurrent changes".to_owned();
                unit.answer(Err(Error::Storage(Storage::Unavailable(text))));
            }
            // Nobody is so unlucky: the row has been there all the time.
            Err(Error::Storage(Storage::Duplicate(text))) => unit.answer(Err(anyhow::anyhow!(text).into())),
            Err(error) => unit.answer(Err(error)),
        }
    }

    fn session(&mut self) -> Result<&RefCell<Session>, Storage> {
        self.session.take_if(|session| session.get_mut().has_ended());
        match &mut self.session {
            Some(session) => Ok(session),
            none @ None => {
                let session = Session::open(&self.url).map_err(|error| unavailable(&error))?;
                Ok(none.insert(RefCell::new(session)))
            }
        }
    }

    /// A commit got no answer. Waits until the server has ended what was behind the connection, which may still be at it:
    /// what is not stored then never will be, and whoever looks knows.
    fn await_end(&mut self) {
        let Some(lost) = self.session.take().map(|session| session.into_inner().process) else { return };
        let mut left = END_LOOKS;
        while left > 0 {
            let is_there = self.session().ok().and_then(|session| {
                let sql = "SELECT 1 FROM pg_stat_activity WHERE pid = CAST(?1 AS BIGINT)";
                session.borrow_mut().query(sql, &[&lost], |_| Ok(())).ok()
            });
            match is_there {
                Some(rows) if rows.is_empty() => return,
                Some(_) => left -= 1,
                // To find out that the server does not answer can take long.
                None => left = left.saturating_sub(END_LOOKS / 4),
            }
            thread::sleep(END_PAUSE);
        }
        tracing::warn!("a connection of the database's whose commit got no answer has not ended yet");
    }
}

fn refuse(units: Vec<Box<dyn Unit>>, reason: &Storage) {
    for unit in units {
        unit.answer(Err(Error::Storage(reason.clone())));
    }
}

/// Runs `units`, which are of one mode, in one transaction. An error concerns all of them; the outcome of one that
/// failed before it had written anything is its own.
fn once(session: &RefCell<Session>, units: &mut [Box<dyn Unit>]) -> Result<Vec<Done>> {
    let Some(first) = units.first() else { return Ok(Vec::new()) };
    let begin = match first.mode() {
        Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Mode::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        Mode::Append => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        Mode::Claim => "BEGIN ISOLATION LEVEL READ COMMITTED",
    };
    session.borrow_mut().begin(begin);
    let mut done = Vec::with_capacity(units.len());
    for unit in units {
        let before = session.borrow().marks;
        let mut tx = Tx::new(Backend::Postgres(session));
        let outcome = unit.run(&mut tx);
        let said = std::mem::take(&mut tx.said);
        if outcome.is_err() && session.borrow().marks != before {
            session.borrow_mut().roll_back();
            return outcome.map(|()| done);
        }
        let said = if outcome.is_ok() { said } else { Vec::new() };
        done.push(Done { outcome, said });
    }
    session.borrow_mut().commit()?;
    Ok(done)
}

fn failed(error: &tokio_postgres::Error, sql: &str) -> Error {
    match explain(error) {
        Error::Internal(inner) => Error::Internal(inner.context(format!("running {sql}"))),
        other => other,
    }
}

/// Tells lost races and an absent server, which pass, from a fault of the statement, which does not.
fn explain(error: &tokio_postgres::Error) -> Error {
    let Some(state) = error.code() else {
        return if error.is_closed()
            || error.source().is_some_and(<dyn StdError + 'static>::is::<std::io::Error>)
        {
            Error::Storage(unavailable(error))
        } else {
            anyhow::anyhow!("{error}").into()
        };
    };
    let text = || format!("{error}: {}", error.as_db_error().map_or("", |error| error.message()));
    match state {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => {
            Error::Storage(Storage::Conflict)
        }
        // A unit looks before it inserts: that another one inserted the same meanwhile is a lost race as well.
        &SqlState::UNIQUE_VIOLATION => Error::Storage(Storage::Duplicate(text())),
        passing if passes(passing) => Error::Storage(unavailable(error)),
        _ => anyhow::anyhow!(text()).into(),
    }
}

/// Whether it is the server's state that speaks against a statement, and not the statement: connection trouble, resources
/// exhausted (disk full among them), operator's intervention, system errors; and a server that only reads since it is no
/// longer the first, a row that was locked for too long, a transaction that stood still for too long.
fn passes(state: &SqlState) -> bool {
    const SINGLE: [SqlState; 3] = [
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    SINGLE.contains(state) || matches!(state.code().get(..2), Some("08" | "53" | "57" | "58"))
}

fn unavailable(error: &impl Display) -> Storage {
    let error = format!("{error:#}");
    tracing::warn!(error, "the database refuses work");
    Storage::Unavailable(error)
}
