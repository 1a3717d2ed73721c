//! The door of voice AI, /api/v1, which the clients of `OpenAI` open with only the base URL changed. It checks, asks the
//! table of models who answers, gives the answer its form and leaves what it used to the meter. It does no work of a model.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::{Code, Error};
use crate::http::extract::Room;
use crate::voice::Fault;
use crate::voice::table::Unknown;

mod chat;
mod events;
mod fields;
mod form;
mod measure;
mod models;
mod question;
mod relay;
mod sound;
mod speech;
mod transcript;
mod transcriptions;
mod voices;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(transcriptions::transcribe))
        .routes(routes!(speech::speak))
        .routes(routes!(chat::chat))
        .routes(routes!(models::list))
        .routes(routes!(models::find))
        .routes(routes!(voices::list))
}

/// The paths whose bodies may be larger than elsewhere.
pub fn room(path: &str) -> Option<Room> {
    match path {
        "/api/v1/chat/completions" => Some(chat::ROOM),
        "/api/v1/audio/transcriptions" => Some(transcriptions::ROOM),
        _ => None,
    }
}

/// What a page of the dashboard may ask with its session instead of a key.
pub fn is_for_pages(path: &str) -> bool {
    matches!(path, "/api/v1/audio/transcriptions" | "/api/v1/audio/speech" | "/api/v1/chat/completions")
}

impl From<Unknown> for Error {
    fn from(unknown: Unknown) -> Self {
        let code = match unknown {
            Unknown::Model { .. } => Code::ModelNotFound,
            Unknown::Voice { .. } => Code::VoiceNotFound,
            Unknown::Unspoken { .. } => Code::VoiceNotAvailable,
        };
        Self::refused(code, unknown.to_string())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotConfigured { setting } => {
                Self::refused(Code::Backend, format!("No engine is configured for this model: set {setting}"))
            }
            Fault::Refused { code, message } => match code.as_deref() {
                Some("context_length_exceeded") => Self::refused(Code::ContextLengthExceeded, message),
                Some("invalid_audio") => Self::refused(Code::InvalidAudio, message),
                _ => Self::field("", "value", message),
            },
            Fault::Busy { seconds } => Self::Later {
                code: Code::RateLimitExceeded,
                message: format!("The engine is busy; try again in {seconds} s"),
                seconds,
            },
            Fault::Failed { message } => Self::refused(Code::Backend, message),
        }
    }
}

/// Says what really ran.
fn name_engine(response: &mut Response, label: &str) {
    if let Ok(label) = HeaderValue::from_bytes(label.as_bytes()) {
        response.headers_mut().insert("x-agentphone-engine", label);
    }
}

/// What keeps every event of a stream from being held back on its way.
fn unbuffered(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}
