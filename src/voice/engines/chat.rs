//! `POST /v1/chat/completions`: the caller's object in, the engine's bytes out, as they come.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;

use super::queue::Pieces;
use super::serve::{House, error};
use super::{Asked, Piece, Work};
use crate::voice::Fault;
use crate::voice::events::event;

/// What this door needs to know of a question; the engine reads the rest.
#[derive(Deserialize)]
struct Head {
    model: String,
    #[serde(default)]
    stream: Option<bool>,
}

pub(super) async fn answer(State(house): State<Arc<House>>, body: Bytes) -> Result<Response, Fault> {
    let head: Head = serde_json::from_slice(&body).map_err(|error| Fault::Refused {
        code: None,
        message: format!("The request is no question: {error}"),
    })?;
    let model = house.model(&head.model)?;
    let id = format!("chatcmpl-{}", house.ids.base62(24));
    let asked = Asked { body, id, created: house.clock.now().seconds() };
    let mut pieces = model.run(Work::Chat(asked)).await?;
    let first = pieces.recv().await.transpose()?;
    let form = if head.stream == Some(true) { "text/event-stream" } else { "application/json" };
    let bytes = stream::unfold((first, Some(pieces)), next);
    Ok(([(CONTENT_TYPE, form)], Body::from_stream(bytes)).into_response())
}

type Rest = (Option<Piece>, Option<Pieces>);

async fn next((piece, pieces): Rest) -> Option<(Result<Bytes, std::io::Error>, Rest)> {
    let mut pieces = pieces?;
    let piece = match piece {
        Some(piece) => Ok(piece),
        None => pieces.recv().await?,
    };
    match piece {
        Ok(Piece::Bytes(bytes)) => Some((Ok(bytes), (None, Some(pieces)))),
        // No engine that chats makes anything else.
        Ok(Piece::Heard(_) | Piece::Rate(_) | Piece::Samples(_)) => None,
        Err(fault) => Some((Ok(event(&error(&fault))), (None, None))),
    }
}
