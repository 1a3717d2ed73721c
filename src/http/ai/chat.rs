//! `POST /api/v1/chat/completions`. The caller's object goes to the engine as it came and the engine's answer to the caller
//! likewise; only the model's name is exchanged both ways.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::measure::Measure;
use super::question::{self, Asked};
use super::relay::{Seen, relay, text};
use super::{events, name_engine};
use crate::app::App;
use crate::config::voice::Task;
use crate::error::Result;
use crate::http::answer::{AiErrors, StreamEvent};
use crate::http::extract::{self, Caller, Room};
use crate::voice::{Answer, Fault};

/// Ten thousand messages, or a few pictures within them.
pub const ROOM: Room = Room { bytes: 16 << 20, patience: Duration::from_mins(1) };

/// What a model is asked. Further options of the protocol are passed on to it.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body in the OpenAPI document; `question` reads it")]
pub struct ChatRequest {
    /// As `GET /api/v1/models` lists them; Qwen3-Next-80B unless configured otherwise.
    model: Option<String>,
    #[schema(min_items = 1)]
    messages: Vec<ChatMessage>,
    stream: Option<bool>,
    #[schema(minimum = 0.0, maximum = 2.0)]
    temperature: Option<f64>,
    #[schema(minimum = 0.0, maximum = 1.0)]
    top_p: Option<f64>,
    #[schema(minimum = 1)]
    max_tokens: Option<i64>,
    #[schema(minimum = 1)]
    max_completion_tokens: Option<i64>,
    #[schema(minimum = 1, maximum = 128)]
    n: Option<i64>,
    seed: Option<i64>,
    #[schema(minimum = -2.0, maximum = 2.0)]
    presence_penalty: Option<f64>,
    #[schema(minimum = -2.0, maximum = 2.0)]
    frequency_penalty: Option<f64>,
    logprobs: Option<bool>,
    tools: Option<Vec<Value>>,
    user: Option<String>,
}

/// One message of a conversation.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes the body in the OpenAPI document; `question` reads it")]
pub struct ChatMessage {
    /// user, assistant, system, …
    #[schema(min_length = 1)]
    role: String,
    /// Text, or an array of parts.
    content: Option<Value>,
}

/// What the model answered. Engines add fields of their own.
#[derive(Serialize, ToSchema)]
pub struct Completion {
    id: Option<String>,
    object: Option<String>,
    created: Option<i64>,
    model: Option<String>,
    choices: Option<Vec<Value>>,
    usage: Option<Value>,
}

/// Let a model answer
///
/// With `stream`, server-sent events: one `chat.completion.chunk` each, then `[DONE]`.
#[utoipa::path(post, path = "/api/v1/chat/completions", tag = "voice AI", request_body = ChatRequest,
    responses((status = 200, description = "The answer",
        content((Completion = "application/json"), (StreamEvent = "text/event-stream"))), AiErrors))]
pub async fn chat(State(app): State<App>, caller: Caller, request: Request) -> Result<Response> {
    let body = extract::json_text(request, ROOM.bytes).await?;
    let Asked { model, question, wants_usage } = question::read(&body)?;
    let name = app.voice.model(Task::Chat, model.as_deref())?;
    let mut measure = Measure::time(&app, &caller, &name);
    let Answer { headers, bytes } = measure.ran(name.chat(&question).await)?;
    let engine = measure.engine().to_owned();
    let public = serde_json::to_string(&name.id).expect("a name is text");
    let mut response = if question.streamed {
        events::respond(relay(bytes, public, wants_usage, measure), &engine).await?
    } else {
        whole(bytes, &public, &mut measure).await.inspect_err(|_| measure.nothing())?
    };
    name_engine(&mut response, &engine);
    show(&mut response, headers);
    Ok(response)
}

/// An answer in one piece.
async fn whole(
    mut bytes: BoxStream<'static, Result<Bytes, Fault>>,
    model: &str,
    measure: &mut Measure,
) -> Result<Response> {
    let mut answer = bytes.next().await.transpose()?.unwrap_or_default();
    while let Some(more) = bytes.next().await.transpose()? {
        let mut longer = BytesMut::from(answer);
        longer.extend_from_slice(&more);
        answer = longer.freeze();
    }
    let text = text(&answer)?;
    let seen = Seen::read(text)?;
    measure.used(seen.usage.unwrap_or_default());
    let mut renamed = BytesMut::with_capacity(text.len() + model.len());
    seen.renamed(text, model, &mut renamed);
    let mut response = Response::new(Body::from(renamed.freeze()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Passes on what the engine's server says beside the answer.
fn show(response: &mut Response, headers: Vec<(String, String)>) {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().entry(name).or_insert(value);
        }
    }
}
