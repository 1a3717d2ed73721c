//! The engine `openai`: any server that speaks the `OpenAI` protocol, far away by http or https, or our own child
//! process on a unix socket. [`Upstreams`] knows every address once, however many models share it; a [`Model`] is one
//! public name, answered by any of its addresses. Nothing here knows accounts, doors or the configuration's form.

mod address;
mod answer;
mod chat;
mod connect;
mod connection;
mod fault;
mod listen;
mod multipart;
mod request;
mod server;
mod speak;
mod wav;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::HeaderValue;

use crate::clock::Clock;
use crate::id::Ids;
pub use address::{Address, NoAddress};
use super::Fault;
use answer::Answered;
use request::Call;
use server::Server;

/// One model behind upstreams, as the configuration says it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The public name, for sentences about it.
    pub name: String,
    /// At least one.
    pub addresses: Vec<Address>,
    /// What the upstreams call the model.
    pub model: String,
    /// What they are sent as a bearer key.
    pub api_key: Option<String>,
    /// Requests under way at one upstream at a time; as many may wait for each.
    pub concurrency: usize,
    /// How long an upstream may be silent before it is given up.
    pub timeout: Duration,
}

/// Every upstream of this process, each once. Cheap to clone.
#[derive(Clone)]
pub struct Upstreams {
    clock: Clock,
    ids: Ids,
    servers: Arc<Mutex<HashMap<Address, Arc<Server>>>>,
}

impl Upstreams {
    pub fn new(clock: Clock, ids: Ids) -> Self {
        Self { clock, ids, servers: Arc::default() }
    }

    /// A model behind the upstreams of `settings`. Models that name the same address share what is known of it.
    pub fn model(&self, settings: Settings) -> Model {
        let mut known = self.servers.lock().expect("knowing upstreams does not panic");
        let servers = settings
            .addresses
            .iter()
            .map(|address| {
                let server = known.entry(address.clone());
                Arc::clone(server.or_insert_with(|| Arc::new(Server::new(address.clone()))))
            })
            .collect();
        drop(known);
        let key = settings.api_key.as_deref().filter(|key| !key.is_empty()).and_then(bearer);
        Model(Arc::new(Parts { settings, key, servers, clock: self.clock.clone(), ids: self.ids.clone() }))
    }
}

/// One model, reached through any of its upstreams. It listens, speaks or chats, as those can. Cheap to clone.
#[derive(Clone)]
pub struct Model(Arc<Parts>);

struct Parts {
    settings: Settings,
    key: Option<HeaderValue>,
    servers: Vec<Arc<Server>>,
    clock: Clock,
    ids: Ids,
}

impl Model {
    /// Asks an upstream; the answer is a success.
    async fn ask(&self, call: &Call) -> Result<Answered, Fault> {
        let Parts { servers, key, settings, .. } = &*self.0;
        let server = servers.first().ok_or_else(|| self.failed("it has no upstream"))?;
        let answered =
            server.ask(call, key.as_ref(), settings.timeout).await.map_err(|silence| self.silent(&silence))?;
        if answered.status.is_success() { Ok(answered) } else { Err(self.refused(answered).await) }
    }
}

/// `None` for a key that no header can hold; the upstream will then say that it got none.
fn bearer(key: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {key}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
