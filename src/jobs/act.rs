//! The job that hands an act to its number's carrier: a reaction, a typing sign, a background, a group's name. It never
//! hands one over twice; what is not known stays unconfirmed.

use crate::app::App;
use crate::db::Tx;
use crate::phone::acts::{self, Handover};
use crate::phone::messages::settle::Settlement;
use crate::queue::Job;

use super::outbound;

/// Hands over and records what became of it.
pub async fn perform(app: &App, job: Job, handover: Handover) {
    let id = handover.id.clone();
    let settlement = match outbound::connection(app, handover.carrier.as_deref()) {
        Ok(connection) => {
            let outcome = connection.carrier.submit(outbound::act(handover)).await;
            outbound::settlement(outcome, app.clock.now(), job.attempt)
        }
        Err(failure) => Settlement::Refused(failure),
    };
    let now = app.clock.now();
    let unit = move |tx: &mut Tx<'_>| acts::settle(tx, now, &job, &id, &settlement);
    if let Err(error) = app.db.record(unit).await {
        tracing::error!(?error, "what became of an act could not be stored");
    }
}
