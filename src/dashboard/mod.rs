//! The dashboard: pages for people, rendered here over the same nouns as the API, one file a page. Every page works
//! without scripts; they only add the reader's time zone, copying, the live phones and trying out voice AI. What the phones
//! do goes over `/sim`, what is tried over `/api/v1`, both with the session instead of a key.
//!
//! A request that changes something must come from a page of ours. That is checked in one place, [`same_origin`], for
//! every form there is and will be; a browser that does not say where a request comes from is refused too.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use self::trouble::Trouble;
use crate::app::App;
use crate::http::extract;

mod agent;
mod agents;
mod assets;
mod carriers;
mod chart;
mod choice;
mod conversation;
mod conversations;
mod deliveries;
mod delivery;
mod endpoint;
mod form;
mod hasher;
mod kept;
mod keys;
mod layout;
mod message;
mod number;
mod numbers;
mod once;
mod overview;
mod paging;
mod parts;
mod password;
mod phones;
mod reference;
mod schema;
mod search;
pub mod session;
mod settings;
mod shown;
mod sign_in;
mod snippets;
mod thread;
mod trouble;
mod usage;
mod voice;

/// Scripts and styles are files of our own; only pictures and films may come from elsewhere: people get them from anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: http: https:; \
                      media-src 'self' blob: http: https:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Every page and its files.
pub fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/", get(overview::show))
        .route("/sign-in", get(sign_in::by_link).post(sign_in::by_password).head(sign_in::untouched))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/password", post(password::set))
        .route("/handset", get(phones::desk))
        .route("/handset/{numbers}", get(phones::desk))
        .merge(nouns())
        .merge(endpoints())
        .route("/voice", get(voice::show))
        .route("/usage", get(usage::show))
        .route("/carriers", get(carriers::show))
        .route("/settings", get(settings::show).post(settings::rename))
        .route("/settings/sessions", post(settings::end_sessions))
        .route("/reference", get(reference::index))
        .route("/reference/{tag}", get(reference::show))
        .route("/assets/{*name}", get(assets::serve))
        .layer(from_fn_with_state(app.clone(), same_origin))
        .layer(map_response(protect))
        .layer(Extension(hasher::Hasher::default()))
        .layer(Extension(reference::Document::default()))
        .with_state(app.clone())
}

/// What a browser gets at an address that names nothing.
pub async fn nowhere() -> Response {
    protect(trouble::nowhere()).await
}

fn nouns() -> Router<App> {
    Router::new()
        .route("/agents", get(agents::list).post(agents::create))
        .route("/agents/{id}", get(agent::show).post(agent::change))
        .route("/agents/{id}/delete", post(agent::delete))
        .route("/agents/{id}/numbers", post(agent::attach))
        .route("/agents/{id}/numbers/{number}/detach", post(agent::detach))
        .route("/numbers", get(numbers::list).post(numbers::buy))
        .route("/numbers/{id}", get(number::show).post(number::change))
        .route("/numbers/{id}/release", post(number::release))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/conversations", get(conversations::list))
        .route("/conversations/{id}", get(conversation::show))
        .route("/conversations/{id}/messages", post(conversation::answer))
        .route("/conversations/{id}/metadata", post(conversation::set_metadata))
        .route("/messages/{id}", get(message::show))
}

fn endpoints() -> Router<App> {
    Router::new()
        .route("/webhooks", get(deliveries::list))
        .route("/webhooks/{delivery}", get(delivery::show))
        .route("/webhooks/{delivery}/replay", post(delivery::replay))
        .route("/endpoints/{owner}", get(endpoint::show).post(endpoint::set))
        .route("/endpoints/{owner}/delete", post(endpoint::delete))
        .route("/endpoints/{owner}/secret", post(endpoint::reveal))
        .route("/endpoints/{owner}/rotate", post(endpoint::rotate))
        .route("/endpoints/{owner}/test", post(endpoint::test))
}

/// Lets nothing change that another site asks for, and nothing be asked for that no database can hold.
async fn same_origin(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let address = request.uri().path_and_query().map_or("", |address| address.as_str());
    if address.contains("%00") {
        return trouble::nowhere();
    }
    if request.method().is_safe() {
        return next.run(request).await;
    }
    // Whole, also where nobody reads it: what is left of it would end the connection.
    let body = match extract::take_in(&mut request, extract::ROOM).await {
        Ok(body) => body,
        Err(error) => return Trouble::from(error).into_response(),
    };
    if !session::is_same_origin(&app, request.headers()) {
        return trouble::foreign();
    }
    let (action, headers) = (request.uri().path().to_owned(), request.headers().clone());
    kept::give_back(next.run(request).await, &action, &headers, &body)
}

async fn protect(mut response: Response) -> Response {
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // To no other site; our own forms need it where browsers tell their origin by it.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        // For the page on which voice AI is tried.
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(self)"),
    ];
    for (field, value) in fields {
        response.headers_mut().insert(field, HeaderValue::from_static(value));
    }
    response
}
