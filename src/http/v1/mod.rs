//! The /v1 door, as the `agentphone` clients speak it. One file per noun.

use axum::routing::{any, delete, get, post};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub mod agents;
mod contacts;
mod conversations;
mod events;
pub mod messages;
pub mod numbers;
mod views;
pub mod webhook_tests;
pub mod webhooks;

/// What comes with later stages and would else be taken for an id, or for a method that can never be.
fn later_stages() -> OpenApiRouter<App> {
    use super::later;
    OpenApiRouter::new()
        .route("/v1/agents/voices", any(later))
        .route("/v1/numbers/available", any(later))
        .route("/v1/numbers/lookup", any(later))
        .route("/v1/messages", get(later))
        .route("/v1/messages/{id}", delete(later))
        .route("/v1/messages/{id}/reactions", post(later).delete(later))
        .route("/v1/conversations/{id}", delete(later))
        .route("/v1/conversations/{id}/typing", post(later))
        .route("/v1/conversations/{id}/background", post(later).delete(later))
}

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(later_stages())
        .merge(agents::router())
        .merge(numbers::router())
        .merge(webhooks::router())
        .merge(webhook_tests::router())
        .routes(routes!(messages::send))
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::get, conversations::change))
        .routes(routes!(conversations::messages))
        .routes(routes!(conversations::of_agent))
        .routes(routes!(conversations::of_number))
        .routes(routes!(contacts::capabilities))
        .routes(routes!(events::stream))
}
