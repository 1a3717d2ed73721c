//! The inner simulated network under `/sim`, for every API key and every session.
//!
//! The network is shared: a phone is a person's, whom any project may write to, and faults are everybody's. So it makes no
//! difference between projects, and whoever reaches these paths sees and does everything there. That is right for one
//! owner's own server, as `agentphone dev` is one, and wrong for a server of several owners: in `serve` these paths and
//! the page Phones are not there unless the setting `sim.open` says so. Pictures that people have sent are, under names
//! that cannot be guessed.

use axum::Router;

use crate::app::App;
use crate::network;

pub fn router(app: &App) -> Router<App> {
    let mut router = Router::new();
    if let Some(inner) = app.phones() {
        router = router.merge(network::router(inner.clone()));
    }
    if let Some(inner) = &app.network {
        router = router.merge(network::public(inner.clone()));
    }
    router.with_state(())
}
