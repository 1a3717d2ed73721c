//! The /api door: messaging by number, flat errors.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

mod send;
mod webhook_test;
pub mod webhooks;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(webhooks::router())
        .routes(routes!(send::send))
        .routes(routes!(webhook_test::test))
}
