//! Storage: units of work as plain synchronous closures over one SQL text, on `SQLite` or `PostgreSQL`. Choosing is
//! the database URL and nothing else.
//!
//! [`Db::write`] answers after the flush, [`Db::read`] sees one snapshot, [`Db::record`] stores what already
//! happened outside and does not give up. Nothing else in the program opens a connection or a transaction.
//! What the tables mean is the business of `queue/` and `phone/`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;

use crate::error::{Error, Result, Storage};
use crate::id::Ids;

mod bus;
mod dialect;
pub mod examine;
mod gather;
mod intake;
mod log;
pub mod migrate;
mod postgres;
mod postgres_tls;
mod presence;
mod rows;
mod sql;
mod sqlite;
mod tx;
mod unit;
mod value;

pub use dialect::FullText;
pub use gather::{By, Gather};
pub use presence::Presence;
pub use rows::{in_filled, in_pieces, listed_from, padded, tuples};
pub use tx::Tx;
pub use value::{Column, Row, ToValue, Value};

use bus::Bus;
use intake::Intake;
use unit::{Closure, Mode, closed};

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Location {
    /// A `SQLite` file; its folder is locked by the one process that may use it.
    File(PathBuf),
    /// A `PostgreSQL` URL, and how many connections to use.
    Postgres { url: String, connections: usize },
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    writes: Arc<Intake>,
    /// Units of [`Mode::Append`]: where they have threads of their own, those who wait share a transaction.
    appends: Arc<Intake>,
    reads: Arc<Intake>,
    presence: Presence,
    bus: Arc<Bus>,
    stalled: AtomicUsize,
    shared: bool,
}

/// Units of requests that may wait; more are refused with `Storage::Overloaded`.
const ROOM: usize = 4096;
const READERS: usize = 2;
/// Connections to `PostgreSQL` for what every message does: with more of them each transaction would hold less, and all
/// of them together get less done.
pub const APPENDERS: usize = 3;

impl Db {
    /// Opens the database, bringing its schema up to date.
    pub async fn open(location: Location, ids: Ids) -> anyhow::Result<Self> {
        tokio::task::spawn_blocking(move || Self::open_blocking(&location, ids, true)).await?
    }

    /// Opens the database beside a server that may be running on it, for a command that looks or changes a row.
    pub async fn open_beside(location: Location, ids: Ids) -> anyhow::Result<Self> {
        tokio::task::spawn_blocking(move || Self::open_blocking(&location, ids, false)).await?
    }

    fn open_blocking(location: &Location, ids: Ids, as_server: bool) -> anyhow::Result<Self> {
        let inner = match location {
            Location::File(path) => Inner::on_sqlite(path, &ids, as_server)?,
            Location::Postgres { url, connections } => {
                let mut client = postgres::connect(url).context("connecting to PostgreSQL")?;
                migrate::postgres(&mut client).context("migrating the database")?;
                drop(client);
                if as_server {
                    Inner::on_postgres(url, *connections, ids)?
                } else {
                    Inner::beside_postgres(url, &ids)?
                }
            }
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Runs `unit` in one transaction and answers once it is durable. It may run more than once: make ids, times
    /// and random values before it.
    pub async fn write<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.request(&self.0.writes, Mode::Write, unit).await
    }

    /// Like [`Db::write`], cheaper where many do the same at once: for a unit whose decisions rest on rows that it
    /// changes itself or that a unique index guards. Of two that meet in a row the second runs again; what both
    /// only read is not protected.
    pub async fn append<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.request(&self.0.appends, Mode::Append, unit).await
    }

