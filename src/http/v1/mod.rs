//! The /v1 door, as the `agentphone` clients speak it. One file per noun.

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
}
