//! The network's side of a link between two programs: `GET /sim/link`, a WebSocket of JSON text frames, each a list
//! of messages.

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};

use super::desk::Refused;
use super::http::flat;
use super::link::{self, ToNetwork};
use super::{Link, Network};

pub fn router(network: Network) -> Router {
    Router::new().route("/sim/link", get(open)).with_state(network)
}

async fn open(State(network): State<Network>, upgrade: WebSocketUpgrade) -> Response {
    match network.link().await {
        Ok(Some(link)) => {
            upgrade.read_buffer_size(link::READ_BUFFER).on_upgrade(move |socket| carry(socket, link))
        }
        Ok(None) => flat(StatusCode::SERVICE_UNAVAILABLE, "The link is down"),
        Err(stopped) => Refused::from(stopped).into_response(),
    }
}

/// Carries a link over `socket` until either end closes.
async fn carry(socket: WebSocket, link: Link) {
    let Link { to_network, mut from_network } = link;
    let (mut sink, mut stream) = socket.split();
    let outward = async {
        while let Some(batch) = from_network.recv().await {
            let text = serde_json::to_string(&batch).expect("messages are plain data with string keys");
            if sink.send(Message::Text(text.into())).await.is_err() {
                // The server is gone; what it said before that is still to be read to its end.
                std::future::pending::<()>().await;
            }
        }
    };
    let inward = async {
        while let Some(Ok(frame)) = stream.next().await {
            let Message::Text(text) = frame else { continue };
            match serde_json::from_str::<Vec<ToNetwork>>(&text) {
                Ok(batch) => batch.into_iter().for_each(|message| to_network.say(message)),
                Err(error) => {
                    tracing::warn!(%error, "a server said something the simulated network does not understand");
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
}
