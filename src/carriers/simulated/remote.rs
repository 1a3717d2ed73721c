//! A link to a network that is a program of its own: a WebSocket of JSON text frames, each a list of messages.

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::Keeper;
use super::desk::Sender;
use crate::network::link::{self, FromNetwork, ToNetwork};

/// How many messages may share a frame.
const BATCH: usize = 256;

/// Works a link to the network at `url` until it closes; says whether it ever opened.
pub(super) async fn carry(url: &str, keeper: &Keeper) -> bool {
    let address = format!("{}/sim/link", url.trim_end_matches('/').replacen("http", "ws", 1));
    let settings = WebSocketConfig::default().read_buffer_size(link::READ_BUFFER);
    // The last argument is TCP_NODELAY.
    let mut socket = match connect_async_with_config(address.as_str(), Some(settings), true).await {
        Ok((socket, _)) => socket,
        Err(error) => {
            tracing::debug!(%error, address, "no link to the simulated network");
            return false;
        }
    };
    let (sender, mut outgoing) = mpsc::unbounded_channel();
    keeper.opened(Sender::Remote(sender));
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            count = outgoing.recv_many(&mut batch, BATCH) => {
                if count == 0 || socket.send(frame(&batch)).await.is_err() {
                    break;
                }
                batch.clear();
            }
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => match serde_json::from_str::<Vec<FromNetwork>>(&text) {
                    Ok(messages) => keeper.desk.heard(messages, &keeper.offers),
                    Err(error) => {
                        tracing::warn!(%error, "the simulated network said something this server does not understand");
                        break;
                    }
                },
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
        }
    }
    outgoing.close();
    while let Ok(message) = outgoing.try_recv() {
        keeper.desk.unwritten(&message);
    }
    true
}

fn frame(batch: &[ToNetwork]) -> Message {
    Message::text(serde_json::to_string(batch).expect("messages are plain data with string keys"))
}
