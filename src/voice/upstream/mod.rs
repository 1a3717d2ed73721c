//! The engine `openai`: any server that speaks the `OpenAI` protocol, far away by http or https, or our own child
//! process on a unix socket. [`Upstreams`] knows every address once, however many models share it; a [`Model`] is one
//! public name, answered by any of its addresses. Nothing here knows accounts, doors or the configuration's form.
//!
//! A request's way: `chat`, `speak` or `listen` writes a call; `ask` finds room (`pool`, `lease`, `breaker`), sends it
//! (`server`, `connection`) and judges what comes back (`opening`, `error`); `relay` passes the answer on as it comes and
//! watches how it ends (`signs`).

mod address;
mod answer;
mod ask;
mod breaker;
mod chat;
mod connect;
mod connection;
mod error;
mod lease;
mod listen;
mod multipart;
mod opening;
mod pool;
mod relay;
mod request;
mod server;
mod signs;
mod speak;
mod state;
mod transcript;
mod wav;

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::HeaderValue;

use crate::clock::Clock;
use crate::id::Ids;
pub use address::{Address, NoAddress};
pub use breaker::Health;
use pool::{Room, Upstream};
use server::Server;
pub use state::{ModelState, ServerState};

/// One model behind upstreams, as the configuration says it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The public name, for sentences about it.
    pub name: String,
    /// At least one; either the child's socket or far ones, not both.
    pub addresses: Vec<Address>,
    /// What the upstreams call the model.
    pub model: String,
    /// What they are sent as a bearer key.
    pub api_key: Option<String>,
    /// Requests of this model under way at one upstream at a time; as many may wait for each.
    pub concurrency: usize,
    /// How long an upstream may be silent before it is given up.
    pub timeout: Duration,
}

/// Every upstream of this process, each once. Cheap to clone.
#[derive(Clone)]
pub struct Upstreams {
    clock: Clock,
    ids: Ids,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    servers: HashMap<Address, Arc<Server>>,
    models: Vec<Arc<Parts>>,
}

impl Upstreams {
    pub fn new(clock: Clock, ids: Ids) -> Self {
        Self { clock, ids, known: Arc::default() }
    }

    /// A model behind the upstreams of `settings`. Models that name the same address share its health, its breaker, its
    /// connections and the count by which the least loaded is chosen.
    pub fn model(&self, settings: Settings) -> Model {
        let mut known = self.known.lock().expect("knowing upstreams does not panic");
        let upstreams = settings
            .addresses
            .iter()
            .map(|address| {
                let new = || Arc::new(Server::new(address.clone(), self.clock.clone()));
                let server = Arc::clone(known.servers.entry(address.clone()).or_insert_with(new));
                Upstream { server, under_way: AtomicUsize::new(0) }
            })
            .collect();
        let key = settings.api_key.as_deref().filter(|key| !key.is_empty()).and_then(bearer);
        let parts = Arc::new(Parts {
            settings,
            key,
            upstreams,
            room: Room::default(),
            turns: AtomicUsize::new(0),
            ids: self.ids.clone(),
        });
        known.models.push(Arc::clone(&parts));
        Model(parts)
    }
}

/// One model, reached through any of its upstreams. It listens, speaks or chats, as those can. Cheap to clone.
#[derive(Clone)]
pub struct Model(Arc<Parts>);

struct Parts {
    settings: Settings,
    key: Option<HeaderValue>,
    upstreams: Vec<Upstream>,
    room: Room,
    /// Counts up, so that equally loaded upstreams take turns.
    turns: AtomicUsize,
    ids: Ids,
}

/// `None` for a key that no header can hold; the upstream will then say that it got none.
fn bearer(key: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
