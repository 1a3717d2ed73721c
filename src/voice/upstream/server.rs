//! What is known of one upstream server, by all models that name it: its idle connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::{Instant, timeout};

use super::address::Address;
use super::answer::Answered;
use super::connection::{Broken, Connection};
use super::request::Call;

/// How long a connection, with look-up and TLS, may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Below the five seconds after which many servers close an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

pub(super) struct Server {
    pub address: Address,
    host: HeaderValue,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

/// Why no head of an answer came.
#[derive(Debug)]
pub(super) enum Silence {
    Unreachable(std::io::Error),
    TooSlow,
    Broken(Broken),
}

impl Server {
    pub fn new(address: Address) -> Self {
        let host = HeaderValue::try_from(address.authority()).expect("the host of a URL fits a header");
        Self { address, host, idle: Mutex::default() }
    }

    /// Sends `call` and waits for the head of its answer. A kept connection that turns out closed is no reason to give
    /// up: a new one is opened.
    pub async fn ask(
        self: &Arc<Self>,
        call: &Call,
        key: Option<&HeaderValue>,
        patience: Duration,
    ) -> Result<Answered, Silence> {
        while let Some(connection) = self.kept() {
            match self.exchange(connection, call, key, patience).await {
                Err(Silence::Broken(_)) => {}
                outcome => return outcome,
            }
        }
        let connection = match timeout(CONNECT_TIMEOUT, Connection::open(&self.address)).await {
            Ok(opened) => opened.map_err(Silence::Unreachable)?,
            Err(_) => return Err(Silence::TooSlow),
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
            idle.retain(|(_, since)| since.elapsed() < IDLE_TIMEOUT);
            idle.push((connection, Instant::now()));
        }
    }
}
