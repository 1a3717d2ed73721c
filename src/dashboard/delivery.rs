//! One delivery: what was sent, every attempt at it, what came back, and sending it again.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::form::Fields;
use super::layout::{Section, page};
use super::once;
use super::parts::{self, Done, Said, Tone, badge};
use super::session::SignedIn;
use super::trouble::Answer;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{DeliveryId, Ids};
use crate::phone::attempts;
use crate::phone::deliveries::{self, Attempt, Delivery};

/// A delivery with all that is known of it.
pub struct Story {
    pub delivery: Delivery,
    payload: Option<String>,
    attempts: Vec<Attempt>,
}

/// What is known of `delivery`.
pub fn story(tx: &mut Tx<'_>, delivery: Delivery) -> Result<Story> {
    let payload = attempts::payload(tx, &delivery.id)?;
    let attempts = deliveries::attempts(tx, &delivery.id)?;
    Ok(Story { delivery, payload, attempts })
}

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Answer {
    let id = DeliveryId::from_text(id);
    let unit = move |tx: &mut Tx<'_>| {
        let delivery = deliveries::find(tx, &account, &id)?;
        story(tx, delivery)
    };
    let story = app.db.read(unit).await?;
    let content = html! {
        p.crumbs { a href="/webhooks" { "Webhooks" } }
        div.headed {
            h1 { (story.delivery.kind) " " (parts::delivery_status(story.delivery.status)) }
            (replay_form(&app.ids, &story.delivery))
        }
        (said.notice())
        (facts(&story.delivery))
        h2 { "Attempts" }
        (told(&story))
    };
    Ok(page(Section::Webhooks, story.delivery.kind.as_str(), &content))
}

fn facts(delivery: &Delivery) -> Markup {
    let mut rows = vec![
        ("Id", parts::id("the delivery's id", delivery.id.as_str())),
        ("Made", parts::time(delivery.created_at)),
        ("Attempts", html! { (delivery.attempt_count) }),
    ];
    if let Some(message) = &delivery.message_id {
        rows.push(("Message", html! { a href={ "/messages/" (message) } { code { (message) } } }));
    }
    if delivery.test {
        rows.push(("Kind", html! { "A test; it was sent once, and a reply sends nothing" }));
    }
    if let Some(at) = delivery.next_retry_at {
        rows.push(("Next attempt", parts::time(at)));
    }
    if let Some(reply) = &delivery.reply_message_id {
        rows.push(("Its answer sent", html! { a href={ "/messages/" (reply) } { code { (reply) } } }));
    }
    if let Some(problem) = &delivery.reply_error {
        rows.push(("Its answer was refused", html! { code { (problem) } }));
    }
    parts::facts(&rows)
}

/// Sends it again, now.
pub fn replay_form(ids: &Ids, delivery: &Delivery) -> Markup {
    html! {
        form method="post" action={ "/webhooks/" (delivery.id) "/replay" } {
            (once::token(ids))
            button.plain { "Send again" }
        }
    }
}

/// The payload and every attempt.
pub fn told(story: &Story) -> Markup {
    html! {
        @if let Some(payload) = &story.payload {
            details.box { summary { "Payload" } (parts::raw("Payload", &parts::pretty(payload))) }
        }
        @if story.attempts.is_empty() { p.soft { "Not tried yet." } }
        @for (index, attempt) in story.attempts.iter().enumerate() {
            (one(attempt, index + 1 == story.attempts.len()))
        }
    }
}

fn one(attempt: &Attempt, is_last: bool) -> Markup {
    let is_good = attempt.error_message.is_none();
    html! {
        details.box open[is_last] {
            summary {
                "Attempt " (attempt.number) " "
                (badge(if is_good { Tone::Good } else { Tone::Bad },
                    &attempt.http_status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())))
                " " span.soft { (attempt.response_millis) " ms, " (parts::short_time(attempt.at)) }
            }
            @if let Some(error) = &attempt.error_message { p.alert.bad dir="auto" { (error) } }
            h3 { "Request" }
            (parts::raw("Request", &request(attempt)))
            h3 { "Response" }
            @if attempt.http_status.is_some() {
                (parts::raw("Response", &response(attempt)))
            } @else {
                p.soft { "Nothing came back." }
            }
        }
    }
}

/// `POST url` and the headers, as they went over the line.
fn request(attempt: &Attempt) -> String {
    format!("POST {}\n{}", attempt.url, headers(&attempt.request_headers))
}

fn response(attempt: &Attempt) -> String {
    let status = attempt.http_status.unwrap_or_default();
    let named = headers(attempt.response_headers.as_deref().unwrap_or("{}"));
    let body = parts::pretty(attempt.response_body.as_deref().unwrap_or_default());
    format!("{status}\n{named}\n\n{body}").trim_end().to_owned()
}

fn headers(json: &str) -> String {
    let map: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    let lines = map.iter().map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

pub async fn replay(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(name): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let (key, path) = (once::key(&account, "replay", &fields), format!("/webhooks/{name}"));
    let (id, ids, now) = (DeliveryId::from_text(&name), app.ids.clone(), app.clock.now());
    let unit = move |tx: &mut Tx<'_>| attempts::replay(tx, &ids, &account, &id, now).map(drop);
    once::write(&app, key, name, unit).await?;
    Ok(Done::Replayed.at(&path))
}
