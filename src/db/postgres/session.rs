//! One connection to `PostgreSQL`, with its prepared statements. Statements whose outcome nobody asks for wait until one is
//! asked that has an answer, or for the commit, and travel with it: what a unit writes costs no journeys of its own.
//! What such a statement comes to is known then; a transaction in which one has failed commits nothing.
//!
//! The driver is asynchronous inside, so a session lives on a thread of its own, and its futures are driven here.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use anyhow::{Context, anyhow};
use bytes::BytesMut;
use futures_util::future::{join, join_all};
use tokio::runtime::Runtime;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};

use super::{explain, failed};
use crate::db::postgres_tls;
use crate::db::sql::for_postgres;
use crate::db::value::{Kept, Row, ToValue, Value, storable};
use crate::error::{Error, Result, Storage};

/// The server ends what it holds for a process that is gone without a word, or that stands still in the middle of a
/// transaction: others wait for its rows.
const LIVELINESS: &str = "SET idle_in_transaction_session_timeout = '15s'; SET tcp_keepalives_idle = 5;
    SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3";

pub struct Session {
    runtime: Runtime,
    client: Client,
    link: Link,
    /// The server's process behind this connection.
    pub(super) process: i64,
    statements: HashMap<String, Statement>,
    waiting: Vec<Waiting>,
    /// Whether something in this transaction has failed. `PostgreSQL` would take a `COMMIT` then, and commit nothing.
    has_failed: bool,
    /// How many statements have written or failed, and so left a mark on their transaction.
    pub(super) marks: u64,
}

/// What moves bytes between the client and the server; `None` once it has ended. It must be dropped then: it holds the
/// senders of all answers that are awaited, and who waits learns only from their end that none will come.
type Link = Option<Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>>;

/// What travels with the next question.
enum Waiting {
    Begin(&'static str),
    Statement { sql: String, statement: Statement, values: Vec<Kept> },
}

impl Waiting {
    async fn run(&self, client: &Client) -> Result<()> {
        match self {
            Self::Begin(sql) => client.batch_execute(sql).await.map_err(|error| explain(&error)),
            Self::Statement { sql, statement, values } => {
                let done = client.execute_raw(statement, values).await;
                done.map(drop).map_err(|error| failed(&error, sql))
            }
        }
    }
}

impl Session {
    pub fn open(url: &str) -> anyhow::Result<Self> {
        let (config, tls) = postgres_tls::read(url)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, connection) = runtime.block_on(config.connect(tls))?;
        let link: Link = Some(Box::pin(connection));
        let (statements, waiting) = (HashMap::new(), Vec::new());
        let (has_failed, marks) = (false, 0);
        let mut session = Self { runtime, client, link, process: 0, statements, waiting, has_failed, marks };
        // A sequential scan of a table that happens to be small locks all of it under SERIALIZABLE, and units
        // that have nothing to do with each other collide. And a plan that was made while a table was small is kept:
        // one that joins by reading all of it takes longer and longer while the table grows. Every statement here has
        // an index to go by. Where one has none, its seeming cost would have it compiled, which takes longer than it runs.
        let plans = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"];
        let settings = plans.map(|name| format!("SET {name} = off")).join("; ");
        session.batch(&format!("{settings}; {LIVELINESS}")).context("setting the connection up")?;
        let process = session.query("SELECT CAST(pg_backend_pid() AS BIGINT)", &[], |row| row.get(0))?;
        session.process = process.into_iter().next().context("a connection has a process")?;
        Ok(session)
    }

    /// Begins a transaction with `sql`, together with the first question in it.
    pub fn begin(&mut self, sql: &'static str) {
        self.has_failed = false;
        self.waiting.push(Waiting::Begin(sql));
    }

    /// Commits the transaction; says [`Storage::OutcomeUnknown`] where the connection was lost meanwhile.
    pub fn commit(&mut self) -> Result<()> {
        if self.has_failed {
            self.roll_back();
            return Err(anyhow!("a unit of work has kept to itself that a statement failed").into());
        }
        if matches!(self.waiting[..], [Waiting::Begin(_)]) {
            // Nobody has asked or written anything.
            self.waiting.clear();
            return Ok(());
        }
        let committed = self.with_what_waits("COMMIT", async |client| client.batch_execute("COMMIT").await);
        committed.map_err(|error| match error {
            Error::Storage(Storage::Unavailable(text)) => Error::Storage(Storage::OutcomeUnknown(text)),
            other => other,
        })
    }

