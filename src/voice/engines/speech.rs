//! `POST /v1/audio/speech`: words in, a WAV out whose lengths say nothing, because it is sent while it is being made.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::queue::Pieces;
use super::serve::House;
use super::{Piece, Work};
use crate::voice::audio::wav;
use crate::voice::{Fault, Utterance};

#[derive(Deserialize)]
pub(super) struct Asked {
    model: String,
    input: String,
    voice: String,
    #[serde(default = "as_it_is")]
    speed: f32,
}

fn as_it_is() -> f32 {
    1.0
}

pub(super) async fn answer(
    State(house): State<Arc<House>>,
    Json(asked): Json<Asked>,
) -> Result<Response, Fault> {
    let model = house.model(&asked.model)?;
    let utterance = Utterance { text: asked.input, voice: asked.voice, speed: asked.speed };
    let mut pieces = model.run(Work::Speak(utterance)).await?;
    let rate = match pieces.recv().await.transpose()? {
        Some(Piece::Rate(rate)) => rate,
        Some(Piece::Heard(_) | Piece::Samples(_) | Piece::Bytes(_)) | None => {
            return Err(Fault::Failed { message: "the engine made no sound".to_owned() });
        }
    };
    let sound = stream::once(async move { Ok(Bytes::copy_from_slice(&wav::header(rate))) })
        .chain(stream::unfold(pieces, next));
    Ok(([(CONTENT_TYPE, "audio/wav")], Body::from_stream(sound)).into_response())
}

/// The next samples. A fault ends the connection, so that nobody takes the sound for whole.
async fn next(mut pieces: Pieces) -> Option<(Result<Bytes, std::io::Error>, Pieces)> {
    let sound = match pieces.recv().await? {
        Ok(Piece::Samples(samples)) => Ok(samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()),
        Ok(Piece::Rate(_) | Piece::Heard(_) | Piece::Bytes(_)) | Err(_) => {
            Err(std::io::Error::other("the engine broke off"))
        }
    };
    Some((sound, pieces))
}
