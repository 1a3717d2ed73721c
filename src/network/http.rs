//! The requests under `/sim`. No key is asked for here: the separate program listens on loopback only, and a server
//! with the network inside checks its own keys before it. Errors are `{"error":"Bad Request","message":"…"}`.
//!
//! For the page that shows a phone there are, beyond what tests need: `GET /sim/handsets` (every phone),
//! `GET /sim/handsets/{number}/messages?limit=N` (the newest only), `GET /sim/handsets/{number}/events` (its changes
//! as they happen), `GET /sim/events?handsets=A,B` (the same of several phones, and the list of all of them, in one
//! stream), `GET /sim/groups/{id}`, `GET /sim/faults`, `POST /sim/media` (the bytes of a picture, answered
//! with its `url`), `"answer_once": "…"` in `PUT /sim/handsets/{number}` (the phone answers the next text itself),
//! `"by": "+1…"` in `PATCH /sim/groups/{id}` (who of the group does it, for the `log` that its members read), and
//! `"once": "…"` in `POST /sim/handsets/{number}/messages` (a word of the page's own: sent again under the same word, the
//! same text is answered as it stands, and not said a second time).

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::desk::{Refused, check_phone};
use super::{Network, Stopped, live, media};

/// Every request of people and tests.
pub fn router(network: Network) -> Router {
    Router::new()
        .route("/sim/handsets", get(handsets))
        .route("/sim/handsets/{number}", put(change_handset))
        .route("/sim/handsets/{number}/messages", post(say).get(screen))
        .route("/sim/handsets/{number}/reactions", post(tap))
        .route("/sim/handsets/{number}/read", post(read))
        .route("/sim/handsets/{number}/typing", post(type_to))
        .route("/sim/handsets/{number}/events", get(live::of_one))
        .route("/sim/events", get(live::of_several))
        .route("/sim/groups", post(make_group))
        .route("/sim/groups/{id}", patch(change_group).get(group))
        .route("/sim/faults", put(change_faults).get(faults))
        .route("/sim/ledger", get(ledger))
        .route("/sim/media", post(put_media))
        .method_not_allowed_fallback(|| async {
            flat(StatusCode::BAD_REQUEST, "This path has no such method")
        })
        .layer(DefaultBodyLimit::max(media::LARGEST))
        .with_state(network)
}

/// The attached pictures, which nobody needs a key for: their names cannot be guessed.
pub fn public(network: Network) -> Router {
    Router::new().route("/sim/media/{name}", get(get_media)).with_state(network)
}

/// An error in the flat form.
pub fn flat(status: StatusCode, message: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    (status, axum::Json(json!({ "error": title, "message": message }))).into_response()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Bad(message) => flat(StatusCode::BAD_REQUEST, &message),
            Self::NotFound(message) => flat(StatusCode::NOT_FOUND, &message),
            Self::Stopped => flat(StatusCode::SERVICE_UNAVAILABLE, "The simulated network is stopping"),
            Self::Disk(message) => flat(StatusCode::INTERNAL_SERVER_ERROR, &message),
        }
    }
}

impl From<Stopped> for Refused {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// What every handler answers: JSON or an error.
type Answer = Result<axum::Json<Value>, Refused>;

/// An answer of the state as a response.
fn answer(result: Result<Result<Value, Refused>, Stopped>) -> Answer {
    result?.map(axum::Json)
}

/// Reads a JSON body; an empty one counts as `{}`.
fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    let body = if body.is_empty() { b"{}" } else { body.as_ref() };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = error.path().to_string();
        Refused::Bad(if place == "." {
            error.inner().to_string()
        } else {
            format!("{place}: {}", error.inner())
        })
    })
}

/// A query that was understood.
pub fn sound<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refused> {
    query.map(|Query(query)| query).map_err(|error| Refused::Bad(error.body_text()))
}

async fn handsets(State(network): State<Network>) -> Answer {
    answer(network.run(|core| Ok(core.handsets())).await)
}

