//! For unit tests of what needs a database: a fresh one in a file, with a clock that stands still.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clock::{Clock, Time};
use crate::db::{Db, Location};
use crate::id::{AccountId, Ids};
use crate::phone::accounts;

/// The time on a test's clock when it begins: 2026-03-02T09:00:00Z.
pub const START: Time = Time::from_millis(1_772_442_000_000);

/// A folder that is gone when the test is.
pub struct TempFolder(PathBuf);

impl TempFolder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("agentphone-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // Nobody misses what was not there.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An empty database, repeatable ids, and a clock that moves by hand. Keep the folder while the database is used.
pub async fn db() -> (Db, Ids, Clock, TempFolder) {
    let clock = Clock::manual(START);
    let ids = Ids::from_seed(clock.clone(), 1);
    let folder = TempFolder::new();
    let db = Db::open(Location::File(folder.0.join("test.db")), ids.clone()).await.expect("SQLite opens");
    (db, ids, clock, folder)
}

/// A stored account.
pub async fn account(db: &Db, ids: &Ids) -> AccountId {
    let account = accounts::draft(ids, "Test", START);
    let id = account.id.clone();
    db.write(move |tx| accounts::create(tx, &account)).await.expect("an account is stored");
    id
}
