//! An upstream's answer: its head, and its body as it comes in. Who drops it closes the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::response::Parts;
use tokio::time::{Instant, Sleep, sleep};

use super::connection::{Broken, Connection};
use super::server::Server;

/// The head of an answer, and its body as a stream.
pub(super) struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Body,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenOff {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("silent for too long")]
    TooSlow,
}

impl BrokenOff {
    /// For callers and the dashboard.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Broken(_) => "the upstream broke off in the middle of its answer",
            Self::TooSlow => "the upstream fell silent in the middle of its answer",
        }
    }

    pub fn is_slowness(&self) -> bool {
        match self {
            Self::Broken(_) => false,
            Self::TooSlow => true,
        }
    }
}

/// The body of an answer. Bytes are read when they are asked for, and not before.
pub(super) struct Body {
    incoming: Incoming,
    /// Gone at the end of the body.
    connection: Option<Connection>,
    server: Arc<Server>,
    patience: Duration,
    /// Runs while bytes are being waited for.
    silence: Pin<Box<Sleep>>,
    waiting: bool,
}

impl Answered {
    pub fn new(
        head: Parts,
        incoming: Incoming,
        connection: Connection,
        server: Arc<Server>,
        patience: Duration,
    ) -> Self {
        let silence = Box::pin(sleep(patience));
        let body = Body { incoming, connection: Some(connection), server, patience, silence, waiting: true };
        Self { status: head.status, headers: head.headers, body }
    }

    /// What it says it is, in lower case.
    pub fn content_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_ascii_lowercase()
    }
}

impl Body {
    /// Up to `most` bytes, as far as they come.
    pub async fn beginning(mut self, most: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(Ok(chunk)) = self.next().await {
            all.extend_from_slice(&chunk[..chunk.len().min(most - all.len())]);
            if all.len() == most {
                break;
            }
        }
        all
    }
}

impl Stream for Body {
    type Item = Result<Bytes, BrokenOff>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(connection) = &mut this.connection else { return Poll::Ready(None) };
        let Poll::Ready(chunk) = connection.poll_chunk(&mut this.incoming, cx) else {
            // A reader who took his time is no reason to blame the upstream: its silence begins now.
            if !this.waiting {
                this.waiting = true;
                this.silence.as_mut().reset(Instant::now() + this.patience);
            }
            ready!(this.silence.as_mut().poll(cx));
            this.connection = None;
            return Poll::Ready(Some(Err(BrokenOff::TooSlow)));
        };
        this.waiting = false;
        match chunk {
            Some(Ok(chunk)) => Poll::Ready(Some(Ok(chunk))),
            Some(Err(broken)) => {
                this.connection = None;
                Poll::Ready(Some(Err(broken.into())))
            }
            None => {
                if let Some(connection) = this.connection.take() {
                    this.server.keep(connection);
                }
                Poll::Ready(None)
            }
        }
    }
}
