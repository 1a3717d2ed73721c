//! The first page: what happened today, what needs a look, and for newcomers what to do next.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::chart::{self, Bar};
use super::layout::{Section, page};
use super::parts::{self, Said};
use super::password::{self, Asks};
use super::trouble::Answer;
use super::usage::{Counted, counted, local};
use super::{carriers, conversations, deliveries, session, sign_in, snippets};
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;
use crate::phone::accounts::{self, Account};
use crate::phone::conversations::{self as threads, Conversation, Filter};
use crate::phone::numbers::{self, Number};
use crate::phone::statistics::{self, Newest};
use crate::phone::usage::{self, Cut};
use crate::phone::webhooks;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What the page shows.
struct Known {
    account: Account,
    recent: Vec<Conversation>,
    number: Option<Number>,
    has_webhook: bool,
    newest: Newest,
    bars: Vec<usage::Bar>,
}

fn known(tx: &mut Tx<'_>, account: &AccountId, since: Time, now: Time, cut: Cut) -> Result<Known> {
    Ok(Known {
        account: accounts::get(tx, account)?,
        recent: threads::page(tx, account, &Filter::default(), None, 6)?.0,
        number: numbers::list(tx, account, 1, 0)?.0.pop(),
        has_webhook: webhooks::is_any_set(tx, account)?,
        newest: statistics::newest(tx, account, since, deliveries::COUNTED)?,
        bars: usage::series(tx, account, since, now, cut)?,
    })
}

/// The overview; for whoever is not signed in, how to.
pub async fn show(State(app): State<App>, headers: HeaderMap, Query(said): Query<Said>) -> Answer<Response> {
    let Some(account) = session::account(&app, &headers).await? else {
        return Ok(sign_in::page(None).into_response());
    };
    let asks = password::asks(&app, &account, &headers).await?;
    let (now, offset_minutes) = (app.clock.now(), session::offset_minutes(&headers));
    let since = Cut { grain: DAY, offset_minutes }.begin(now);
    let cut = Cut { grain: HOUR, offset_minutes };
    let known = app.db.read(move |tx| known(tx, &account, since, now, cut)).await?;
    let all = counted(&known.bars, since, since + DAY - HOUR, cut);
    let total = Counted::total(&all);
    let bars: Vec<Bar> = all.iter().map(|(at, counted)| bar(*at, *counted, offset_minutes)).collect();
    let content = html! {
        h1 { "Overview" }
        p.lead { (parts::name(&known.account.name)) " " (parts::id("the project's id", known.account.id.as_str())) }
        (said.notice())
        (first_steps(&app, &known, asks))
        h2 { "Today" }
        div.tiles { (tiles(&known, total)) }
        section.panel { (chart::bars("Messages an hour", &bars)) (table(&bars)) }
        h2 { "Latest conversations" }
        @if known.recent.is_empty() {
            p.soft { "None yet." }
        } @else {
            (conversations::table(&known.recent))
            p { a href="/conversations" { "All conversations" } }
        }
        h2 { "Carriers" }
        p.carriers { @for name in &app.carrier_order { a href="/carriers" { (name) } " " (carriers::line(&app, name)) " " } }
    };
    Ok(page(Section::Overview, "Overview", &content).into_response())
}

fn bar(at: Time, counted: Counted, offset_minutes: i64) -> Bar {
    let label = local(at, offset_minutes).get(11..).unwrap_or_default().to_owned();
    let about = format!("{label}: {} sent, {} received", counted.sent, counted.received);
    Bar { label, about, sent: counted.sent, received: counted.received }
}

fn tiles(known: &Known, total: Counted) -> Markup {
    let newest = &known.newest;
    html! {
        div.tile { span.label { "Sent" } strong { (parts::grouped(total.sent)) } }
        div.tile { span.label { "Received" } strong { (parts::grouped(total.received)) } }
        a.tile href="/webhooks" {
            span.label { "Webhooks arrived" }
            strong { (deliveries::success_rate(newest)) }
        }
        a.tile href="/webhooks" { span.label { "Webhooks failed" } strong { (parts::grouped(newest.counts.failed)) } }
    }
}

/// The same as the chart, for whoever reads rather than looks: only hours in which something happened.
fn table(bars: &[Bar]) -> Markup {
    html! {
        details.more {
            summary { "As a table" }
            (parts::table("Messages an hour", &html! {
                thead { tr { th { "Hour" } th.figure { "Sent" } th.figure { "Received" } } }
                tbody { @for bar in bars.iter().filter(|bar| bar.sent + bar.received > 0) {
                    tr { th scope="row" { (bar.label) } td.figure { (parts::grouped(bar.sent)) } td.figure { (parts::grouped(bar.received)) } }
                } }
            }))
        }
    }
}

/// What a newcomer does next; gone when all of it is done.
fn first_steps(app: &App, known: &Known, asks: Asks) -> Markup {
    let done = [asks != Asks::First, !known.recent.is_empty(), known.has_webhook];
    if done.iter().all(|done| *done) {
        return Markup::default();
    }
    let from = known.number.as_ref().map_or("+1…", |number| number.e164.as_str());
    let code = snippets::send_text(&app.origin(), "YOUR_API_KEY", from, "+14155550142");
    // The first one that is left to do is open.
    let next = done.iter().position(|done| !done);
    html! {
        section.panel.steps aria-label="First steps" {
            (step(0, next, done[0], "Choose a password", &html! {
                p { "You came by a link that works once. With a password you can come back." }
                (password::form(asks, &known.account.name, None))
            }))
            (step(1, next, done[1], "Send a first text", &html! {
                p { "With a key of yours (" a href="/keys" { "API keys" } "), from your program or your terminal:" }
                (snippets::tabs("first", &code))
                @if app.phones().is_some() {
                    p { "Then look at the " a href="/handset/+14155550142" { "phone that gets it" } ", and text back." }
                }
            }))
            (step(2, next, done[2], "Hear what people answer", &html! {
                p { "Set a " a href="/webhooks" { "webhook" } ": every text is posted to your program, and what it answers is sent back. "
                    "On your own machine, " code { "agentphone listen --forward-to localhost:3000" } " does it without one." }
            }))
        }
    }
}

fn step(place: usize, next: Option<usize>, is_done: bool, title: &str, content: &Markup) -> Markup {
    html! {
        details.step.done[is_done] open[next == Some(place)] {
            summary { (title) @if is_done { span.unseen { " (done)" } } }
            (content)
        }
    }
}
