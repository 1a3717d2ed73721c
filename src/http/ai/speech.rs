//! `POST /api/v1/audio/speech`: text becomes sound, which leaves as it comes into being.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::measure::Measure;
use super::sound::Sound;
use super::{events, name_engine};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::answer::{AiErrors, StreamEvent};
use crate::http::extract::{Caller, Snake};
use crate::phone::voice_usage::Task;
use crate::voice::audio::Format;
use crate::voice::events::event;
use crate::voice::{Fault, Utterance};
use crate::words;

/// What may be said at once, in characters.
const LONGEST: usize = 4096;

words! {
    /// The formats of the protocol.
    SpeechFormat {
        Wav = "wav",
        Mp3 = "mp3",
        Opus = "opus",
        Flac = "flac",
        Aac = "aac",
        Pcm = "pcm",
    }
}

words! {
    /// How the sound is sent.
    StreamFormat {
        /// As the bytes of one file.
        Audio = "audio",
        /// As events.
        Sse = "sse",
    }
}

/// What is to be said.
#[derive(Deserialize, ToSchema)]
pub struct SpeechRequest {
    #[schema(min_length = 1, max_length = 4096)]
    input: String,
    /// As `GET /api/v1/voices` lists them.
    voice: String,
    /// orpheus unless configured otherwise.
    model: Option<String>,
    /// wav if absent. pcm is 24 kHz, mono, 16 bits.
    response_format: Option<SpeechFormat>,
    /// 1 if absent.
    #[schema(minimum = 0.25, maximum = 4.0)]
    speed: Option<f32>,
    /// audio if absent.
    stream_format: Option<StreamFormat>,
}

impl SpeechRequest {
    fn utterance(&self) -> Result<Utterance> {
        let length = self.input.chars().count();
        if self.input.trim().is_empty() {
            return Err(Error::field("input", "value", "input must not be empty"));
        }
        if length > LONGEST {
            let message = format!("input may have {LONGEST} characters at most; it has {length}");
            return Err(Error::field("input", "value", message));
        }
        let speed = self.speed.unwrap_or(1.0);
        if !(0.25..=4.0).contains(&speed) {
            return Err(Error::field("speed", "value", "speed must be between 0.25 and 4.0"));
        }
        Ok(Utterance { text: self.input.clone(), voice: self.voice.clone(), speed })
    }

    fn format(&self) -> Result<Format> {
        let wanted = self.response_format.unwrap_or(SpeechFormat::Wav).as_str();
        let refused = || {
            let names = Format::ALL.map(Format::name).join(", ");
            let message = format!("response_format {wanted} cannot be made here; these can: {names}");
            Error::field("response_format", "value", message)
        };
        Format::parse(wanted).ok_or_else(refused)
    }
}

/// Say a text
///
/// The sound comes chunk by chunk. With `stream_format` sse: events `speech.audio.delta`, then `speech.audio.done`.
#[utoipa::path(post, path = "/api/v1/audio/speech", tag = "voice AI", request_body = SpeechRequest,
    responses((status = 200, description = "The sound",
        content((String = "audio/wav"), (String = "audio/mpeg"), (String = "audio/ogg"), (String = "audio/flac"),
            (String = "audio/pcm"), (StreamEvent = "text/event-stream"))), AiErrors))]
pub async fn speak(
    State(app): State<App>,
    caller: Caller,
    Snake(request): Snake<SpeechRequest>,
) -> Result<Response> {
    let (utterance, format) = (request.utterance()?, request.format()?);
    let name = app.voice.speaker(request.model.as_deref(), &utterance.voice)?;
    let mut measure = Measure::sound(&app, &caller, Task::Speech, &name);
    let speech = measure.ran(name.speak(&utterance).await)?;
    let engine = measure.engine().to_owned();
    let sound = Sound::new(speech, format, measure)?;
    match request.stream_format.unwrap_or(StreamFormat::Audio) {
        StreamFormat::Audio => as_file(sound, format, &engine).await,
        StreamFormat::Sse => events::respond(as_events(sound), &engine).await,
    }
}

/// One file, chunk by chunk. What fails after the first chunk breaks the connection: half a file is no file.
async fn as_file(mut sound: Sound, format: Format, engine: &str) -> Result<Response> {
    let first = sound.next().await.transpose()?.unwrap_or_default();
    let rest = stream::unfold(sound, async |mut sound| Some((sound.next().await?, sound)));
    let failed = |fault: Fault| std::io::Error::other(format!("{fault:?}"));
    let rest = rest.map(move |bytes| bytes.map_err(failed));
    let whole = stream::once(async { Ok(first) }).chain(rest);
    let mut response = Response::new(Body::from_stream(whole));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    name_engine(&mut response, engine);
    Ok(response)
}

fn as_events(sound: Sound) -> impl Stream<Item = Result<Bytes, Fault>> + Send + Unpin + 'static {
    let one_more = async |sound: Option<Sound>| {
        let mut sound = sound?;
        Some(match sound.next().await {
            Some(Ok(bytes)) => {
                let audio = BASE64_STANDARD.encode(&bytes);
                (Ok(event(&json!({"type": "speech.audio.delta", "audio": audio}))), Some(sound))
            }
            Some(Err(fault)) => (Err(fault), None),
            None => (Ok(done(&sound)), None),
        })
    };
    stream::unfold(Some(sound), one_more).boxed()
}

fn done(sound: &Sound) -> Bytes {
    let usage = events::usage(sound.length().as_secs_f64());
    event(&json!({"type": "speech.audio.done", "usage": usage}))
}
