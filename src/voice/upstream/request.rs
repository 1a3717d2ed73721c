//! One request as it goes onto the wire. It can be sent again to another upstream: its parts are shared, not copied.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request};

use super::address::Address;

/// What is asked of an upstream, whichever it will be.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub method: Method,
    /// After the address's own path: `/chat/completions`.
    pub path: &'static str,
    pub content_type: Option<HeaderValue>,
    pub accept: HeaderValue,
    /// The body, in order.
    pub parts: Vec<Bytes>,
}

impl Call {
    pub fn post(
        path: &'static str,
        content_type: HeaderValue,
        accept: &'static str,
        parts: Vec<Bytes>,
    ) -> Self {
        let accept = HeaderValue::from_static(accept);
        Self { method: Method::POST, path, content_type: Some(content_type), accept, parts }
    }

    /// The request to `address`, with `key` as its bearer key (a header's value, marked as sensitive).
    pub fn to(&self, address: &Address, host: &HeaderValue, key: Option<&HeaderValue>) -> Request<Content> {
        let mut request = Request::new(Content(self.parts.iter().cloned().collect()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = format!("{}{}", address.base, self.path)
            .parse()
            .expect("the path of a parsed URL and a path of ours make a path");
        let headers = request.headers_mut();
        headers.insert(HOST, host.clone());
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("agentphone/", env!("CARGO_PKG_VERSION"))));
        headers.insert(ACCEPT, self.accept.clone());
        if let Some(content_type) = &self.content_type {
            headers.insert(CONTENT_TYPE, content_type.clone());
        }
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, key.clone());
        }
        request
    }
}

/// A body of known length in several parts.
pub(super) struct Content(VecDeque<Bytes>);

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|part| part.len() as u64).sum())
    }
}