    /// Takes back what the transaction has done. A lost connection has done so by itself.
    pub fn roll_back(&mut self) {
        let has_begun = !matches!(self.waiting.first(), Some(Waiting::Begin(_)));
        self.waiting.clear();
        if has_begun {
            let _ = self.batch("ROLLBACK");
        }
    }

    /// Whether the server has ended the connection meanwhile, which nobody notices who does not look.
    pub fn has_ended(&mut self) -> bool {
        let Self { runtime, link, .. } = self;
        let mut looks = 0;
        runtime.block_on(poll_fn(|turn| {
            look_after(link, turn);
            looks += 1;
            // Between the first look and the second the runtime asks the system what has come.
            if looks == 2 {
                return Poll::Ready(());
            }
            turn.waker().wake_by_ref();
            Poll::Pending
        }));
        self.client.is_closed()
    }

    /// Has a statement run whose outcome nobody asks for.
    pub fn execute(&mut self, sql: &str, parameters: &[&dyn ToValue]) -> Result<()> {
        self.marks += 1;
        let statement = self.statement(sql)?;
        // The driver would leave out what it cannot send, and the commit behind it would still go.
        if statement.params().len() != parameters.len()
            || !statement.params().iter().all(<Kept as ToSql>::accepts)
        {
            self.mark_failed();
            return Err(anyhow!("wrong parameters {:?} for {sql}", statement.params()).into());
        }
        let values = parameters.iter().map(|parameter| parameter.value().kept()).collect();
        self.waiting.push(Waiting::Statement { sql: sql.to_owned(), statement, values });
        Ok(())
    }

    /// Runs a statement; answers how many rows it changed.
    pub fn execute_counted(&mut self, sql: &str, parameters: &[&dyn ToValue]) -> Result<u64> {
        self.marks += 1;
        let statement = self.statement(sql)?;
        let values: Vec<Value<'_>> = parameters.iter().map(|parameter| parameter.value()).collect();
        self.with_what_waits(sql, async |client| client.execute_raw(&statement, &values).await)
    }

    pub fn query<T>(
        &mut self,
        sql: &str,
        parameters: &[&dyn ToValue],
        map: impl Fn(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        if !sql.starts_with("SELECT") {
            self.marks += 1;
        }
        let statement = self.statement(sql)?;
        let values: Vec<Value<'_>> = parameters.iter().map(|parameter| parameter.value()).collect();
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let rows = self.with_what_waits(sql, async |client| client.query(&statement, &values).await)?;
        rows.iter().map(|row| map(Row::Postgres(row))).collect()
    }

    fn statement(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let text = for_postgres(sql);
        let prepared = drive(&self.runtime, &mut self.link, self.client.prepare(&text));
        let statement = prepared.map_err(|error| {
            self.mark_failed();
            failed(&error, sql)
        })?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        let done = drive(&self.runtime, &mut self.link, self.client.batch_execute(sql));
        done.map_err(|error| explain(&error))
    }

    /// Sends what waits and `last`, which is `sql`, in one go. The first error is the reason of all that follow.
    fn with_what_waits<T>(
        &mut self,
        sql: &str,
        last: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let Self { runtime, client, link, waiting, .. } = self;
        let waiting = std::mem::take(waiting);
        let before = join_all(waiting.iter().map(|one| one.run(client)));
        let (before, last) = drive(runtime, link, join(before, last(client)));
        let outcome = before.into_iter().collect::<Result<()>>();
        let outcome = outcome.and_then(|()| last.map_err(|error| failed(&error, sql)));
        if outcome.is_err() {
            self.mark_failed();
        }
        outcome
    }

    fn mark_failed(&mut self) {
        self.has_failed = true;
        self.marks += 1;
    }
}

/// Drives `work` and the link that it goes through. What `work` asks first it asks in its first turn, so that the link
/// sends it together.
fn drive<T>(runtime: &Runtime, link: &mut Link, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    runtime.block_on(poll_fn(|turn| {
        if let Poll::Ready(done) = work.as_mut().poll(turn) {
            return Poll::Ready(done);
        }
        look_after(link, turn);
        work.as_mut().poll(turn)
    }))
}

/// Has the link move what there is to move, and drops it once it has ended.
fn look_after(link: &mut Link, turn: &mut std::task::Context<'_>) {
    if link.as_mut().is_some_and(|link| link.as_mut().poll(turn).is_ready()) {
        *link = None;
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) => number.to_sql(ty, out),
            Value::Text(text) => storable(text).to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT | Type::VARCHAR | Type::NAME)
    }

    to_sql_checked!();
}

impl ToSql for Kept {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        self.value().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <Value<'_> as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}
