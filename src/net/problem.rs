//! Why a request got no whole answer: kinds to act on, and a sentence each for the log of deliveries.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::guard::{Forbidden, UrlProblem};
use super::resolver::LookupFailed;

/// Why there is no answer, or only a part of one. `status` is what had been answered when the body failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NetProblem {
    /// The policy forbids this URL or every address behind its name.
    #[error("refused: {0}")]
    Refused(UrlProblem),
    #[error("the host name could not be looked up: {0}")]
    Dns(String),
    #[error("no connection: {0}")]
    Connect(String),
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("no complete answer within {} s", .after.as_secs_f64())]
    Timeout { after: Duration, status: Option<u16> },
    /// The connection was closed or reset after it stood; the request may have been received.
    #[error("the connection broke off: {reason}")]
    Interrupted { reason: String, status: Option<u16> },
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// What came back is not HTTP.
    #[error("the answer is not HTTP: {0}")]
    Protocol(String),
}

impl NetProblem {
    /// The status line, where one had arrived.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Timeout { status, .. } | Self::Interrupted { status, .. } => *status,
            Self::Refused(_)
            | Self::Dns(_)
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::TooLarge { .. }
            | Self::Protocol(_) => None,
        }
    }

    pub(super) fn of(error: &reqwest::Error, status: Option<u16>) -> Self {
        let causes: Vec<&(dyn Error + 'static)> = causes(error);
        let reason = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
        if let Some(forbidden) = find::<Forbidden>(&causes) {
            Self::Refused(UrlProblem::Forbidden(*forbidden))
        } else if let Some(failed) = find::<LookupFailed>(&causes) {
            Self::Dns(failed.0.clone())
        } else if let Some(failed) = find::<rustls::Error>(&causes) {
            Self::Tls(failed.to_string())
        } else if error.is_timeout() {
            Self::Timeout { after: super::CONNECT_TIMEOUT, status }
        } else if error.is_connect() {
            Self::Connect(reason)
        } else if error.is_builder() || find::<hyper::Error>(&causes).is_some_and(hyper::Error::is_parse) {
            Self::Protocol(reason)
        } else {
            Self::Interrupted { reason, status }
        }
    }
}

impl From<UrlProblem> for NetProblem {
    fn from(problem: UrlProblem) -> Self {
        Self::Refused(problem)
    }
}

fn find<'error, E: Error + 'static>(causes: &[&'error (dyn Error + 'static)]) -> Option<&'error E> {
    causes.iter().find_map(|cause| cause.downcast_ref())
}

/// Everything behind `error`, outermost first. An I/O error names as its source only what is behind the error that
/// it wraps, so that one is added.
fn causes<'error>(error: &'error reqwest::Error) -> Vec<&'error (dyn Error + 'static)> {
    let mut causes: Vec<&'error (dyn Error + 'static)> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
    causes
}
