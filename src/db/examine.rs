//! A look at the database from outside, for `agentphone doctor`: nothing is changed, no lock of a server's is
//! taken, and a schema that is behind stays behind.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use rusqlite::ErrorCode;

use super::postgres::connect;
use super::{Location, migrate, sqlite};

/// What was found.
#[derive(Debug)]
pub struct Examined {
    /// The database program and its version.
    pub version: String,
    /// `None`: there is no database yet. Else how many migrations it lacks.
    pub behind: Option<usize>,
    /// Only the file of the embedded database can be checked.
    pub integrity: Integrity,
    /// Settings under which an answered commit can be lost.
    pub unsafe_settings: Vec<String>,
}

/// What a check of the pages said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Integrity {
    Sound,
    /// There was not time enough for all of it; nothing was wrong until then.
    Unfinished,
    Broken(String),
    NotChecked,
}

/// Looks at the database at `location`; checks a file for `limit` at most.
pub async fn examine(location: Location, limit: Duration) -> anyhow::Result<Examined> {
    let look = move || match &location {
        Location::File(path) => file(path, limit),
        Location::Postgres { url, .. } => server(url),
    };
    tokio::task::spawn_blocking(look).await?
}

fn file(path: &Path, limit: Duration) -> anyhow::Result<Examined> {
    let version = format!("SQLite {}", rusqlite::version());
    if !path.exists() {
        let (behind, integrity) = (None, Integrity::NotChecked);
        return Ok(Examined { version, behind, integrity, unsafe_settings: Vec::new() });
    }
    let connection = sqlite::open(path, true)?;
    let mut statement = connection.prepare("SELECT name, checksum FROM schema_history")?;
    let applied = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let behind = migrate::lacking(&applied.collect::<Result<Vec<_>, _>>()?)?;
    let integrity = quick_check(&connection, limit)?;
    Ok(Examined { version, behind: Some(behind), integrity, unsafe_settings: Vec::new() })
}

fn quick_check(connection: &rusqlite::Connection, limit: Duration) -> anyhow::Result<Integrity> {
    let interrupt = connection.get_interrupt_handle();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if is_done.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            interrupt.interrupt();
        }
    });
    let said: Result<String, _> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    drop(done);
    let _ = watch.join();
    match said {
        Ok(said) if said == "ok" => Ok(Integrity::Sound),
        Ok(said) => Ok(Integrity::Broken(said)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(Integrity::Unfinished)
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            Ok(Integrity::Broken(error.to_string()))
        }
        Err(error) => Err(error).context("checking the database file"),
    }
}

fn server(url: &str) -> anyhow::Result<Examined> {
    let mut client = connect(url).context("connecting to PostgreSQL")?;
    let mut setting =
        |name: &str| -> anyhow::Result<String> { Ok(client.query_one(&format!("SHOW {name}"), &[])?.get(0)) };
    let version = format!("PostgreSQL {}", setting("server_version")?);
    let mut unsafe_settings = Vec::new();
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        if setting(name)? == "off" {
            unsafe_settings.push(format!("{name} = off"));
        }
    }
    let made: bool = client.query_one("SELECT to_regclass('schema_history') IS NOT NULL", &[])?.get(0);
    let behind = if made {
        let rows = client.query("SELECT name, checksum FROM schema_history", &[])?;
        let applied: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        Some(migrate::lacking(&applied)?)
    } else {
        None
    };
    Ok(Examined { version, behind, integrity: Integrity::NotChecked, unsafe_settings })
}
