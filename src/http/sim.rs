//! The inner simulated network under `/sim`, with an API key; where there is none, these paths are not there.

use axum::Router;

use crate::app::App;
use crate::network;

pub fn router(app: &App) -> Router<App> {
    match &app.network {
        Some(inner) => network::router(inner.clone()).merge(network::public(inner.clone())).with_state(()),
        None => Router::new(),
    }
}
