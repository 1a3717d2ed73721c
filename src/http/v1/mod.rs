//! The /v1 door, as the `agentphone` clients speak it. One file per noun.

use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

mod agents;
mod numbers;
mod webhooks;

pub fn router() -> OpenApiRouter<App> {
    // What comes with later stages must not be taken for an id.
    let later = ["/v1/agents/voices", "/v1/numbers/available", "/v1/numbers/lookup"];
    let router =
        later.iter().fold(OpenApiRouter::new(), |router, path| router.route(path, any(super::unknown)));
    router.merge(agents::router()).merge(numbers::router()).merge(webhooks::router())
}

#[cfg(test)]
mod tests;
