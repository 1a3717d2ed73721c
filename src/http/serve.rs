//! Connections: accepted, bounded in time and header size, ended gracefully. What they say is `http::router`'s.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::answer::NoAnswer;
use super::patient::Patient;
use crate::app::App;

/// More connections than this wait to be accepted.
const CONNECTIONS: usize = 20_000;
/// A request's head must have arrived after so long; an idle connection is closed after as much.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
const HEAD_BYTES: usize = 64 << 10;
/// Who takes nothing of his answer for so long is let go.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Serves `router` on `listener` until `app` stops; then connections finish the request they are at.
pub async fn serve(app: App, router: Router, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (app, router) = (app.clone(), router.clone());
                app.tasks.clone().spawn(async move {
                    connection(&app, router, stream).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: those under way will free some.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(app: &App, router: Router, stream: TcpStream) {
    // Small answers must not wait for the other side's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let answered: Result<Response, Infallible> =
                router.oneshot(request.map(axum::body::Body::new)).await;
            match answered {
                Ok(response) if response.extensions().get::<NoAnswer>().is_some() => {
                    Err(io::Error::other("the outcome is not known"))
                }
                Ok(response) => Ok(response),
                Err(never) => match never {},
            }
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, READ_TIMEOUT)), service)
        .with_upgrades();
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = app.stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving => ended,
                // The farewell is over: what is dropped now is counted before the database closes.
                () = app.stopped.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
