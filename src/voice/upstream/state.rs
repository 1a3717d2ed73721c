//! How the upstreams are at a moment, for whoever wants to show it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::server::Server;
use super::{Health, Upstreams};
use crate::clock::Time;

/// One server and the models behind it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ServerState {
    pub address: String,
    pub health: Health,
    /// Requests under way, of all models.
    pub under_way: usize,
    /// Since the start.
    pub requests: u64,
    pub failures: u64,
    /// Of answers, received since the start.
    pub bytes: u64,
    /// The last failure, if it ever failed.
    pub failed_at: Option<Time>,
    pub last_failure: Option<&'static str>,
    pub models: Vec<ModelState>,
}

/// One model at one server.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ModelState {
    pub name: String,
    /// Under way at this server.
    pub under_way: usize,
    /// Waiting for any of the model's servers.
    pub waiting: usize,
}

impl Upstreams {
    /// Every upstream, by address.
    pub fn state(&self) -> Vec<ServerState> {
        let known = self.known.lock().expect("knowing upstreams does not panic");
        let mut states: Vec<ServerState> = known.servers.values().map(state).collect();
        for model in &known.models {
            for upstream in &model.upstreams {
                let address = upstream.server.address.to_string();
                let Some(state) = states.iter_mut().find(|state| state.address == address) else { continue };
                state.models.push(ModelState {
                    name: model.settings.name.clone(),
                    under_way: upstream.under_way.load(Ordering::Relaxed),
                    waiting: model.room.waiting(),
                });
            }
        }
        states.sort_by(|one, other| one.address.cmp(&other.address));
        states
    }
}

fn state(server: &Arc<Server>) -> ServerState {
    let (failed_at, last_failure) = server.last_failure().unzip();
    ServerState {
        address: server.address.to_string(),
        health: server.health(),
        under_way: server.under_way.load(Ordering::Relaxed),
        requests: server.requests.load(Ordering::Relaxed),
        failures: server.failures.load(Ordering::Relaxed),
        bytes: server.bytes.load(Ordering::Relaxed),
        failed_at,
        last_failure,
        models: Vec::new(),
    }
}
