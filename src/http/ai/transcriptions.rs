//! `POST /api/v1/audio/transcriptions`: a recording becomes text, at once or as it is heard.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use serde_json::json;
use utoipa::ToSchema;

use super::form::{FILE_BYTES, Form, Granularity, Written};
use super::measure::Measure;
use super::transcript::{Transcript, TranscriptObject};
use super::{events, name_engine};
use crate::app::App;
use crate::config::voice::Task;
use crate::error::Result;
use crate::http::answer::{AiErrors, StreamEvent};
use crate::http::extract::{Caller, Room};
use crate::phone::voice_usage;
use crate::voice::events::event;
use crate::voice::hearing::Held;
use crate::voice::{Fault, Heard, Listening};

/// A file, and what else is in the form.
pub const ROOM: Room = Room { bytes: FILE_BYTES + (1 << 20), patience: Duration::from_mins(5) };

/// A recording, and how it is to be transcribed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document; `form` reads it")]
pub struct TranscriptionForm {
    /// wav, mp3, m4a, webm, ogg or flac; 25 MiB at most.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// whisper-large-v3 unless configured otherwise.
    model: Option<String>,
    /// ISO 639-1.
    #[schema(pattern = "^[A-Za-z]{2,3}$")]
    language: Option<String>,
    prompt: Option<String>,
    #[schema(minimum = 0.0, maximum = 1.0)]
    temperature: Option<f32>,
    response_format: Option<Written>,
    /// With `verbose_json` only; segment if absent.
    #[schema(rename = "timestamp_granularities[]")]
    granularities: Option<Vec<Granularity>>,
    stream: Option<bool>,
}

/// Transcribe a recording
///
/// With `stream`, events `transcript.text.delta`, then `transcript.text.done`.
#[utoipa::path(post, path = "/api/v1/audio/transcriptions", tag = "voice AI",
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "The text",
        content((TranscriptObject = "application/json"), (String = "text/plain"), (StreamEvent = "text/event-stream"))), AiErrors))]
pub async fn transcribe(State(app): State<App>, caller: Caller, mut form: Form) -> Result<Response> {
    let name = app.voice.model(Task::Transcription, form.model.as_deref())?;
    let held = app.hearing.take(form.file.take().unwrap_or_default()).await?;
    let mut measure = Measure::sound(&app, &caller, voice_usage::Task::Transcription, &name);
    let heard = measure.ran(name.listen(&listening(&form, &held)).await)?;
    let engine = measure.engine().to_owned();
    let hearing = Hearing { heard, held, transcript: Transcript::default(), measure };
    if form.streamed {
        return events::respond(hearing.events(), &engine).await;
    }
    let (transcript, seconds) = hearing.whole().await?;
    let mut response = write(&form, &transcript, seconds);
    name_engine(&mut response, &engine);
    Ok(response)
}

fn listening(form: &Form, held: &Held) -> Listening {
    let times = match form.written.unwrap_or(Written::Json) {
        Written::Json | Written::Text => false,
        Written::Srt | Written::Vtt | Written::VerboseJson => true,
    };
    Listening {
        recording: std::sync::Arc::clone(&held.recording),
        language: form.language.clone(),
        prompt: form.prompt.clone(),
        temperature: form.temperature,
        times,
        words: form.words,
        streamed: form.streamed,
    }
}

fn write(form: &Form, transcript: &Transcript, seconds: f64) -> Response {
    match form.written.unwrap_or(Written::Json) {
        Written::Json => Json(transcript.object()).into_response(),
        Written::Text => format!("{}\n", transcript.text()).into_response(),
        Written::Srt => transcript.srt(seconds).into_response(),
        Written::Vtt => transcript.vtt(seconds).into_response(),
        Written::VerboseJson => {
            let segments = form.segments || !form.words;
            Json(transcript.verbose(seconds, segments, form.words)).into_response()
        }
    }
}

/// A transcription under way.
struct Hearing {
    heard: BoxStream<'static, Result<Heard, Fault>>,
    held: Held,
    transcript: Transcript,
    measure: Measure,
}

impl Hearing {
    /// What is new of the text; `None` at the end.
    async fn next(&mut self) -> Option<Result<String, Fault>> {
        match self.heard.next().await {
            Some(Ok(heard)) => {
                let new = self.transcript.add(heard);
                self.measure.heard(self.transcript.reached(self.length()));
                Some(Ok(new))
            }
            Some(Err(fault)) => Some(Err(fault)),
            None => {
                self.measure.heard(self.length());
                None
            }
        }
    }

    fn seconds(&self) -> f64 {
        (self.held.recording.seconds() * 1000.0).round() / 1000.0
    }

    fn length(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds()).unwrap_or_default()
    }

    /// The whole transcript, and the length of the recording.
    async fn whole(mut self) -> Result<(Transcript, f64), Fault> {
        while let Some(new) = self.next().await {
            if let Err(fault) = new {
                self.measure.nothing();
                return Err(fault);
            }
        }
        let seconds = self.seconds();
        Ok((self.transcript, seconds))
    }

    /// The text as it is heard, and once more at the end.
    fn events(self) -> impl Stream<Item = Result<Bytes, Fault>> + Send + Unpin + 'static {
        let one_more = async |hearing: Option<Self>| {
            let mut hearing = hearing?;
            Some(match hearing.next().await {
                Some(Ok(new)) => {
                    let event = event(&json!({"type": "transcript.text.delta", "delta": new}));
                    (Ok(if new.is_empty() { Bytes::new() } else { event }), Some(hearing))
                }
                Some(Err(fault)) => (Err(fault), None),
                None => (Ok(hearing.done()), None),
            })
        };
        let events = stream::unfold(Some(self), one_more);
        let said =
            events.filter(|it| std::future::ready(it.as_ref().map_or(true, |bytes| !bytes.is_empty())));
        said.boxed()
    }

    fn done(&self) -> Bytes {
        let (text, usage) = (self.transcript.text(), events::usage(self.seconds()));
        event(&json!({"type": "transcript.text.done", "text": text, "usage": usage}))
    }
}
