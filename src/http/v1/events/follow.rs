//! One stream of events: looks what was stored since, renders and signs it, and hands it to the connection. It
//! ends with its client, its key or the server, and holds a few events at a time however many wait.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axum::response::sse;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::app::{App, Seat};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{DeliveryId, EventId, KeyId};
use crate::jobs::deliver_webhook;
use crate::phone::events::{self, Event, Kind};
use crate::phone::listeners::{self, Listener};
use crate::phone::payloads::{self, Surroundings};
use crate::phone::{keys, media, messages};
use crate::signature;

/// Events read at a time.
const PAGE: i64 = 50;
/// Where other processes commit too, an event may become visible after a later one. It is looked for so long.
const OVERLAP: Duration = Duration::from_secs(3);
/// Events remembered against telling one twice.
const REMEMBERED: usize = 10_000;
/// The stream's row is renewed, and its key looked at, this often.
const RENEWED: Duration = Duration::from_secs(10);
/// A client that takes nothing for so many renewals is gone.
const PATIENCE: usize = 6;
/// A missed call costs this much.
const POLL: Duration = Duration::from_secs(1);
/// How often it is looked whether an attachment has arrived.
const MEDIA_POLL: Duration = Duration::from_millis(100);
/// How much history an event carries: what a webhook gets that does not say.
const HISTORY: i64 = 10;
/// What calls a program in place of the server, as the server would.
const USER_AGENT: &str = "AgentPhone-Webhooks/1";

/// The stream is over: the client has left, its key was revoked, or the server stops.
struct Over;

pub struct Follower {
    app: App,
    listener: Listener,
    /// What opened the stream, and may be revoked while it is open.
    key: KeyId,
    wanted: Option<Vec<Kind>>,
    seat: Seat,
    /// Everything up to here is done with.
    cursor: EventId,
    /// What was seen after `cursor`, and when it happened.
    seen: BTreeMap<EventId, Time>,
    pending: VecDeque<Event>,
    /// Whether the last look left something.
    more: bool,
    renewed: Time,
}

/// What became of an event: the bodies to post, if it is time for them.
enum Rendered {
    Bodies(Vec<(Kind, String)>),
    /// Its attachments are still being fetched.
    Later,
}

impl Follower {
    /// Follows on from `last`, or from now.
    pub async fn begin(
        app: App,
        listener: Listener,
        key: KeyId,
        wanted: Option<Vec<Kind>>,
        last: Option<EventId>,
        seat: Seat,
    ) -> Result<Self> {
        let account = listener.account.clone();
        let last = last.unwrap_or_else(|| EventId::from_text("evt_z"));
        let before = app.db.read(move |tx| events::up_to(tx, &account, &last, PAGE)).await?;
        let oldest = before.last().filter(|_| before.len() == usize::try_from(PAGE).unwrap_or(0));
        let cursor = oldest.map_or_else(|| EventId::from_text("evt_0"), |event| event.id.clone());
        let seen = before.into_iter().map(|event| (event.id, event.at)).collect();
        let renewed = app.clock.now();
        let pending = VecDeque::new();
        Ok(Self { app, listener, key, wanted, seat, cursor, seen, pending, more: true, renewed })
    }

    pub async fn run(mut self, frames: mpsc::Sender<sse::Event>) {
        let last = self.seen.last_key_value().map_or(&self.cursor, |(id, _)| id);
        let secret = json!({ "secret": self.listener.secret.expose() });
        let ready = sse::Event::default().id(last.as_str()).event("ready").data(secret.to_string());
        let mut told = self.push(&frames, ready).await;
        while told.is_ok() {
            told = match self.round(&frames).await {
                Ok(told) => told,
                Err(error) => {
                    tracing::debug!(?error, "a stream of events looks again soon");
                    self.more = false;
                    if !error.is_storage() {
                        // One that cannot be told must not keep back the others.
                        self.pending.pop_front();
                    }
                    Ok(())
                }
            };
            if told.is_ok() && !self.more {
                told = self.rest(&frames).await;
            }
        }
    }

    /// Looks once and tells what there is.
    async fn round(&mut self, frames: &mpsc::Sender<sse::Event>) -> Result<Result<(), Over>> {
        self.more = false;
        if self.renew().await?.is_err() {
            return Ok(Err(Over));
        }
        if self.pending.is_empty() {
            self.look().await?;
        }
        while let Some(event) = self.pending.front().cloned() {
            let Rendered::Bodies(bodies) = self.render(&event).await? else {
                self.more = false;
                return Ok(Ok(()));
            };
            let last = bodies.len().saturating_sub(1);
            for (index, (kind, body)) in bodies.into_iter().enumerate() {
                let frame = self.frame(kind, &body);
                // An event that is told twice over counts as told with its last telling.
                let frame = if index == last { frame.id(event.id.as_str()) } else { frame };
                if self.push(frames, frame).await.is_err() {
                    return Ok(Err(Over));
                }
            }
            self.pending.pop_front();
        }
        Ok(Ok(()))
    }

