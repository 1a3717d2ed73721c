//! The socket: who listens on it, which doors it has, and when the process ends. Each door has a file of its own.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Stdin};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::health::{Health, memory_bytes};
use super::queue::Model;
use super::{Orders, chat, speech, transcriptions};
use crate::clock::Clock;
use crate::id::Ids;
use crate::voice::Fault;

/// The longest request: two hours of sound, and what belongs to it.
const REQUEST: usize = 256 << 20;
/// How much sooner than its parent this process is taken when the machine is out of memory (−1000 to 1000).
const OOM_SCORE: &str = "500";
/// What is under way when the parent ends may take so long.
const FAREWELL: Duration = Duration::from_millis(500);

/// All that the doors may reach.
pub(super) struct House {
    models: BTreeMap<String, Arc<Model>>,
    pub clock: Clock,
    pub ids: Ids,
}

impl House {
    pub fn model(&self, name: &str) -> Result<&Arc<Model>, Fault> {
        self.models.get(name).ok_or_else(|| Fault::Refused {
            code: Some("model_not_found".to_owned()),
            message: format!("There is no model {name:?} here"),
        })
    }
}

/// Serves on `socket` what standard input orders, until standard input ends: then the parent has died or wants it.
pub async fn run(socket: &Path, clock: Clock, ids: Ids) -> anyhow::Result<()> {
    // Not every system has it, and no harm is done where it cannot be written.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = String::new();
    input.read_line(&mut line).await.context("reading the orders")?;
    let orders: Orders = serde_json::from_str(&line).context("reading the orders")?;
    let listener = listen(socket)?;
    let threads = threads(orders.threads);
    let models = orders.models.into_iter();
    let models =
        models.map(|ordered| (ordered.name.clone(), Arc::new(Model::new(ordered, threads)))).collect();
    let house = Arc::new(House { models, clock, ids });
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    if orders.preload {
        tasks.spawn(preload(Arc::clone(&house)));
    }
    let serving = axum::serve(listener, router(house)).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut serving = std::pin::pin!(serving.into_future());
    // The parent waits for this line before it says that the engines are up.
    println!("ready");
    tokio::select! {
        served = &mut serving => served.context("serving")?,
        () = end_of(input) => {}
    }
    stop.cancel();
    let _ = tokio::time::timeout(FAREWELL, serving).await;
    let _ = std::fs::remove_file(socket);
    // Engines may be in the middle of a computation that nobody waits for any more.
    std::process::exit(0)
}

/// Listens for this user's processes only.
fn listen(socket: &Path) -> anyhow::Result<UnixListener> {
    // One that is there was left by a process that was killed: the name holds the parent's number.
    let _ = std::fs::remove_file(socket);
    let listener =
        UnixListener::bind(socket).with_context(|| format!("cannot listen on {}", socket.display()))?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("closing {} to others", socket.display()))?;
    Ok(listener)
}

fn threads(ordered: usize) -> usize {
    if ordered > 0 {
        return ordered;
    }
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    (cores / 2).max(2)
}

async fn preload(house: Arc<House>) {
    for model in house.models.values() {
        model.preload().await;
    }
}

/// Returns at the end of the parent's words.
async fn end_of(mut input: BufReader<Stdin>) {
    let mut buffer = [0; 64];
    while input.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

fn router(house: Arc<House>) -> Router {
    Router::new()
        .route("/v1/audio/transcriptions", post(transcriptions::answer))
        .route("/v1/audio/speech", post(speech::answer))
        .route("/v1/chat/completions", post(chat::answer))
        .route("/v1/models", get(models))
        .route("/health", get(health))
        .layer(DefaultBodyLimit::max(REQUEST))
        .with_state(house)
}

async fn models(State(house): State<Arc<House>>) -> Json<Value> {
    let model = |name| json!({ "id": name, "object": "model", "created": 0, "owned_by": "agentphone" });
    let models: Vec<Value> = house.models.keys().map(model).collect();
    Json(json!({ "object": "list", "data": models }))
}

async fn health(State(house): State<Arc<House>>) -> Json<Health> {
    let models = house.models.values().map(|model| model.health()).collect();
    Json(Health { models, memory_bytes: memory_bytes() })
}

/// A fault as the body of an answer, or as an event of a stream.
pub(super) fn error(fault: &Fault) -> Value {
    let (message, kind, code) = match fault {
        Fault::NotConfigured { setting } => (setting.as_str(), "server_error", Some("not_configured")),
        Fault::Refused { code, message } => (message.as_str(), "invalid_request_error", code.as_deref()),
        Fault::Busy { .. } => {
            ("Too many requests are waiting", "rate_limit_error", Some("rate_limit_exceeded"))
        }
        Fault::Failed { message } => (message.as_str(), "server_error", None),
    };
    json!({ "error": { "message": message, "type": kind, "code": code } })
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotConfigured { .. } | Self::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Refused { .. } => StatusCode::BAD_REQUEST,
            Self::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
        };
        let mut response = (status, Json(error(&self))).into_response();
        if let Self::Busy { seconds } = self {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
