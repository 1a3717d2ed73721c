//! `POST /v1/audio/transcriptions`: a recording of our own form in, events out as it is understood.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Multipart, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::queue::Pieces;
use super::serve::{House, error};
use super::{Piece, Work};
use crate::voice::audio::{to_f32, wav};
use crate::voice::events::event;
use crate::voice::{Fault, Heard, LISTENING_RATE, Listening, Recording, Segment};

#[derive(Default)]
struct Form {
    model: String,
    language: Option<String>,
    prompt: Option<String>,
    temperature: Option<f32>,
    words: bool,
    file: Bytes,
}

pub(super) async fn answer(State(house): State<Arc<House>>, form: Multipart) -> Result<Response, Fault> {
    let form = read(form).await?;
    let model = house.model(&form.model)?;
    let work = Work::Listen(form.listening()?);
    let mut pieces = model.run(work).await?;
    let first = pieces.recv().await.transpose()?;
    let events = stream::unfold((first, pieces, Some(String::new())), next).map(Ok::<_, std::io::Error>);
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response())
}

async fn read(mut form: Multipart) -> Result<Form, Fault> {
    let refused = |error: axum::extract::multipart::MultipartError| refuse(&error.body_text());
    let mut read = Form::default();
    while let Some(field) = form.next_field().await.map_err(refused)? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.bytes().await.map_err(refused)?;
        if name == "file" {
            read.file = value;
            continue;
        }
        let text = String::from_utf8_lossy(&value).into_owned();
        match name.as_str() {
            "model" => read.model = text,
            "language" => read.language = Some(text),
            "prompt" => read.prompt = Some(text),
            "temperature" => read.temperature = text.parse().ok(),
            "timestamp_granularities[]" => read.words |= text == "word",
            // The answer has one form only.
            _ => {}
        }
    }
    Ok(read)
}

impl Form {
    fn listening(self) -> Result<Listening, Fault> {
        let samples =
            samples(&self.file).ok_or_else(|| refuse("The file is no WAV of 16 kHz, mono, 16 bits"))?;
        let recording = Recording { samples, file: Bytes::new(), name: "recording.wav".to_owned() };
        Ok(Listening {
            recording: Arc::new(recording),
            language: self.language,
            prompt: self.prompt,
            temperature: self.temperature,
            words: self.words,
            times: true,
            streamed: true,
        })
    }
}

fn refuse(message: &str) -> Fault {
    Fault::Refused { code: None, message: message.to_owned() }
}

/// The samples of the one form of recording that the parent sends: a header of 44 bytes, then mono samples of 16 bits.
fn samples(file: &[u8]) -> Option<Vec<f32>> {
    let ours = wav::header(LISTENING_RATE);
    let (header, data) = file.split_at_checked(ours.len())?;
    // All but the lengths.
    let is_ours = header[..4] == ours[..4] && header[8..40] == ours[8..40];
    let samples = data.chunks_exact(2).map(|pair| to_f32(i16::from_le_bytes([pair[0], pair[1]])));
    is_ours.then(|| samples.collect())
}

type Rest = (Option<Piece>, Pieces, Option<String>);

/// The next event; `text` gathers what was heard, and is gone after the last event.
async fn next((piece, mut pieces, text): Rest) -> Option<(Bytes, Rest)> {
    let mut text = text?;
    let piece = match piece {
        Some(piece) => Some(Ok(piece)),
        None => pieces.recv().await,
    };
    let heard = match piece {
        Some(Ok(Piece::Heard(heard))) => heard,
        // No engine that listens makes anything else.
        Some(Ok(Piece::Rate(_) | Piece::Samples(_) | Piece::Bytes(_))) => return None,
        Some(Err(fault)) => return Some((event(&error(&fault)), (None, pieces, None))),
        None => {
            let done = json!({ "type": "transcript.text.done", "text": text.trim() });
            return Some((event(&done), (None, pieces, None)));
        }
    };
    let said = match heard {
        Heard::Language(language) => json!({ "type": "transcript.language", "language": language }),
        Heard::Text(more) => {
            text.push_str(&more);
            json!({ "type": "transcript.text.delta", "delta": more })
        }
        Heard::Segment(segment) => {
            text.push_str(&segment.text);
            render(&segment)
        }
    };
    Some((event(&said), (None, pieces, Some(text))))
}

fn render(segment: &Segment) -> Value {
    let mut event = json!({ "type": "transcript.text.segment" });
    if let (Some(event), Ok(Value::Object(fields))) = (event.as_object_mut(), serde_json::to_value(segment)) {
        event.extend(fields);
    }
    event
}
