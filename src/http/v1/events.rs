//! `GET /v1/events/stream`: the account's events as they happen, each as a delivery of a webhook would be. An
//! addition of ours, for `agentphone listen`: a program behind a router needs no public URL to try its webhooks.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Code, Error, Place, Result};
use crate::http::answer::{Errors, StreamEvent};
use crate::http::extract::{Caller, Query};
use crate::id::{EventId, ListenerId};
use crate::phone::events::Kind;
use crate::phone::listeners;
use crate::signature::Secret;

use follow::Follower;

mod follow;

/// Shows a client that nothing happened, rather than that nobody is there any more.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that wait for a slow client, each up to 100 KB; the others wait in the database.
const AHEAD: usize = 4;
/// What a caller with too many streams is told to wait, in seconds: one that left may be noticed by then.
const LATER: u64 = 5;

/// What to follow.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Wish {
    /// Names of events, with commas between them; all events of account and agent webhooks if absent.
    /// `message.inbound` is what a number's own webhook gets.
    events: Option<String>,
}

/// Follow events as they happen
///
/// Server-sent events. `ready` comes first: `{"secret"}`, which signs what follows. Then one `event` for each:
/// `{"id","headers","body"}`, to be posted as it is. A `Last-Event-ID` continues after that event. At most 32
/// streams of an account are open at a time, and 1,024 of all accounts: 429. A stream ends when its key is revoked.
#[utoipa::path(get, path = "/v1/events/stream", tag = "events",
    params(Wish, ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, body = StreamEvent, content_type = "text/event-stream"), Errors))]
pub async fn stream(
    State(app): State<App>,
    caller: Caller,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Result<Response> {
    let wanted = wish.events.as_deref().map(kinds).transpose()?;
    // Its stream is woken from here on; only then it is looked what there is.
    let seat = app.followed.seat(&caller.account).ok_or_else(too_many)?;
    let (id, fresh, now) = (ListenerId::new(&app.ids), Secret::new(&app.ids), app.clock.now());
    let begin = move |tx: &mut crate::db::Tx<'_>| listeners::begin(tx, &id, &caller.account, &fresh, now);
    let listener = app.db.write(begin).await?;
    let follower =
        Follower::begin(app.clone(), listener, caller.key, wanted, last_event(&headers), seat).await?;
    let (frames, ahead) = mpsc::channel(AHEAD);
    app.tasks.spawn(follower.run(frames));
    let frames = futures_util::stream::unfold(ahead, async |mut ahead: mpsc::Receiver<sse::Event>| {
        let frame = ahead.recv().await?;
        Some((Ok::<_, Infallible>(frame), ahead))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    Ok(Sse::new(frames).keep_alive(heartbeat).into_response())
}

fn too_many() -> Error {
    Error::Later {
        code: Code::RateLimitExceeded,
        message: format!("Too many streams of events are open; try again in {LATER} s"),
        seconds: LATER,
    }
}

fn kinds(list: &str) -> Result<Vec<Kind>> {
    let kind = |name: &str| {
        let unknown =
            || Error::at(Place::Query, "events", "value", format!("There is no event named {name:?}"));
        Kind::parse(name.trim()).ok_or_else(unknown)
    };
    list.split(',').map(kind).collect()
}

/// After which event a client wants to go on. Anything but an event's id is taken for no wish.
fn last_event(headers: &HeaderMap) -> Option<EventId> {
    let text = headers.get("last-event-id")?.to_str().ok()?;
    text.starts_with(EventId::PREFIX).then(|| EventId::from_text(text))
}
