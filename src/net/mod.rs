//! How we call other people's servers: webhooks, media, backgrounds. One pooled HTTP/1.1 client that follows no
//! redirect, decompresses nothing, keeps no cookies, asks no proxy and reaches public addresses only ([`guard`]).
//!
//! Why two checks are enough against rebinding: the client connects either to an address written in the URL, which
//! [`Client`] checks on every request, or to one that our resolver returned, which holds only what it let through.
//! There is no third way to an address, and a name is not looked up again between check and connect.

mod cidr;
mod guard;
pub mod plain;
mod problem;
mod resolver;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::clock::Time;
pub use cidr::{Cidr, NoCidr};
pub use guard::{Forbidden, Guard, Policy, UrlProblem};
pub use problem::NetProblem;
pub use resolver::{Lookup, SystemLookup};

/// How long a connection, with look-up and TLS, may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Below the five seconds after which many servers close an idle connection, so that a request rarely meets one
/// that is just being closed and fails for nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Idle connections kept for one host.
const IDLE_CONNECTIONS: usize = 64;

/// What an endpoint answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// At most as long as was asked for.
    pub body: Bytes,
    /// Whether the body went on; the rest was not read.
    pub truncated: bool,
}

impl Reply {
    /// How long the endpoint asks us to wait.
    pub fn retry_after(&self, now: Time) -> Option<Duration> {
        retry_after(&self.headers, now)
    }
}

/// How long an answer with these headers asks us to wait (RFC 9110, 10.2.3): seconds or a date.
pub fn retry_after(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let wait = date.as_millisecond().saturating_sub(now.millis());
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

/// A file that was fetched whole.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Bytes,
}

/// The guarded client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    guard: Guard,
    http: reqwest::Client,
}

impl Client {
    pub fn new(policy: Policy) -> Self {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// A client that asks `lookup` for addresses, and refuses of its answers what it would refuse of the system's.
    #[expect(clippy::disallowed_methods, reason = "this is the guarded client")]
    pub fn with_lookup(policy: Policy, lookup: Arc<dyn Lookup>) -> Self {
        let guard = Guard::new(policy);
        let http = reqwest::Client::builder()
            .user_agent("AgentPhone-Webhooks/1")
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .dns_resolver(resolver::Guarded::new(guard.clone(), lookup))
            .tls_backend_preconfigured(tls())
            .build()
            .expect("TLS and resolver are given, so there is nothing left that could fail");
        Self { guard, http }
    }

    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Posts `body` and reads up to `body_cap` bytes of the answer. `timeout` counts to the end of the answer.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        body_cap: usize,
    ) -> Result<Reply, NetProblem> {
        let request = self.http.post(url.clone()).headers(headers).body(body);
        let limit = Limit { deadline: Instant::now() + timeout, timeout };
        let mut response = self.send(url, request, limit).await?;
        let (body, truncated) = read(&mut response, limit, body_cap, body_cap).await?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        Ok(Reply { status, headers, body, truncated })
    }

    /// Fetches `url`; more than `cap` bytes are [`NetProblem::TooLarge`]. `timeout` counts to the end.
    pub async fn get(&self, url: &Url, timeout: Duration, cap: usize) -> Result<Fetched, NetProblem> {
        self.fetch(url, timeout, cap, cap).await
    }

    /// The same, of which only the beginning is kept: for who wants to know whether it can be had, and what it is.
    pub async fn look_at(&self, url: &Url, timeout: Duration, cap: usize) -> Result<Fetched, NetProblem> {
        self.fetch(url, timeout, cap, BEGINNING).await
    }

    async fn fetch(
        &self,
        url: &Url,
        timeout: Duration,
        cap: usize,
        kept: usize,
    ) -> Result<Fetched, NetProblem> {
        let limit = Limit { deadline: Instant::now() + timeout, timeout };
        let mut response = self.send(url, self.http.get(url.clone()), limit).await?;
        let too_large = NetProblem::TooLarge { limit: cap };
        if response
            .content_length()
            .is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > cap))
        {
            return Err(too_large);
        }
        let (body, truncated) = read(&mut response, limit, cap, kept).await?;
        if truncated {
            return Err(too_large);
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Fetched {
            status: response.status().as_u16(),
            content_type: content_type.map(str::to_owned),
            body,
        })
    }

    async fn send(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
        limit: Limit,
    ) -> Result<reqwest::Response, NetProblem> {
        self.guard.check(url)?;
        match timeout_at(limit.deadline, request.send()).await {
            Ok(answer) => answer.map_err(|error| NetProblem::of(&error, None)),
            Err(_) => Err(NetProblem::Timeout { after: limit.timeout, status: None }),
        }
    }
}

/// So many bytes tell what a file is.
const BEGINNING: usize = 1024;

#[derive(Clone, Copy)]
struct Limit {
    deadline: Instant,
    timeout: Duration,
}

/// The first `kept` bytes of the body, and whether it has more than `cap`.
async fn read(
    response: &mut reqwest::Response,
    limit: Limit,
    cap: usize,
    kept: usize,
) -> Result<(Bytes, bool), NetProblem> {
    let status = Some(response.status().as_u16());
    let (mut body, mut room) = (Vec::new(), cap);
    loop {
        let chunk = match timeout_at(limit.deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok((body.into(), false)),
            Ok(Err(error)) => return Err(NetProblem::of(&error, status)),
            Err(_) => return Err(NetProblem::Timeout { after: limit.timeout, status }),
        };
        let kept = chunk.len().min(room).min(kept - body.len());
        body.extend_from_slice(&chunk[..kept]);
        let Some(left) = room.checked_sub(chunk.len()) else { return Ok((body.into(), true)) };
        room = left;
    }
}

/// TLS 1.2 and 1.3 with the system's roots; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. Without any root every
/// https request fails and says so, but a machine that only talks to itself still starts.
pub(crate) fn tls() -> rustls::ClientConfig {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        tracing::warn!("no root certificates on this machine: no https server can be trusted");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests;
