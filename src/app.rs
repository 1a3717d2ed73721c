//! Everything a handler or a job may reach, in one place. It owns nothing's meaning: it only holds the pieces
//! together for as long as the server runs.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::Region;
use crate::carriers::Connection;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::http::idempotency::Live;
use crate::http::totals::Totals;
use crate::id::{AccountId, Ids};
use crate::jobs::accepter::Accepter;
use crate::jobs::meter::Meter;
use crate::jobs::recorder::Recorder;
use crate::jobs::settler::Settler;
use crate::media_store::MediaStore;
use crate::net;
use crate::network::Network;
use crate::phone::lines::Lines;
use crate::queue::{Limits, Room, Slot};
use crate::voice::child::Child;
use crate::voice::hearing::Hearing;
use crate::voice::table::Table;
use crate::voice::upstream::Upstreams;

/// The running server. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    pub region: Region,
    pub db: Db,
    pub clock: Clock,
    pub ids: Ids,
    /// The guarded HTTP client: webhooks, media, backgrounds.
    pub net: net::Client,
    pub carriers: HashMap<String, Connection>,
    /// The names of the carriers in the order of the configuration.
    pub carrier_order: Vec<String>,
    /// Everything that runs beside requests, so that a stop waits for it.
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
    /// Cancelled when everything that `tasks` tracks has ended, or has had its time to: what is left may end too.
    pub stopped: CancellationToken,
    pub waiting: Waiting,
    pub followed: Followed,
    /// What the carriers can do, for the nouns.
    pub lines: Lines,
    /// Accepts messages.
    pub accepter: Accepter,
    /// Records how hand-overs end.
    pub settler: Settler,
    /// Records how webhook attempts end.
    pub recorder: Recorder,
    /// How many webhook attempts may be under way.
    pub hooks: Room,
    /// Counts what voice AI uses.
    pub meter: Meter,
    /// Which engine answers for which model name.
    pub voice: Table,
    /// Every server that models are asked of, for those who look after them.
    pub upstreams: Upstreams,
    /// Decodes recordings.
    pub hearing: Hearing,
    /// The simulated network, when it runs inside this process.
    pub network: Option<Network>,
    /// The process of the built-in engines, when models need it.
    pub engines: Option<Child>,
    /// Hosted attachments.
    pub media: MediaStore,
    /// Idempotency keys whose requests are being answered.
    pub live: Live,
    pub totals: Totals,
    /// The address that was bound; set before the first request.
    pub bound: OnceLock<std::net::SocketAddr>,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The carrier of this name, if it is configured.
    pub fn carrier(&self, name: &str) -> Option<&Connection> {
        self.carriers.get(name)
    }

    /// Whether messages can be handed to the carrier of this name now.
    pub fn is_up(&self, name: &str) -> bool {
        self.carrier(name).is_some_and(Connection::is_up)
    }

    /// The simulated network whose phones people use here, if they may.
    pub fn phones(&self) -> Option<&Network> {
        self.network.as_ref().filter(|_| self.config.sim.open)
    }

    /// `<origin>` of the URLs we hand out.
    pub fn origin(&self) -> String {
        if !self.config.public_url.is_empty() {
            return self.config.public_url.trim_end_matches('/').to_owned();
        }
        self.bound
            .get()
            .map_or_else(|| format!("http://{}", self.config.listen), |bound| format!("http://{bound}"))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Requests that wait for a message to be settled. Who waits registers first, then looks, then waits.
#[derive(Clone, Default)]
pub struct Waiting(Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>);

impl Waiting {
    /// Has waiting requests woken by the sayings of committed units, of any process.
    pub fn listen_to(&self, db: &Db) {
        let waiting = self.clone();
        db.subscribe(move |topic| {
            if let Some(id) = topic.strip_prefix("settled ") {
                waiting.wake(id);
            }
        });
    }

    /// Registers for `id`; dropping the receiver is enough to leave.
    pub fn register(&self, id: &str) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.0.lock().expect("waiting does not panic").insert(id.to_owned(), wake);
        woken
    }

    /// Forgets `id`, if nobody woke it.
    pub fn leave(&self, id: &str) {
        self.0.lock().expect("waiting does not panic").remove(id);
    }

    fn wake(&self, id: &str) {
        let waiter = self.0.lock().expect("waiting does not panic").remove(id);
        if let Some(waiter) = waiter {
            // It may have stopped waiting just now.
            let _ = waiter.send(());
        }
    }
}

/// Streams that follow an account's events, woken when one was stored. Missing a call costs them one poll.
#[derive(Clone)]
pub struct Followed {
    accounts: broadcast::Sender<String>,
    room: Room,
}

/// Every stream asks the database once a second. So many of one account leave the others theirs, and so many in all,
/// of each process, leave the database to those who send.
const STREAMS: Limits = Limits { per_lane: 32, in_all: 1024, exclusive: false };

/// A stream's place among those that follow; dropped with the stream, however that ends.
pub struct Seat {
    /// The accounts that got an event since.
    pub woken: broadcast::Receiver<String>,
    _slot: Slot,
}

impl Default for Followed {
    fn default() -> Self {
        Self { accounts: broadcast::Sender::new(256), room: Room::new(STREAMS) }
    }
}

impl Followed {
    /// Has streams woken by the sayings of committed units, of any process.
    pub fn listen_to(&self, db: &Db) {
        let accounts = self.accounts.clone();
        db.subscribe(move |topic| {
            if let Some(account) = topic.strip_prefix("event ")
                && accounts.receiver_count() > 0
            {
                // The last stream may have ended just now.
                let _ = accounts.send(account.to_owned());
            }
        });
    }

    /// A place for one more stream of this account, woken from now on; none while too many are open.
    pub fn seat(&self, account: &AccountId) -> Option<Seat> {
        let slot = self.room.direct(account.as_str())?;
        Some(Seat { woken: self.accounts.subscribe(), _slot: slot })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_so_many_streams_and_all_accounts_have() {
        let followed = Followed::default();
        let seat = |account: usize| followed.seat(&AccountId::from_text(format!("acct_{account}")));
        let mut taken: Vec<Seat> = (0..STREAMS.per_lane).map(|_| seat(0).unwrap()).collect();
        assert!(seat(0).is_none(), "this account has all of its own");
        taken.pop();
        taken.push(seat(0).unwrap());
        taken.extend((STREAMS.per_lane..STREAMS.in_all).map(|index| seat(index / STREAMS.per_lane).unwrap()));
        assert!(seat(STREAMS.in_all).is_none(), "there are no more for anybody");
        drop(taken);
        assert!(seat(0).is_some());
    }
}
