//! One HTTP/1 connection to an upstream. No task works it: whoever waits for the answer drives it, so that nothing is
//! read ahead of a slow reader, and dropping the answer closes the connection at once.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_util::future::poll_fn;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::http::response::Parts;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::address::Address;
use super::connect::{self, ByteStream};
use super::request::Content;

type Driver = http1::Connection<TokioIo<Box<dyn ByteStream>>, Content>;

/// A connection on which nothing is under way.
pub(super) struct Connection {
    sender: http1::SendRequest<Content>,
    driver: Driver,
    /// Whether the driver has come to its end and must not be polled again.
    done: bool,
}

/// The connection went away or spoke no HTTP. What exactly happened is for the log.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("closed in the middle of an answer")]
    Closed,
    #[error("{0}")]
    Http(#[from] hyper::Error),
}

impl Connection {
    pub async fn open(address: &Address) -> io::Result<Self> {
        let stream = connect::open(address).await?;
        let (sender, driver) =
            http1::Builder::new().handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, driver, done: false })
    }

    /// Whether the far end still keeps it open. Looks, and does not wait.
    pub fn is_open(&mut self) -> bool {
        let _ = self.drive(&mut Context::from_waker(Waker::noop()));
        !self.done && self.sender.is_ready()
    }

    /// Lets the connection write and read as far as it can now.
    fn drive(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        if !self.done {
            let driven = Pin::new(&mut self.driver).poll(cx);
            self.done = driven.is_ready();
            if let Poll::Ready(ended) = driven {
                ended?;
            }
        }
        Ok(())
    }

    /// Sends the request and waits for the head of the answer.
    pub async fn exchange(mut self, request: Request<Content>) -> Result<(Parts, Incoming, Self), Broken> {
        let answer = self.sender.send_request(request);
        let mut answer = pin!(answer);
        let response: Response<Incoming> = poll_fn(|cx| {
            self.drive(cx)?;
            match answer.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(answer.map_err(Broken::from)),
                Poll::Pending if self.done => Poll::Ready(Err(Broken::Closed)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await?;
        let (head, body) = response.into_parts();
        Ok((head, body, self))
    }

    /// The next part of the body whose head [`Self::exchange`] gave; `None` at its proper end.
    pub fn poll_chunk(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            let mut body = Pin::new(&mut *body);
            // Asking is what lets the connection read on. Nobody has to be woken by the answer: it is looked for below.
            let asked = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
            let frame = match asked {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    self.drive(cx)?;
                    match body.poll_frame(cx) {
                        Poll::Pending if self.done => return Poll::Ready(Some(Err(Broken::Closed))),
                        frame => ready!(frame),
                    }
                }
            };
            match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                // Trailers tell us nothing.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                    Ok(_) | Err(_) => {}
                },
            }
        }
    }
}
