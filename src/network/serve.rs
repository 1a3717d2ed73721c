//! The network as a program of its own: `agentphone network --listen A --data D`.

use std::path::Path;

use axum::http::StatusCode;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::id::Ids;

use super::http::{flat, public, router};
use super::{Network, socket};

/// Serves the network in `folder` on `listener`, `/sim/link` included, until `stop` is cancelled.
pub async fn serve(
    listener: TcpListener,
    folder: &Path,
    clock: Clock,
    ids: Ids,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let tasks = TaskTracker::new();
    let network = Network::open(folder, clock, ids, &tasks, stop.clone())?;
    let app = router(network.clone())
        .merge(public(network.clone()))
        .merge(socket::router(network))
        .fallback(|| async { flat(StatusCode::NOT_FOUND, "No such path") });
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays without TCP_NODELAY");
        }
    });
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}
