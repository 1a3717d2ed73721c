//! The /api door: messaging by number, flat errors.

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

mod webhooks;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(webhooks::router())
}