    /// Reads on until there is something new, or nothing at all.
    async fn look(&mut self) -> Result<()> {
        let mut from = self.cursor.clone();
        while self.pending.is_empty() {
            let (account, after) = (self.listener.account.clone(), from.clone());
            let page = self.app.db.read(move |tx| events::after(tx, &account, &after, PAGE)).await?;
            let Some(last) = page.last() else { break };
            from = last.id.clone();
            self.more = page.len() == usize::try_from(PAGE).unwrap_or(0);
            for event in page {
                if self.seen.insert(event.id.clone(), event.at).is_none() {
                    self.pending.push_back(event);
                }
            }
            if !self.more {
                break;
            }
        }
        self.forget();
        Ok(())
    }

    /// Moves the cursor over what no other process can still put something before.
    fn forget(&mut self) {
        let overlap = if self.app.db.is_shared() { OVERLAP } else { Duration::ZERO };
        let settled = self.app.clock.now() - overlap;
        while let Some((id, at)) = self.seen.first_key_value() {
            if *at > settled && self.seen.len() <= REMEMBERED {
                break;
            }
            self.cursor = id.clone();
            self.seen.pop_first();
        }
    }

    async fn render(&self, event: &Event) -> Result<Rendered> {
        let forms = self.forms(event.kind);
        let deadline = event.at + Duration::from_secs(self.app.config.media.wait_seconds);
        let waits = event.kind == Kind::AgentMessage && self.app.clock.now() < deadline;
        if forms.is_empty() {
            return Ok(Rendered::Bodies(Vec::new()));
        }
        let (event, secret) = (event.clone(), self.listener.secret.clone());
        let unit = move |tx: &mut Tx<'_>| {
            let Some(id) = &event.message_id else { return Ok(Rendered::Bodies(Vec::new())) };
            if waits && media::is_awaited(tx, id)? {
                return Ok(Rendered::Later);
            }
            let Some(message) = messages::find(tx, id)? else { return Ok(Rendered::Bodies(Vec::new())) };
            let surroundings = Surroundings::of(tx, std::iter::once(&message))?;
            let body = |kind: &Kind| {
                if *kind == Kind::MessageInbound {
                    return Ok((
                        *kind,
                        signature::with_signature(&secret, &payloads::number_payload(&message)),
                    ));
                }
                Ok((*kind, payloads::payload(tx, &surroundings, *kind, &message, &event, HISTORY)?))
            };
            forms.iter().map(body).collect::<Result<_>>().map(Rendered::Bodies)
        };
        self.app.db.read(unit).await
    }

    /// As what an event of this kind is told.
    fn forms(&self, kind: Kind) -> Vec<Kind> {
        let Some(wanted) = &self.wanted else { return vec![kind] };
        let inbound = (kind == Kind::AgentMessage).then_some(Kind::MessageInbound);
        std::iter::once(kind).chain(inbound).filter(|kind| wanted.contains(kind)).collect()
    }

    fn frame(&self, kind: Kind, body: &str) -> sse::Event {
        let (id, secret, now) = (DeliveryId::new(&self.app.ids), &self.listener.secret, self.app.clock.now());
        let secrets = (secret, std::slice::from_ref(secret));
        let mut headers: Map<String, Value> =
            deliver_webhook::signed(kind, &id, secrets, now, body.as_bytes())
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::String(value)))
                .collect();
        headers.insert("user-agent".to_owned(), json!(USER_AGENT));
        let data = json!({ "id": id, "headers": headers, "body": body });
        sse::Event::default().event("event").data(data.to_string())
    }

    /// Hands a frame to the connection, for as long as that may still be alive.
    async fn push(&mut self, frames: &mpsc::Sender<sse::Event>, frame: sse::Event) -> Result<(), Over> {
        let stop = self.app.stop.clone();
        for _ in 0..PATIENCE {
            // A client that takes little at a time keeps a round going for long; a database that is away ends nothing.
            self.renew().await.unwrap_or(Ok(()))?;
            let room = tokio::select! {
                room = tokio::time::timeout(RENEWED, frames.reserve()) => room,
                () = stop.cancelled() => return Err(Over),
            };
            match room {
                Ok(Ok(room)) => {
                    room.send(frame);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(Over),
                Err(_) => {}
            }
        }
        Err(Over)
    }

    /// Keeps the row up now and then, for as long as the key is in use.
    async fn renew(&mut self) -> Result<Result<(), Over>> {
        let now = self.app.clock.now();
        if now < self.renewed + RENEWED {
            return Ok(Ok(()));
        }
        let (listener, key) = (self.listener.clone(), self.key.clone());
        let unit = move |tx: &mut Tx<'_>| {
            if !keys::is_in_use(tx, &key)? {
                return Ok(Err(Over));
            }
            listeners::keep(tx, &listener, now).map(Ok)
        };
        let kept = self.app.db.write(unit).await?;
        self.renewed = now;
        Ok(kept)
    }

    /// Returns when it is time to look again.
    async fn rest(&mut self, frames: &mpsc::Sender<sse::Event>) -> Result<(), Over> {
        let account = self.listener.account.as_str();
        let poll = if self.pending.is_empty() { POLL } else { MEDIA_POLL };
        let woken = async {
            loop {
                match self.seat.woken.recv().await {
                    Ok(woken) if woken == account => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = woken => Ok(()),
            () = tokio::time::sleep(poll) => Ok(()),
            () = frames.closed() => Err(Over),
            () = self.app.stop.cancelled() => Err(Over),
        }
    }
}
