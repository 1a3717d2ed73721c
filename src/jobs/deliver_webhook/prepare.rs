//! What a claimed delivery needs before it can be posted: its endpoint, and its payload, rendered at the first attempt.
//! All that are claimed together are read and written together.

use std::collections::{HashMap, HashSet};

use super::Attempt;
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{DeliveryId, WebhookId};
use crate::phone::deliveries::{self, Delivery};
use crate::phone::events::{self, Kind};
use crate::phone::payloads::{self, Surroundings};
use crate::phone::webhooks::{self, Webhook};
use crate::phone::{attempts, messages};
use crate::queue::{self, Job};
use crate::signature;

/// A claimed delivery, and its payload once that is known.
struct Due {
    job: Job,
    delivery: Delivery,
    webhook: Webhook,
    payload: Option<String>,
}

/// Renders the payloads of first attempts and counts the attempts. The jobs of deliveries that can never be posted end
/// here.
pub fn prepare(tx: &mut Tx<'_>, app: &App, jobs: Vec<(DeliveryId, Job)>) -> Result<Vec<(Job, Attempt)>> {
    let (mut due, mut over) = find(tx, jobs)?;
    render(tx, &mut due)?;
    let (posted, deleted): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| due.payload.is_some());
    for Due { job, delivery, .. } in deleted {
        attempts::give_up(tx, &delivery.id, "The message was deleted")?;
        over.push(job);
    }
    queue::finish_all(tx, &over.iter().collect::<Vec<_>>())?;
    begin(tx, posted, app.clock.now())
}

/// What is to be posted where, and the jobs for which there is nothing to post.
fn find(tx: &mut Tx<'_>, jobs: Vec<(DeliveryId, Job)>) -> Result<(Vec<Due>, Vec<Job>)> {
    let mut deliveries = deliveries::find_all(tx, jobs.iter().map(|(id, _)| id))?;
    let named: HashSet<&WebhookId> = deliveries.values().map(|(delivery, _)| &delivery.webhook_id).collect();
    let webhooks = webhooks::find_all(tx, named)?;
    let (mut due, mut over) = (Vec::with_capacity(jobs.len()), Vec::new());
    for (id, job) in jobs {
        let Some((delivery, payload)) = deliveries.remove(&id) else {
            over.push(job);
            continue;
        };
        let webhook = webhooks.get(&delivery.webhook_id).filter(|webhook| webhook.url.is_some());
        if let Some(webhook) = webhook.cloned() {
            due.push(Due { job, delivery, webhook, payload });
        } else {
            attempts::give_up(tx, &id, "The webhook was removed")?;
            over.push(job);
        }
    }
    Ok((due, over))
}

/// Gives those their payload that have none yet; where the message is gone there is none.
fn render(tx: &mut Tx<'_>, due: &mut [Due]) -> Result<()> {
    let first = || due.iter().map(|due| (due.payload.is_none(), &due.delivery)).filter(|(first, _)| *first);
    let named: HashSet<_> = first().filter_map(|(_, delivery)| delivery.message_id.as_ref()).collect();
    let messages = messages::find_all(tx, named)?;
    let v1 = first().filter(|(_, delivery)| delivery.kind != Kind::MessageInbound);
    let events = events::find_all(tx, v1.map(|(_, delivery)| &delivery.event_id).collect::<HashSet<_>>())?;
    let surroundings =
        if events.is_empty() { Surroundings::default() } else { Surroundings::of(tx, messages.values())? };
    for Due { delivery, webhook, payload, .. } in due.iter_mut().filter(|due| due.payload.is_none()) {
        let message = delivery.message_id.as_ref().and_then(|id| messages.get(id));
        *payload = match (message, events.get(&delivery.event_id)) {
            (Some(message), _) if delivery.kind == Kind::MessageInbound => {
                Some(signature::with_signature(&webhook.secret, &payloads::number_payload(message)))
            }
            (Some(message), Some(event)) => {
                let history = webhook.context_limit;
                Some(payloads::payload(tx, &surroundings, delivery.kind, message, event, history)?)
            }
            (Some(_), None) | (None, _) => None,
        };
    }
    Ok(())
}

fn begin(tx: &mut Tx<'_>, posted: Vec<Due>, now: Time) -> Result<Vec<(Job, Attempt)>> {
    let sent: Vec<(&DeliveryId, &str)> =
        posted.iter().map(|due| (&due.delivery.id, due.payload.as_deref().unwrap_or_default())).collect();
    let numbers: HashMap<DeliveryId, i64> = attempts::begin_all(tx, &sent, now)?;
    let attempt = |due: Due| {
        let Due { job, delivery, webhook, payload } = due;
        let attempt = Attempt {
            number: numbers.get(&delivery.id).copied().unwrap_or(1),
            delivery: delivery.id,
            webhook,
            kind: delivery.kind,
            message: delivery.message_id,
            test: delivery.test,
            payload: payload.unwrap_or_default(),
        };
        (job, attempt)
    };
    Ok(posted.into_iter().map(attempt).collect())
}
