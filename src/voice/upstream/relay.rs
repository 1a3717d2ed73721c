//! The body of a good answer on its way to the caller: bytes as they come, and a fault where it breaks off. Who drops
//! it closes the connection, and the upstream knows.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use hyper::HeaderMap;

use super::super::Fault;
use super::Model;
use super::answer::Body;
use super::lease::Lease;

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
    tail: Tail,
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
            tail: Tail::default(),
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
}

impl Stream for Relay {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
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
                if this.form == Form::Events {
                    this.tail.push(&chunk);
                }
                if this.tail.is_done() {
                    this.good();
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Some(Err(why)) => Poll::Ready(Some(Err(this.nonsense(why.words())))),
            None if this.form == Form::Events => {
                Poll::Ready(Some(Err(this.nonsense("the upstream broke off in the middle of its answer"))))
            }
            None => {
                this.good();
                Poll::Ready(None)
            }
        }
    }
}

/// The last bytes of a stream: enough to see `[DONE]` and the ends of lines behind it.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    const LENGTH: usize = 24;

    fn push(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(Self::LENGTH)..];
        let old = (self.0.len() + new.len()).saturating_sub(Self::LENGTH);
        self.0.drain(..old);
        self.0.extend_from_slice(new);
    }

    fn is_done(&self) -> bool {
        let line = self.0.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        line == b"data: [DONE]" || line == b"data:[DONE]"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_does_not_take_words_for_the_end() {
        let mut tail = Tail::default();
        tail.push(b"data: {\"content\":\"they write data: [DONE]");
        assert!(!tail.is_done());
    }

    #[test]
    fn a_tail_sees_the_end_however_it_is_cut() {
        let stream = b"data: {\"choices\":[]}\n\ndata: [DONE]\r\n\r\n";
        let end = stream.len() - b"\r\n\r\n".len();
        for size in 1..=stream.len() {
            let mut tail = Tail::default();
            for (number, piece) in stream.chunks(size).enumerate() {
                assert!(!tail.is_done() || number * size >= end, "pieces of {size}");
                tail.push(piece);
            }
            assert!(tail.is_done(), "pieces of {size}");
        }
    }
}
