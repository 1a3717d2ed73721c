//! The /v1 door, as the `agentphone` clients speak it. One file per noun.

use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub mod agents;
mod backgrounds;
mod contacts;
mod conversations;
mod erase;
mod events;
pub mod messages;
pub mod numbers;
mod reactions;
mod search;
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
}

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(later_stages())
        .merge(agents::router())
        .merge(numbers::router())
        .merge(webhooks::router())
        .merge(webhook_tests::router())
        .routes(routes!(messages::send, search::search))
        .routes(routes!(erase::delete_message))
        .routes(routes!(reactions::add, reactions::remove))
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::get, conversations::change, erase::delete_conversation))
        .routes(routes!(conversations::messages))
        .routes(routes!(backgrounds::typing))
        .routes(routes!(backgrounds::set, backgrounds::get, backgrounds::remove))
        .routes(routes!(conversations::of_agent))
        .routes(routes!(conversations::of_number))
        .routes(routes!(contacts::capabilities))
        .routes(routes!(events::stream))
}
