//! The body of a good answer on its way to the caller: bytes as they come, and a fault where it breaks off. Who drops
//! it closes the connection, and the upstream knows. What a stream says of itself (`signs`) decides how it ended.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use hyper::HeaderMap;

use super::super::Fault;
use super::Model;
use super::answer::Body;
use super::error::Said;
use super::lease::Lease;
use super::signs::Signs;

/// What an answer should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// One JSON object.
    Json,
    /// Events, of which the last says `[DONE]`.
    Events,
    /// Either of them, as the upstream likes it.
    Transcript,
    Sound,
}

impl Form {
    pub fn is(self, content_type: &str) -> bool {
        let json = || content_type.contains("json");
        let events = || is_events(content_type);
        match self {
            Self::Json => json(),
            Self::Events => events(),
            Self::Transcript => json() || events(),
            Self::Sound => !json() && !content_type.starts_with("text/"),
        }
    }

    /// Whether an answer may begin with these bytes.
    pub fn begins_with(self, bytes: &[u8]) -> bool {
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => true,
            Some(first) => match self {
                Self::Json => *first == b'{',
                // `data:`, `event:`, `id:`, `retry:`, a comment.
                Self::Events => b"deir:".contains(first),
                Self::Transcript => b"{deir:".contains(first),
                Self::Sound => true,
            },
        }
    }
}

pub(super) fn is_events(content_type: &str) -> bool {
    content_type.starts_with("text/event-stream")
}

pub(super) struct Relay {
    model: Model,
    /// Gone when the answer has ended, well or badly.
    lease: Option<Lease>,
    form: Form,
    pub headers: HeaderMap,
    /// In lower case.
    pub content_type: String,
    first: Option<Bytes>,
    body: Body,
    signs: Signs,
    /// What is said next: an error whose event came together with good ones.
    fault: Option<Fault>,
}

impl Relay {
    pub fn new(
        model: Model,
        mut lease: Lease,
        form: Form,
        headers: HeaderMap,
        content_type: String,
        first: Bytes,
        body: Body,
    ) -> Self {
        lease.answered();
        Self {
            model,
            lease: Some(lease),
            form,
            headers,
            content_type,
            first: Some(first),
            body,
            signs: Signs::default(),
            fault: None,
        }
    }

    /// The whole answer, if it is not longer than `most` bytes.
    pub async fn whole(&mut self, most: usize) -> Result<Bytes, Fault> {
        let Some(first) = self.next().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await.transpose()? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(chunk) = self.next().await.transpose()? {
            if all.len() + chunk.len() > most {
                return Err(self.nonsense("the upstream's answer is too long"));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// The answer is whole.
    fn good(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.succeeded();
        }
    }

    /// What came cannot be used, for this reason. A well-ended answer is not counted against the upstream any more.
    pub fn nonsense(&mut self, what: &'static str) -> Fault {
        match self.lease.take() {
            Some(lease) => self.model.upset(lease, what),
            None => self.model.failed(what),
        }
    }

    /// An error that the upstream told in the middle of its answer, judged like an answer that says it.
    pub fn told_off(&mut self, said: Said) -> Fault {
        match self.lease.take() {
            Some(lease) => self.model.judged(lease, said.status(), said, None).fault(),
            None => self.model.failed("the upstream failed"),
        }
    }

    /// What of `chunk` goes on to the caller: of events those before an error.
    fn passed(&mut self, chunk: Bytes) -> Result<Bytes, Fault> {
        if self.form != Form::Events {
            return Ok(chunk);
        }
        if let Some(error) = self.signs.read(&chunk) {
            let fault = self.told_off(error.said);
            if error.at == 0 {
                return Err(fault);
            }
            self.fault = Some(fault);
            return Ok(chunk.slice(..error.at));
        }
        if self.signs.done {
            self.good();
        }
        Ok(chunk)
    }
}

impl Stream for Relay {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(fault) = this.fault.take() {
            return Poll::Ready(Some(Err(fault)));
        }
        let chunk = match this.first.take() {
            Some(first) => Some(Ok(first)),
            None => ready!(this.body.poll_next_unpin(cx)),
        };
        let Some(lease) = this.lease.as_ref() else {
            // All that matters has been said. With the proper end the connection can be kept.
            return Poll::Ready(chunk.and_then(Result::ok).map(Ok));
        };
        match chunk {
            Some(Ok(chunk)) => {
                lease.server().bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                Poll::Ready(Some(this.passed(chunk)))
            }
            Some(Err(why)) => Poll::Ready(Some(Err(this.nonsense(why.words())))),
            // Some never say `[DONE]`.
            None if this.form == Form::Events && !this.signs.finished => {
                Poll::Ready(Some(Err(this.nonsense("the upstream broke off in the middle of its answer"))))
            }
            None => {
                this.good();
                Poll::Ready(None)
            }
        }
    }
}