    /// Runs `unit` on one consistent snapshot.
    pub async fn read<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.request(&self.0.reads, Mode::Read, unit).await
    }

    /// Like [`Db::write`], for the claim of jobs: concurrent claims skip each other's rows instead of colliding.
    pub async fn claim<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (unit, answer) = Closure::boxed(Mode::Claim, unit);
        self.0.writes.push_reserved(unit).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// [`Db::append`] for what already happened outside: there is always room, and trouble of the database's is
    /// waited out. Only a fault of the unit itself comes back as an error.
    pub async fn record<T, F>(&self, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + Sync + 'static,
    {
        let unit = Arc::new(unit);
        let mut pause = Duration::from_millis(5);
        let mut stalled = None;
        loop {
            let again = Arc::clone(&unit);
            let (unit, answer) = Closure::boxed(Mode::Append, move |tx: &mut Tx<'_>| again(tx));
            self.0.appends.push_reserved(unit).map_err(|_| closed())?;
            match answer.await.unwrap_or_else(|_| Err(closed())) {
                Err(Error::Storage(_)) if !self.is_closed() => {
                    stalled.get_or_insert_with(|| Stalled::new(&self.0));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                answered => return answered,
            }
        }
    }

    async fn request<T, F>(&self, intake: &Intake, mode: Mode, unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (unit, answer) = Closure::boxed(mode, unit);
        intake.push(unit).map_err(|_| Error::Storage(Storage::Overloaded))?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Whether something that happened outside waits to be stored: nothing new should be begun meanwhile.
    pub fn is_stalled(&self) -> bool {
        self.0.stalled.load(Ordering::Relaxed) > 0
    }

    /// Whether other processes work on the same database.
    pub fn is_shared(&self) -> bool {
        self.0.shared
    }

    /// Has `subscriber` called with every topic that a committed unit says, here or in another process.
    pub fn subscribe(&self, subscriber: impl Fn(&str) + Send + Sync + 'static) {
        self.0.bus.subscribe(Box::new(subscriber));
    }

    /// This process among those that share the database.
    pub fn presence(&self) -> &Presence {
        &self.0.presence
    }

    /// Finishes what waits, then ends the database's threads.
    pub fn close(&self) {
        self.0.writes.close();
        self.0.appends.close();
        self.0.reads.close();
        self.0.presence.leave();
    }

    fn is_closed(&self) -> bool {
        self.0.presence.has_left()
    }
}

impl Inner {
    fn on_sqlite(path: &Path, ids: &Ids, as_server: bool) -> anyhow::Result<Self> {
        let folder = if as_server { Some(lock(path)?) } else { None };
        let presence = Presence::alone(folder, ids);
        migrate::sqlite(&mut sqlite::open(path, false)?).context("migrating the database")?;
        let (writes, reads) = (Arc::new(Intake::new(ROOM)), Arc::new(Intake::new(ROOM)));
        let bus = Arc::new(Bus::default());
        sqlite::start(path, READERS, &bus, &writes, &reads)?;
        let (appends, stalled) = (Arc::clone(&writes), AtomicUsize::new(0));
        Ok(Self { writes, appends, reads, presence, bus, stalled, shared: false })
    }

    /// For a server, which is one of several.
    fn on_postgres(url: &str, connections: usize, ids: Ids) -> anyhow::Result<Self> {
        let (writes, appends) = (Arc::new(Intake::new(ROOM)), Arc::new(Intake::new(ROOM)));
        let bus = Arc::new(Bus::among_others(url.to_owned())?);
        postgres::start(url, connections.saturating_sub(APPENDERS).max(1), &bus, &writes)?;
        postgres::start(url, APPENDERS, &bus, &appends)?;
        let presence = Presence::among_others(url.to_owned(), ids, Arc::clone(&bus))?;
        let (reads, stalled) = (Arc::clone(&writes), AtomicUsize::new(0));
        Ok(Self { writes, appends, reads, presence, bus, stalled, shared: true })
    }

    /// For a command: one connection is enough.
    fn beside_postgres(url: &str, ids: &Ids) -> anyhow::Result<Self> {
        let (writes, bus) = (Arc::new(Intake::new(ROOM)), Arc::new(Bus::default()));
        postgres::start(url, 1, &bus, &writes)?;
        let (appends, reads) = (Arc::clone(&writes), Arc::clone(&writes));
        let (presence, stalled) = (Presence::alone(None, ids), AtomicUsize::new(0));
        Ok(Self { writes, appends, reads, presence, bus, stalled, shared: true })
    }
}

/// Counts one unit that waits for the database to recover, for as long as it does.
struct Stalled<'a>(&'a AtomicUsize);

impl<'a> Stalled<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.stalled.fetch_add(1, Ordering::Relaxed);
        Self(&inner.stalled)
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One server per data folder: a second one is told so at once.
fn lock(path: &Path) -> anyhow::Result<std::fs::File> {
    let folder = path.parent().context("the database needs a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let name = folder.join("lock");
    let file = std::fs::File::create(&name).with_context(|| format!("opening {}", name.display()))?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!("another agentphone is using the data folder {} (AGENTPHONE_DATA)", folder.display())
    })?;
    Ok(file)
}
