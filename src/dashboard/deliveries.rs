//! Webhooks: the project's endpoint, how deliveries went lately, and the log of them.

use std::time::Duration;

use axum::extract::{Query, State};
use maud::{Markup, html};

use super::endpoint;
use super::layout::{Section, page};
use super::paging::{Before, cut, place};
use super::parts::{self, Said};
use super::session::SignedIn;
use super::trouble::Answer;
use crate::app::App;
use crate::db::Tx;
use crate::id::{DeliveryId, Ids};
use crate::phone::deliveries::{self, Delivery};
use crate::phone::statistics::{self, Newest};
use crate::phone::webhooks::{self, Owner, Webhook};

const PAGE: i64 = 50;
/// Statistics look at so many deliveries at most.
pub const COUNTED: i64 = 1_000;

pub async fn list(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Query(before): Query<Before>,
    Query(said): Query<Said>,
) -> Answer {
    let before = before.cursor(DeliveryId::from_text);
    let is_first = before.is_none();
    let since = app.clock.now() - Duration::from_hours(24);
    let unit = move |tx: &mut Tx<'_>| {
        Ok((
            webhooks::find(tx, &account, &Owner::Account)?,
            statistics::newest(tx, &account, since, COUNTED)?,
            deliveries::page(tx, &account, None, before.as_ref(), PAGE + 1)?,
        ))
    };
    let (webhook, newest, mut rows) = app.db.read(unit).await?;
    let next = cut(&mut rows, PAGE, |last| place(last.created_at, last.id.as_str()));
    let next = next.map(|next| format!("/webhooks?before={next}#log"));
    let content = html! {
        h1 { "Webhooks" }
        p.lead { "Events are posted to your program, signed, and tried again until they arrive." }
        (said.notice())
        @if is_first { (of_project(&app.ids, webhook.as_ref())) (tiles(&newest)) }
        h2 #log { "Deliveries" }
        @if rows.is_empty() { (none()) } @else { (table(&rows)) }
        (parts::older(next))
    };
    Ok(page(Section::Webhooks, "Webhooks", &content))
}

fn of_project(ids: &Ids, webhook: Option<&Webhook>) -> Markup {
    html! {
        section.panel {
            h2 { "Webhook of the project" }
            p.soft { "For every agent that has none of its own. Numbers have theirs beside it." }
            (endpoint::panel(ids, &Owner::Account, webhook, None))
        }
    }
}

fn none() -> Markup {
    parts::empty(
        "Nothing was delivered yet",
        &html! {
            p { "Set a webhook and text one of your numbers from a " a href="/handset" { "phone" } ", or send a test." }
        },
    )
}

fn tiles(newest: &Newest) -> Markup {
    let millis = |millis: Option<i64>| millis.map_or_else(|| "–".to_owned(), |millis| format!("{millis} ms"));
    let span = if newest.is_cut { format!("The newest {COUNTED}") } else { "The last 24 hours".to_owned() };
    html! {
        section aria-label=(span) {
            p.soft { (span) }
            div.tiles {
                div.tile { span.label { "Deliveries" } strong { (parts::grouped(newest.counts.total())) } }
                div.tile { span.label { "Succeeded" } strong { (success_rate(newest)) } }
                div.tile { span.label { "Failed" } strong { (parts::grouped(newest.counts.failed)) } }
                div.tile { span.label { "Under way" } strong { (parts::grouped(newest.counts.pending)) } }
                div.tile { span.label { "Median answer" } strong { (millis(newest.median_millis)) } }
                div.tile { span.label { "95 of 100 within" } strong { (millis(newest.slow_millis)) } }
            }
        }
    }
}

/// How many of a hundred arrived; where there were none, that is no success.
pub fn success_rate(newest: &Newest) -> String {
    if newest.counts.total() == 0 { "–".to_owned() } else { format!("{:.1} %", newest.success_rate) }
}

/// Deliveries, one a row.
pub fn table(rows: &[Delivery]) -> Markup {
    parts::table(
        "Deliveries",
        &html! {
            thead { tr { th { "Event" } th { "Status" } th.wide { "Answer" } th.wide { "Attempts" } th { "When" } } }
            tbody {
                @for delivery in rows {
                    tr.link {
                        td {
                            a href={ "/webhooks/" (delivery.id) } { code { (delivery.kind) } }
                            @if delivery.test { " " span.soft { "test" } }
                        }
                        td { (parts::delivery_status(delivery.status)) }
                        td.wide { (outcome(delivery)) }
                        td.wide { (delivery.attempt_count) }
                        td { (parts::short_time(delivery.created_at)) }
                    }
                }
            }
        },
    )
}

fn outcome(delivery: &Delivery) -> Markup {
    html! {
        @match (delivery.http_status, &delivery.error_message) {
            (Some(status), _) => {
                (status)
                @if let Some(millis) = delivery.response_millis { span.soft { " in " (millis) " ms" } }
            }
            (None, Some(error)) => span.soft dir="auto" { (error) },
            (None, None) => span.soft { "–" },
        }
    }
}
