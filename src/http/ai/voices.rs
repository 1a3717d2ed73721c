//! `GET /api/v1/voices`: who can be heard.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::answer::AiErrors;
use crate::http::extract::Caller;
use crate::voice::table::ListedVoice;

/// A voice.
#[derive(Serialize, ToSchema)]
pub struct Voice {
    id: String,
    name: String,
    /// ISO 639-1; null where it is not known.
    #[schema(required)]
    language: Option<String>,
    /// What really speaks with it; null: nothing does.
    #[schema(required)]
    engine: Option<String>,
    available: bool,
}

impl From<&ListedVoice> for Voice {
    fn from(voice: &ListedVoice) -> Self {
        let mut letters = voice.id.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        Self {
            id: voice.id.clone(),
            name: first.chain(letters).collect(),
            language: voice.language.clone(),
            engine: voice.engine.clone(),
            available: voice.engine.is_some(),
        }
    }
}

/// All voices.
#[derive(Serialize, ToSchema)]
pub struct Voices {
    voices: Vec<Voice>,
}

/// List voices
#[utoipa::path(get, path = "/api/v1/voices", tag = "voice AI",
    responses((status = 200, description = "The voices", body = Voices), AiErrors))]
pub async fn list(State(app): State<App>, _: Caller) -> Json<Voices> {
    Json(Voices { voices: app.voice.voices().iter().map(Voice::from).collect() })
}
