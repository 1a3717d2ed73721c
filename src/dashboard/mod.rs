//! The dashboard: pages for people, rendered here. For now that is signing in and the phones of the simulated
//! network. The pages ask the network over `/sim`, as everybody else does, with the session instead of a key.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};

use crate::app::App;

mod assets;
mod layout;
mod phones;
pub mod session;
mod sign_in;

/// Scripts and styles are files of our own; only pictures and films may come from elsewhere: people get them from anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: http: https:; \
                      media-src 'self' http: https:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Every page and its files.
pub fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/", get(sign_in::home))
        .route("/sign-in", get(sign_in::sign_in).head(sign_in::untouched))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/handset", get(phones::desk))
        .route("/handset/{numbers}", get(phones::desk))
        .route("/assets/{*name}", get(assets::serve))
        .layer(map_response(protect))
        .with_state(app.clone())
}

async fn protect(mut response: Response) -> Response {
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (field, value) in fields {
        response.headers_mut().insert(field, HeaderValue::from_static(value));
    }
    response
}