async fn change_handset(State(network): State<Network>, Path(number): Path<String>, body: Bytes) -> Answer {
    let change = parse(&body)?;
    answer(network.run(move |core| core.change_handset(&number, change)).await)
}

#[derive(Deserialize)]
struct ScreenQuery {
    limit: Option<usize>,
}

async fn screen(
    State(network): State<Network>,
    Path(number): Path<String>,
    query: Result<Query<ScreenQuery>, QueryRejection>,
) -> Answer {
    let limit = sound(query)?.limit.unwrap_or(usize::MAX);
    answer(network.run(move |core| check_phone(&number).map(|()| core.screen(&number, limit))).await)
}

async fn say(State(network): State<Network>, Path(number): Path<String>, body: Bytes) -> Answer {
    let saying = parse(&body)?;
    answer(network.run(move |core| core.say(&number, saying)).await)
}

#[derive(Deserialize)]
struct Tap {
    message_id: String,
    reaction: Option<String>,
}

async fn tap(State(network): State<Network>, Path(number): Path<String>, body: Bytes) -> Answer {
    let Tap { message_id, reaction } = parse(&body)?;
    answer(network.run(move |core| core.tap(&number, &message_id, reaction)).await)
}

#[derive(Deserialize)]
struct Reading {
    message_id: String,
}

async fn read(State(network): State<Network>, Path(number): Path<String>, body: Bytes) -> Answer {
    let Reading { message_id } = parse(&body)?;
    answer(network.run(move |core| core.read(&number, &message_id)).await)
}

#[derive(Deserialize)]
struct Typing {
    to: String,
}

async fn type_to(State(network): State<Network>, Path(number): Path<String>, body: Bytes) -> Answer {
    let Typing { to } = parse(&body)?;
    answer(network.run(move |core| core.type_to(&number, &to)).await)
}

async fn make_group(State(network): State<Network>, body: Bytes) -> Answer {
    let group = parse(&body)?;
    answer(network.run(move |core| core.make_group(group)).await)
}

async fn change_group(State(network): State<Network>, Path(id): Path<String>, body: Bytes) -> Answer {
    let change = parse(&body)?;
    answer(network.run(move |core| core.change_group(&id, change)).await)
}

async fn group(State(network): State<Network>, Path(id): Path<String>) -> Answer {
    answer(network.run(move |core| core.group(&id)).await)
}

async fn change_faults(State(network): State<Network>, body: Bytes) -> Answer {
    let change = parse(&body)?;
    answer(network.run(move |core| Ok(core.change_faults(change))).await)
}

async fn faults(State(network): State<Network>) -> Answer {
    answer(network.run(|core| Ok(core.faults())).await)
}

#[derive(Deserialize)]
struct LedgerQuery {
    after: Option<usize>,
    limit: Option<usize>,
}

async fn ledger(
    State(network): State<Network>,
    query: Result<Query<LedgerQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let query = sound(query)?;
    let (after, limit) = (query.after.unwrap_or(0), query.limit.unwrap_or(1000).clamp(1, 10_000));
    let page = network.run(move |core| serde_json::to_string(&core.state.ledger.page(after, limit))).await?;
    let page = page.expect("the ledger is plain data");
    Ok(([(header::CONTENT_TYPE, "application/json")], page).into_response())
}

async fn put_media(State(network): State<Network>, headers: HeaderMap, body: Bytes) -> Answer {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let kept = network.shelf.put(text(header::CONTENT_TYPE).unwrap_or_default(), body).await;
    let name = kept.map_err(|error| Refused::Disk(error.to_string()))?;
    let name = name.ok_or_else(|| Refused::Bad("A phone cannot attach this content type".to_owned()))?;
    let host = text(header::HOST).unwrap_or("localhost");
    Ok(axum::Json(json!({ "url": format!("http://{host}/sim/media/{name}") })))
}

async fn get_media(State(network): State<Network>, Path(name): Path<String>) -> Response {
    match network.shelf.get(&name).await {
        Some((kind, bytes)) => {
            let headers = [(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (headers, bytes).into_response()
        }
        None => flat(StatusCode::NOT_FOUND, "No such attachment"),
    }
}
