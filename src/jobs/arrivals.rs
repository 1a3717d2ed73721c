//! What carriers bring in: texts and group changes are stored in one unit with what else has gathered, receipts by
//! the settler; then each is acknowledged to its carrier. A carrier offers again what was not.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::app::App;
use crate::carriers::{self, Arrival, Inbound, ReceiptState};
use crate::db::Tx;
use crate::error::Result;
use crate::id::MessageId;
use crate::jobs::deliver_webhook;
use crate::phone::conversations::Member;
use crate::phone::events::Emitter;
use crate::phone::messages::receive::{self, Arrived, ArrivedGroup};
use crate::phone::messages::settle::{Receipt, Report};
use crate::phone::reactions;

/// Stored together at most.
const BATCH: usize = 128;
/// How long receipts wait for company.
const COMPANY: Duration = Duration::from_millis(5);

/// Stores what arrives until the carriers are gone.
pub async fn run(app: App, mut arrivals: mpsc::Receiver<Arrival>) {
    let mut gathered = Vec::with_capacity(BATCH);
    while arrivals.recv_many(&mut gathered, BATCH).await > 0 {
        gather_receipts(&mut arrivals, &mut gathered).await;
        let (receipts, others): (Vec<_>, Vec<_>) = gathered.drain(..).partition(is_receipt);
        tokio::join!(store_receipts(&app, receipts), store_others(&app, others));
    }
}

fn is_receipt(arrival: &Arrival) -> bool {
    matches!(arrival.inbound, Inbound::Receipt(_))
}

async fn store_receipts(app: &App, arrivals: Vec<Arrival>) {
    let receipt = |arrival: &Arrival| match &arrival.inbound {
        Inbound::Receipt(receipt) => Some(report(&arrival.carrier, receipt)),
        Inbound::Text(_) | Inbound::Reaction { .. } | Inbound::Typing { .. } | Inbound::Group { .. } => None,
    };
    let receipts: Vec<Receipt> = arrivals.iter().filter_map(receipt).collect();
    if !receipts.is_empty() && app.settler.report(receipts).await.is_ok() {
        // Who does not wait for it any more will offer it again.
        for arrival in arrivals {
            let _ = arrival.stored.send(None);
        }
    }
}

async fn store_others(app: &App, arrivals: Vec<Arrival>) {
    if arrivals.is_empty() {
        return;
    }
    let (inbound, stored): (Vec<_>, Vec<_>) =
        arrivals.into_iter().map(|arrival| (arrival.inbound, arrival.stored)).unzip();
    let unit = inbound.clone();
    let here = app.clone();
    match app.db.record(move |tx: &mut Tx<'_>| store_all(tx, &here, &unit)).await {
        Ok((ids, directs)) => {
            deliver_webhook::perform_all(app, directs);
            stored
                .into_iter()
                .zip(ids)
                .for_each(|(stored, id)| drop(stored.send(id.map(|id| id.to_string()))));
        }
        Err(error) => {
            tracing::error!(?error, "a batch of arrivals could not be stored; trying one by one");
            one_by_one(app, inbound, stored).await;
        }
    }
}

/// Receipts alone are nobody's hurry: they wait a moment for company, so that they do not cost the texts that are
/// being sent a flush of their own. Anything else that comes ends the wait.
async fn gather_receipts(arrivals: &mut mpsc::Receiver<Arrival>, gathered: &mut Vec<Arrival>) {
    let until = tokio::time::Instant::now() + COMPANY;
    while gathered.len() < BATCH && gathered.iter().all(is_receipt) {
        match tokio::time::timeout_at(until, arrivals.recv_many(gathered, BATCH)).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

async fn one_by_one(
    app: &App,
    inbound: Vec<Inbound>,
    stored: Vec<tokio::sync::oneshot::Sender<Option<String>>>,
) {
    for (inbound, stored) in inbound.into_iter().zip(stored) {
        let here = app.clone();
        let unit = move |tx: &mut Tx<'_>| store(tx, &here, &mut Emitter::default(), &inbound);
        match app.db.record(unit).await {
            Ok(id) => drop(stored.send(id.map(|id| id.to_string()))),
            Err(error) => tracing::error!(?error, "an arrival could not be stored"),
        }
    }
}

/// Our ids of what arrived, and what is to be told of it at once.
type Stored = (Vec<Option<MessageId>>, Vec<deliver_webhook::Direct>);

fn store_all(tx: &mut Tx<'_>, app: &App, batch: &[Inbound]) -> Result<Stored> {
    let mut emitter = deliver_webhook::emitter(app);
    let ids =
        batch.iter().map(|inbound| store(tx, app, &mut emitter, inbound)).collect::<Result<Vec<_>>>()?;
    Ok((ids, deliver_webhook::begin(tx, app, emitter)?))
}

fn store(tx: &mut Tx<'_>, app: &App, emitter: &mut Emitter, inbound: &Inbound) -> Result<Option<MessageId>> {
    let now = app.clock.now();
    match inbound {
        Inbound::Text(text) => {
            let wait = Duration::from_secs(app.config.media.wait_seconds);
            let arrived = Arrived {
                provider_id: text.provider_id.clone(),
                from: text.from.clone(),
                to: text.to.clone(),
                group: text.group.as_ref().map(group),
                channel: text.channel,
                body: text.body.clone(),
                media_urls: text.media_urls.clone(),
                reply_to: text.reply_to.clone(),
                media_deadline: now + wait,
            };
            receive::receive(tx, &app.ids, &app.lines, emitter, now, &arrived)
        }
        Inbound::Group { to, group: seen } => {
            receive::group_changed(tx, &app.ids, now, to, &group(seen))?;
            Ok(None)
        }
        Inbound::Reaction { provider_id, from, to, group: within, message_id, reaction, at } => {
            let arrived = reactions::Arrived {
                provider_id: provider_id.clone(),
                from: from.clone(),
                to: to.clone(),
                group: within.as_ref().map(group),
                message_id: message_id.clone(),
                reaction: reaction.clone(),
                at: *at,
            };
            reactions::receive(tx, &app.ids, emitter, now, &arrived)?;
            Ok(None)
        }
        // No event tells of a person who types; it is acknowledged and let go. Receipts go another way.
        Inbound::Typing { .. } | Inbound::Receipt(_) => Ok(None),
    }
}

fn group(group: &carriers::Group) -> ArrivedGroup {
    ArrivedGroup {
        provider_id: group.provider_id.clone(),
        name: group.name.clone(),
        members: group
            .members
            .iter()
            .map(|member| Member { identifier: member.identifier.clone(), name: member.name.clone() })
            .collect(),
    }
}

fn report(carrier: &Arc<str>, receipt: &carriers::Receipt) -> Receipt {
    Receipt {
        carrier: Arc::clone(carrier),
        message_id: receipt.message_id.clone().map(MessageId::from_text),
        provider_id: receipt.provider_id.clone(),
        report: match &receipt.state {
            ReceiptState::Delivered => Report::Delivered,
            ReceiptState::Read => Report::Read,
            ReceiptState::Failed(failure) => Report::Failed(failure.clone()),
        },
        channel: receipt.channel,
        at: receipt.at,
    }
}
