//! The /v1 door, as the `agentphone` clients speak it. One file per noun.

use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

mod agents;
mod contacts;
mod conversations;
mod events;
mod messages;
mod numbers;
mod views;
mod webhook_tests;
mod webhooks;

pub fn router() -> OpenApiRouter<App> {
    // What comes with later stages must not be taken for an id.
    let later = ["/v1/agents/voices", "/v1/numbers/available", "/v1/numbers/lookup"];
    let router =
        later.iter().fold(OpenApiRouter::new(), |router, path| router.route(path, any(super::unknown)));
    router
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
