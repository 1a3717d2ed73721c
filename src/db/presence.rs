//! This process among those that share the database: its *incarnation*, which leases name.
//!
//! On `SQLite` a process is alone: the lock of the data folder is its presence. On `PostgreSQL` an incarnation holds
//! a session advisory lock on a connection of its own, which also listens for what the other processes announce;
//! if that connection breaks, the incarnation is over and a new one begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ::postgres::fallible_iterator::FallibleIterator;
use anyhow::Context;
use tokio::sync::watch;

use super::bus::{Bus, CHANNEL};
use super::postgres::connect;
use crate::id::{Ids, Incarnation};

/// What was on its way when an incarnation ended may still be answered for so long.
const LAST_WORDS: Duration = Duration::from_millis(200);

pub struct Presence {
    current: watch::Sender<Option<Incarnation>>,
    left: Arc<AtomicBool>,
    /// Nobody can take it for dead.
    is_alone: bool,
    _folder: Option<std::fs::File>,
}

impl Presence {
    /// The only server there is, for as long as it holds `folder`.
    pub(super) fn alone(folder: Option<std::fs::File>, ids: &Ids) -> Self {
        Self {
            current: watch::Sender::new(Some(Incarnation::new(ids))),
            left: Arc::default(),
            is_alone: true,
            _folder: folder,
        }
    }

    /// One of several processes on the `PostgreSQL` at `url`.
    pub(super) fn among_others(url: String, ids: Ids, bus: Arc<Bus>) -> anyhow::Result<Self> {
        let (current, left) = (watch::Sender::new(None), Arc::default());
        let presence = Self { current, left, is_alone: false, _folder: None };
        let (current, left) = (presence.current.clone(), Arc::clone(&presence.left));
        let listener = Listener { url, ids, current, bus, left };
        let (ready, is_ready) = mpsc::channel();
        thread::Builder::new().name("db-listen".to_owned()).spawn(move || listener.work(&ready))?;
        is_ready.recv_timeout(Duration::from_secs(30)).context("PostgreSQL gave no advisory lock")?;
        Ok(presence)
    }

    /// The incarnation under which leases may be taken now; `None` while the database is away.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.current.borrow().clone()
    }

    /// Whether `incarnation` is this process as it is now.
    pub fn is(&self, incarnation: &Incarnation) -> bool {
        self.current.borrow().as_ref() == Some(incarnation)
    }

    /// Ends a moment after `incarnation` is over. Until a little later nobody looks at what it had under way.
    pub async fn ended(&self, incarnation: &Incarnation) {
        if self.is_alone {
            return std::future::pending().await;
        }
        let mut current = self.current.subscribe();
        // An error would mean that this is gone, which is borrowed.
        let _ = current.wait_for(|current| current.as_ref() != Some(incarnation)).await;
        tokio::time::sleep(LAST_WORDS).await;
    }

    pub(super) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }
}

/// The number under which an incarnation holds its advisory lock.
pub fn lock_number(incarnation: &Incarnation) -> i64 {
    // FNV-1a: the same in every version of the program, which the standard hasher does not promise.
    let hash = incarnation.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::from_ne_bytes(hash.to_ne_bytes())
}

struct Listener {
    url: String,
    ids: Ids,
    current: watch::Sender<Option<Incarnation>>,
    bus: Arc<Bus>,
    left: Arc<AtomicBool>,
}

impl Listener {
    fn work(self, ready: &mpsc::Sender<()>) {
        while !self.left.load(Ordering::Relaxed) {
            if let Err(error) = self.one_incarnation(ready) {
                tracing::warn!(%error, "lost the connection that holds this process's leases; beginning anew");
            }
            self.current.send_replace(None);
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn one_incarnation(&self, ready: &mpsc::Sender<()>) -> anyhow::Result<()> {
        let incarnation = Incarnation::new(&self.ids);
        let mut client = connect(&self.url)?;
        client.execute("SELECT pg_advisory_lock($1)", &[&lock_number(&incarnation)])?;
        client.execute("INSERT INTO incarnations (id) VALUES ($1)", &[&incarnation.as_str()])?;
        client.batch_execute(&format!("LISTEN {CHANNEL}"))?;
        self.current.send_replace(Some(incarnation.clone()));
        let _ = ready.send(());
        let me = client.prepare("SELECT 1 FROM incarnations WHERE id = $1")?;
        while !self.left.load(Ordering::Relaxed) {
            self.hear(&mut client)?;
            // Who only listens notices neither that the line is dead nor that others took him for dead.
            let is_known = client.query_opt(&me, &[&incarnation.as_str()])?.is_some();
            anyhow::ensure!(is_known, "another process took this one for dead");
        }
        Ok(())
    }

    fn hear(&self, client: &mut ::postgres::Client) -> anyhow::Result<()> {
        let mut notifications = client.notifications();
        let mut waiting = notifications.timeout_iter(Duration::from_millis(500));
        while let Some(notification) = waiting.next()? {
            notification.payload().split('\n').for_each(|topic| self.bus.publish(topic));
        }
        Ok(())
    }
}
