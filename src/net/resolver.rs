//! Host names to addresses, of which only the permitted ones are passed on to the connector.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::Guard;

/// Where addresses come from: the system, or in tests a table.
#[async_trait]
pub trait Lookup: Send + Sync {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's own resolver, with its hosts file and its caches.
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A name without addresses.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct LookupFailed(pub(super) String);

/// The resolver that the connector asks, at each connection anew.
pub(super) struct Guarded {
    guard: Guard,
    lookup: Arc<dyn Lookup>,
}

impl Guarded {
    pub(super) fn new(guard: Guard, lookup: Arc<dyn Lookup>) -> Self {
        Self { guard, lookup }
    }
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, lookup) = (self.guard.clone(), Arc::clone(&self.lookup));
        Box::pin(async move {
            let found =
                lookup.lookup(name.as_str()).await.map_err(|error| LookupFailed(error.to_string()))?;
            let mut forbidden = None;
            let mut permitted = Vec::with_capacity(found.len());
            for address in found {
                match guard.permit(address) {
                    Ok(()) => permitted.push(SocketAddr::new(address, 0)),
                    Err(problem) => forbidden = Some(problem),
                }
            }
            match forbidden {
                Some(problem) if permitted.is_empty() => Err(problem.into()),
                None if permitted.is_empty() => Err(LookupFailed("it has no address".to_owned()).into()),
                Some(_) | None => Ok(Box::new(permitted.into_iter()) as Addrs),
            }
        })
    }
}
