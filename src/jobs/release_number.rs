//! A number whose time is over was released; its carrier is told, once, as well as can be.

use crate::app::App;
use crate::db::Tx;
use crate::phone::numbers::Number;
use crate::queue::{self, Job};
use crate::stock;

pub async fn perform(app: &App, job: Job, number: Number) {
    stock::tell_released(app, &number.carrier, &number.e164);
    if let Err(error) = app.db.record(move |tx: &mut Tx<'_>| queue::finish(tx, &job)).await {
        tracing::error!(?error, "the release of a number could not be ended");
    }
}
