//! Where the data of one test is: a folder, and on PostgreSQL a fresh database. Both are gone when the test is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentphone::clock::{Clock, Time};
use agentphone::db::{APPENDERS, Db, Location};
use agentphone::id::Ids;
use postgres::{Client, NoTls};

/// The time when every test begins: 2026-03-02T09:00:00Z.
pub const START: Time = Time::from_millis(1_772_442_000_000);

/// The URL of a database from which others may be made; unset, tests run on SQLite.
pub fn postgres_url() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}

/// Cheap to clone; the last one to go takes the data along.
#[derive(Clone)]
pub struct Place(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    /// Name and URL of the database on PostgreSQL.
    database: Option<(String, String)>,
}

impl Place {
    pub async fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("agentphone-{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        let database = match postgres_url() {
            Some(url) => {
                on_maintenance(format!("CREATE DATABASE {name}")).await;
                // No test here cuts the power; waiting for each flush only makes them slow.
                on_maintenance(format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
                let mut its = url::Url::parse(&url).expect("TEST_POSTGRES_URL is a URL");
                its.set_path(&name);
                Some((name, its.to_string()))
            }
            None => None,
        };
        Self(Arc::new(Inner { folder, database }))
    }

    pub fn folder(&self) -> &PathBuf {
        &self.0.folder
    }

    /// The URL for `database_url`; empty on SQLite.
    pub fn url(&self) -> String {
        self.0.database.as_ref().map(|(_, url)| url.clone()).unwrap_or_default()
    }

    /// A database for tests without a server. On PostgreSQL it has `connections` besides those for messages.
    pub async fn open(&self, connections: usize) -> (Db, Ids, Clock) {
        let clock = Clock::manual(START);
        let ids = Ids::from_seed(clock.clone(), 1);
        let location = match &self.0.database {
            Some((_, url)) => Location::Postgres { url: url.clone(), connections: APPENDERS + connections },
            None => Location::File(self.0.folder.join("test.db")),
        };
        (Db::open(location, ids.clone()).await.unwrap(), ids, clock)
    }

    /// Lets nobody into the database any more, and hangs up on who is in; or lets them in again.
    pub async fn let_in(&self, anybody: bool) {
        let Some((name, _)) = &self.0.database else { return };
        on_maintenance(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {anybody}")).await;
        if !anybody {
            let hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
            on_maintenance(format!("{hang_up} '{name}'")).await;
        }
    }

    /// Runs one statement on the database of this place, past the server: what another session does.
    pub async fn beside(&self, statement: &str) {
        let (url, statement) = (self.url(), statement.to_owned());
        tokio::task::spawn_blocking(move || connect(&url).batch_execute(&statement).unwrap()).await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "the databases of tests are made outside of the server")]
fn connect(url: &str) -> Client {
    Client::connect(url, NoTls).expect("TEST_POSTGRES_URL answers")
}

async fn on_maintenance(statement: String) {
    let url = postgres_url().expect("asked for on PostgreSQL only");
    tokio::task::spawn_blocking(move || connect(&url).batch_execute(&statement).unwrap()).await.unwrap();
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What is left of a failed test is looked at or swept by whoever runs the tests.
        let _ = std::fs::remove_dir_all(&self.folder);
        if let (Some((name, _)), Some(url)) = (&self.database, postgres_url()) {
            let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let dropping = std::thread::spawn(move || connect(&url).batch_execute(&statement));
            let _ = dropping.join();
        }
    }
}
