//! What carriers bring in: texts and group changes are stored in one unit with what else has gathered, receipts by
//! the settler; then each is acknowledged to its carrier. A carrier offers again what was not.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::app::App;
use crate::carriers::{self, Arrival, Inbound, ReceiptState};
use crate::db::{By, Gather, Tx};
use crate::error::Result;
use crate::id::MessageId;
use crate::jobs::deliver_webhook;
use crate::phone::conversations::Member;
use crate::phone::events::Emitter;
use crate::phone::messages::receive::{self, Arrived, ArrivedGroup};
use crate::phone::messages::settle::{Receipt, Report};
use crate::phone::reactions;

/// Stored together at most.
const BATCH: usize = 256;
/// So many may be in line; more are taken from their carriers when these are stored.
const ROOM: usize = 4 * BATCH;
/// How long receipts wait for company.
const COMPANY: Duration = Duration::from_millis(5);

/// Stores what arrives until the carriers are gone. Each lines up in the order in which it came; that it is stored is
/// waited for beside.
pub async fn run(app: App, mut arrivals: mpsc::Receiver<Arrival>) {
    let here = app.clone();
    let store = move |tx: &mut Tx<'_>, all: &[Inbound]| store_all(tx, &here, all);
    let others = Gather::new(app.db.clone(), By::Record, BATCH, usize::MAX, app.tasks.clone(), store);
    let room = Arc::new(Semaphore::new(ROOM));
    let mut gathered = Vec::with_capacity(BATCH);
    while arrivals.recv_many(&mut gathered, BATCH).await > 0 {
        gather_receipts(&mut arrivals, &mut gathered).await;
        let many = u32::try_from(gathered.len()).unwrap_or(u32::MAX);
        let Ok(place) = Arc::clone(&room).acquire_many_owned(many).await else { return };
        let (receipts, texts): (Vec<_>, Vec<_>) = gathered.drain(..).partition(is_receipt);
        let receipts = store_receipts(&app, receipts);
        let texts: Vec<_> = texts.into_iter().map(|text| (others.bring(text.inbound), text.stored)).collect();
        let here = app.clone();
        app.tasks.spawn(async move {
            let _place = place;
            tokio::join!(receipts, acknowledge(here, texts));
        });
    }
}

fn is_receipt(arrival: &Arrival) -> bool {
    matches!(arrival.inbound, Inbound::Receipt(_))
}

/// The receipts are in line when this returns, and stored when what it returns has ended.
fn store_receipts(app: &App, arrivals: Vec<Arrival>) -> impl Future<Output = ()> + use<> {
    let receipt = |arrival: &Arrival| match &arrival.inbound {
        Inbound::Receipt(receipt) => Some(report(&arrival.carrier, receipt)),
        Inbound::Text(_) | Inbound::Reaction { .. } | Inbound::Typing { .. } | Inbound::Group { .. } => None,
    };
    let receipts: Vec<Receipt> = arrivals.iter().filter_map(receipt).collect();
    let stored = (!receipts.is_empty()).then(|| app.settler.report(receipts));
    async move {
        let Some(stored) = stored else { return };
        if stored.await.is_ok() {
            // Who does not wait for it any more will offer it again.
            for arrival in arrivals {
                let _ = arrival.stored.send(None);
            }
        }
    }
}

/// Tells the carriers what is stored, and begins what is to be told of it at once.
async fn acknowledge<S>(app: App, arrivals: Vec<(S, oneshot::Sender<Option<String>>)>)
where
    S: Future<Output = Result<Stored>>,
{
    for (stored, acknowledged) in arrivals {
        match stored.await {
            Ok(Stored { id, directs }) => {
                deliver_webhook::perform_all(&app, directs);
                let _ = acknowledged.send(id.map(|id| id.to_string()));
            }
            Err(error) => tracing::error!(?error, "an arrival could not be stored"),
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

/// What became of one arrival.
struct Stored {
    /// Our id of it.
    id: Option<MessageId>,
    /// What is to be told at once of all that was stored with it, if it was the first of them.
    directs: Vec<deliver_webhook::Direct>,
}

fn store_all(tx: &mut Tx<'_>, app: &App, all: &[Inbound]) -> Result<Vec<Result<Stored>>> {
    let mut emitter = deliver_webhook::emitter(app);
    let ids = all.iter().map(|one| store(tx, app, &mut emitter, one)).collect::<Result<Vec<_>>>()?;
    let mut directs = deliver_webhook::begin(tx, app, emitter)?;
    Ok(ids.into_iter().map(|id| Ok(Stored { id, directs: std::mem::take(&mut directs) })).collect())
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
