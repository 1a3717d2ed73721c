//! The doors: /v1, /api, hosted media, the simulated network, the dashboard. Thin: parse, call the noun, render.

use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::dashboard;
use crate::error::{Code, Error, Result};
use crate::http::extract::Caller;
use crate::id::{KeyId, RequestId};

mod acting;
mod ai;
pub mod answer;
pub mod api;
mod auth;
mod delivery;
pub mod extract;
pub mod idempotency;
mod media;
pub mod page;
mod patient;
mod rates;
pub mod sending;
pub mod serve;
mod sim;
pub mod totals;
mod uploads;
pub mod v1;

/// What the `OpenAPI` document says of the whole.
#[derive(OpenApi)]
#[openapi(
    info(title = "AgentPhone", description = "A phone carrier for AI agents.", license(name = "Apache-2.0")),
    components(schemas(answer::AiErrorField, answer::AiErrorObject)),
    modifiers(&BearerKey)
)]
struct Document;

/// Every operation takes an API key.
struct BearerKey;

impl utoipa::Modify for BearerKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        document.security = Some(vec![SecurityRequirement::new("key", [] as [&str; 0])]);
    }
}

fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(v1::router())
        .merge(api::router())
        .merge(ai::router())
}

/// The `OpenAPI` document, as `agentphone openapi` prints it.
pub fn openapi() -> String {
    let document = documented().into_openapi();
    let mut text = document.to_pretty_json().expect("the document is plain data");
    text.push('\n');
    text
}

/// What the outer layer keeps between requests.
#[derive(Clone)]
struct Front {
    app: App,
    remembered: Arc<auth::Remembered>,
    buckets: Arc<rates::Buckets>,
    uploads: uploads::Uploads,
}

/// Every door of `app`.
pub fn router(app: &App) -> Router {
    let (router, document) = documented().split_for_parts();
    let document = document.to_json().expect("the document is plain data");
    let router = router
        .route(
            "/openapi.json",
            axum::routing::get(move || async move { ([("content-type", "application/json")], document) }),
        )
        .route("/healthz", axum::routing::get(|| async { Json(json!({"status": "ok"})) }))
        .route("/readyz", axum::routing::get(ready))
        .merge(media::router())
        .merge(sim::router(app))
        .merge(dashboard::router(app))
        .fallback(unknown)
        .with_state(app.clone());
    let front = Front {
        app: app.clone(),
        remembered: Arc::default(),
        buckets: Arc::default(),
        uploads: uploads::Uploads::default(),
    };
    Router::new().fallback_service(router).layer(middleware::from_fn_with_state(front, front_door))
}

async fn ready(State(app): State<App>) -> Result<Response> {
    app.db.read(|tx| tx.one("SELECT CAST(1 AS BIGINT)", &[], |row| row.get::<i64>(0))).await?;
    let carriers: serde_json::Map<_, _> =
        app.carriers.iter().map(|(name, carrier)| (name.clone(), json!(carrier.is_up()))).collect();
    let all_up = app.carriers.values().all(crate::carriers::Connection::is_up);
    let status = if all_up { 200 } else { 503 };
    let status = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    Ok((status, Json(json!({"database": true, "carriers": carriers}))).into_response())
}

/// Paths of stages that are not built yet.
const LATER: &[&str] = &[
    "/v1/usage",
    "/v1/register",
    "/v1/sub-accounts",
    "/v1/verify",
    "/v0/agent",
    "/v1/feedback",
    "/v1/calls",
    "/v1/sip-trunks",
    "/v1/location",
    "/integrations",
    "/v1/contacts",
];

/// Signing up is how one gets a key.
const WITHOUT_KEY: &[&str] = &["/v0/agent/sign-up", "/v0/agent/verify"];

/// What a later stage brings, on a path that is there already.
async fn later() -> Error {
    Error::refused(Code::NotAvailable, "This part of the API is not available on this server")
}

async fn unknown(request: Request) -> Response {
    let path = request.uri().path();
    let is_later = LATER.iter().any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")))
        || path.ends_with("/calls")
        || path.ends_with("/contact-card");
    if is_later {
        return later().await.into_response();
    }
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if !is_guarded(path) && accepted.is_some_and(|kinds| kinds.contains("text/html")) {
        return dashboard::nowhere().await;
    }
    Error::refused(Code::NotFound, format!("There is nothing at {path}")).into_response()
}

/// Whether what lies at `path` asks for a key.
fn is_guarded(path: &str) -> bool {
    ["/v1", "/v0", "/api", "/integrations", "/sim"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        && !path.starts_with("/sim/media/")
        && !WITHOUT_KEY.contains(&path)
}

/// What every request passes: its id, its key, its rate limit, and the final form of its answer.
async fn front_door(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new(&front.app.ids);
    let path = without_trailing_slash(&mut request);
    let door = answer::Door::of(&path, request.headers());
    let mut left = None;
    let response = if is_guarded(&path) {
        let allowed = guard(&front, &mut request, &path, &mut left).await;
        match take_in(&front, &mut request, &path, allowed).await {
            Ok(_place) => next.run(request).await,
            Err(error) => error.into_response(),
        }
    } else {
        next.run(request).await
    };
    let mut response = answer::shape(response, door, id.as_str());
    if let Some(left) = left {
        left.write(response.headers_mut());
    }
    response
}

/// Takes the body in, whether it is allowed or not. What comes back keeps its place until the request is answered.
async fn take_in(
    front: &Front,
    request: &mut Request,
    path: &str,
    allowed: Result<()>,
) -> Result<Option<OwnedSemaphorePermit>> {
    // What is allowed under /sim may be larger; the network reads it itself.
    if path.starts_with("/sim/") && allowed.is_ok() {
        return Ok(None);
    }
    let room = ai::room(path).filter(|_| allowed.is_ok()).unwrap_or(extract::ROOM);
    let most = request.body().size_hint().upper();
    let place = front.uploads.place(most, room).await?;
    let taken = extract::take_in(request, room).await;
    allowed.and(taken).map(|_| place)
}

async fn guard(
    front: &Front,
    request: &mut Request,
    path: &str,
    left: &mut Option<rates::Left>,
) -> Result<()> {
    let is_sim = path.starts_with("/sim/");
    let guest = if is_sim || ai::is_for_pages(path) {
        dashboard::session::guest(&front.app, request.method(), request.headers()).await?
    } else {
        None
    };
    let caller = match guest {
        Some(_) if is_sim => return Ok(()),
        // All sessions of an account share one rate limit, as if they had a key of their own.
        Some(account) => Caller { key: KeyId::from_text(account.as_str()), account },
        None => auth::authenticate(&front.app, &front.remembered, request.headers()).await?,
    };
    if !is_sim {
        let class = rates::Class::of(request.method(), path);
        *left = front.buckets.take(&front.app.config.rate_limits, &caller.key, class, front.app.clock.now());
    }
    request.extensions_mut().insert(caller);
    left.and_then(|left| left.refusal()).map_or(Ok(()), Err)
}

/// Tolerates slashes at the end of a path without a redirect; answers the path.
fn without_trailing_slash(request: &mut Request) -> String {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return path.to_owned();
    }
    let trimmed = trimmed.to_owned();
    let whole = match request.uri().query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.clone(),
    };
    if let Ok(uri) = whole.parse() {
        *request.uri_mut() = uri;
    }
    trimmed
}
