//! The changes of phones as they happen, as server-sent events. A page with several phones on it uses one stream for
//! all of them: a browser keeps only a few connections to a server.

use std::convert::Infallible;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::select_all;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Network;
use super::desk::{Refused, check_phone};
use super::http::sound;
use super::ledger::Name;
use super::watch::Sight;

/// How many phones one stream follows at most.
const MOST: usize = 16;

/// `message`, `thread` and `handset` with the changed thing; `lost` when some were missed.
pub async fn of_one(State(network): State<Network>, Path(number): Path<String>) -> Result<Response, Refused> {
    check_phone(&number)?;
    let sights = network.run(move |core| core.watchers.watch(&mut core.state, &number)).await?;
    let events = changes(sights).map(|change| match change {
        Some(sight) => Event::default().event(sight.event).data(sight.data),
        None => Event::default().event("lost").data("{}"),
    });
    Ok(respond(events))
}

#[derive(Deserialize)]
pub struct Wanted {
    /// Numbers, with commas between them.
    #[serde(default)]
    handsets: String,
}

/// The same events of the wanted phones, and `handset` of every phone there is. Each says under `handset` whose it
/// is and under `data` what changed; `lost` without a number means the list of phones.
pub async fn of_several(
    State(network): State<Network>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Refused> {
    let wanted = sound(query)?.handsets;
    let numbers: Vec<Name> = wanted.split(',').filter(|number| !number.is_empty()).map(Name::from).collect();
    if numbers.len() > MOST {
        return Err(Refused::Bad(format!("handsets: at most {MOST}")));
    }
    numbers.iter().try_for_each(|number| check_phone(number))?;
    let streams = network
        .run(move |core| {
            let shelf = named(core.watchers.watch_shelf(&mut core.state), None);
            let phones = numbers.into_iter().map(|number| {
                let sights = core.watchers.watch(&mut core.state, &number);
                named(sights, Some(number))
            });
            std::iter::once(shelf).chain(phones).collect::<Vec<_>>()
        })
        .await?;
    Ok(respond(select_all(streams)))
}

fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default()).into_response()
}

/// The events of one phone, or of the shelf, each with the number it is about.
fn named(
    sights: Receiver<Sight>,
    phone: Option<Name>,
) -> std::pin::Pin<Box<dyn Stream<Item = Event> + Send>> {
    let of_shelf = phone.is_none();
    let events = changes(sights).filter_map(move |change| {
        let event = match change {
            // Every row comes from the shelf already.
            Some(sight) if sight.event == "handset" && !of_shelf => None,
            Some(Sight { handset, event, data }) => {
                let data = format!("{{\"handset\":{},\"data\":{data}}}", json!(&*handset));
                Some(Event::default().event(event).data(data))
            }
            None => {
                let data = json!({ "handset": phone.as_deref(), "data": {} });
                Some(Event::default().event("lost").data(data.to_string()))
            }
        };
        std::future::ready(event)
    });
    Box::pin(events)
}

/// Every sight; `None` where some were missed. Ends when the network stops.
fn changes(sights: Receiver<Sight>) -> impl Stream<Item = Option<Sight>> + Send {
    futures_util::stream::unfold(sights, async |mut sights| match sights.recv().await {
        Ok(sight) => Some((Some(sight), sights)),
        Err(RecvError::Lagged(_)) => Some((None, sights)),
        Err(RecvError::Closed) => None,
    })
}
