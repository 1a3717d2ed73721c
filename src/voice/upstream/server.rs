//! What is known of one upstream server by all models that name it: its idle connections, its breaker, what it has
//! done so far.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::{Instant, timeout};

use super::address::Address;
use super::answer::Answered;
use super::breaker::{Breaker, Health};
use super::connection::{Broken, Connection};
use super::request::Call;
use crate::clock::{Clock, Time};

/// How long a connection, with look-up and TLS, may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Below the five seconds after which many servers close an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Idle connections kept; a burst may have opened more.
const IDLE_CONNECTIONS: usize = 128;

pub(super) struct Server {
    pub address: Address,
    pub clock: Clock,
    host: HeaderValue,
    idle: Mutex<Vec<(Connection, Instant)>>,
    breaker: Mutex<Breaker>,
    last_failure: Mutex<Option<(Time, &'static str)>>,
    /// Requests under way, of all models.
    pub under_way: AtomicUsize,
    pub requests: AtomicU64,
    pub failures: AtomicU64,
    /// Of bodies, received.
    pub bytes: AtomicU64,
}

/// Why no head of an answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    #[error("no connection: {0}")]
    Unreachable(std::io::Error),
    #[error("no answer in time")]
    TooSlow,
    #[error("{0}")]
    Broken(Broken),
}

impl Server {
    pub fn new(address: Address, clock: Clock) -> Self {
        let host = HeaderValue::try_from(address.authority()).expect("the host of a URL fits a header");
        Self {
            address,
            clock,
            host,
            idle: Mutex::default(),
            breaker: Mutex::default(),
            last_failure: Mutex::default(),
            under_way: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Sends `call` and waits for the head of its answer. A kept connection that turns out closed is no failure: then a
    /// new one is opened.
    pub async fn ask(
        self: &Arc<Self>,
        call: &Call,
        key: Option<&HeaderValue>,
        patience: Duration,
    ) -> Result<Answered, Silence> {
        if let Some(connection) = self.kept() {
            match self.exchange(connection, call, key, patience).await {
                Err(Silence::Broken(_)) => {}
                outcome => return outcome,
            }
        }
        let connection = match timeout(CONNECT_TIMEOUT, Connection::open(&self.address)).await {
            Ok(opened) => opened.map_err(Silence::Unreachable)?,
            Err(_) => return Err(Silence::Unreachable(std::io::ErrorKind::TimedOut.into())),
        };
        self.exchange(connection, call, key, patience).await
    }

    async fn exchange(
        self: &Arc<Self>,
        connection: Connection,
        call: &Call,
        key: Option<&HeaderValue>,
        patience: Duration,
    ) -> Result<Answered, Silence> {
        let request = call.to(&self.address, &self.host, key);
        match timeout(patience, connection.exchange(request)).await {
            Ok(Ok((head, body, connection))) => {
                Ok(Answered::new(head, body, connection, Arc::clone(self), patience))
            }
            Ok(Err(broken)) => Err(Silence::Broken(broken)),
            Err(_) => Err(Silence::TooSlow),
        }
    }

    /// The connection used last, if the far end still keeps it open.
    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().expect("keeping connections does not panic");
        while let Some((mut connection, since)) = idle.pop() {
            if since.elapsed() < IDLE_TIMEOUT && connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    /// Takes back a connection whose answer has been read to its end.
    pub fn keep(&self, mut connection: Connection) {
        if connection.is_open() {
            let mut idle = self.idle.lock().expect("keeping connections does not panic");
            // The oldest stand in front.
            let stale = idle.partition_point(|(_, since)| since.elapsed() >= IDLE_TIMEOUT);
            idle.drain(..stale);
            if idle.len() < IDLE_CONNECTIONS {
                idle.push((connection, Instant::now()));
            }
        }
    }

    /// Whatever changes or reads the breaker.
    pub fn breaker<T>(&self, use_it: impl FnOnce(&mut Breaker, Time) -> T) -> T {
        let now = self.clock.now();
        use_it(&mut self.breaker.lock().expect("a breaker does not panic"), now)
    }

    pub fn health(&self) -> Health {
        self.breaker(|breaker, now| breaker.health(now))
    }

    /// Counts a failure. Our own child needs no breaker: connecting to a socket fails at once, and whoever starts the
    /// child again should find it called.
    pub fn failed(&self, why: &'static str, tried: bool) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.last_failure.lock().expect("noting a failure does not panic") = Some((self.clock.now(), why));
        if !self.address.is_child() {
            self.breaker(|breaker, now| breaker.failed(now, tried));
        }
    }

    pub fn last_failure(&self) -> Option<(Time, &'static str)> {
        *self.last_failure.lock().expect("noting a failure does not panic")
    }
}
