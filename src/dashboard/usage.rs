//! Usage: what the meter counted, day by day, as a chart and as a table. A day begins at midnight by the reader's
//! clocks, as far as a cookie of our script tells.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;

use super::chart::{self, Bar};
use super::layout::{Section, page};
use super::parts;
use super::session::{SignedIn, offset_minutes};
use super::trouble::Answer;
use crate::app::App;
use crate::clock::Time;
use crate::phone::messages::Direction;
use crate::phone::usage::{self, Cut};

const DAY: Duration = Duration::from_hours(24);
/// What can be asked for.
const SPANS: &[u32] = &[7, 30, 90];

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Span {
    days: String,
}

impl Span {
    fn days(&self) -> u32 {
        self.days.parse().ok().filter(|days| SPANS.contains(days)).unwrap_or(30)
    }
}

/// What was counted in one bar.
#[derive(Clone, Copy, Default)]
pub struct Counted {
    pub sent: i64,
    pub received: i64,
    pub segments_sent: i64,
    pub segments_received: i64,
    pub mms: i64,
    pub imessages: i64,
}

impl Counted {
    fn add(&mut self, bar: &usage::Bar) {
        match bar.direction {
            Direction::Inbound => self.received += bar.messages,
            Direction::Outbound => self.sent += bar.messages,
        }
        match (bar.kind.as_str(), bar.direction) {
            ("sms_segment", Direction::Outbound) => self.segments_sent += bar.quantity,
            ("sms_segment", Direction::Inbound) => self.segments_received += bar.quantity,
            ("mms", _) => self.mms += bar.quantity,
            _ => self.imessages += bar.quantity,
        }
    }

    /// All of them together.
    pub fn total(all: &BTreeMap<Time, Self>) -> Self {
        all.values().fold(Self::default(), |sum, one| Self {
            sent: sum.sent + one.sent,
            received: sum.received + one.received,
            segments_sent: sum.segments_sent + one.segments_sent,
            segments_received: sum.segments_received + one.segments_received,
            mms: sum.mms + one.mms,
            imessages: sum.imessages + one.imessages,
        })
    }
}

/// Every bar from the one that `since` is in to the one of `now`, also those in which nothing happened.
pub fn counted(bars: &[usage::Bar], since: Time, now: Time, cut: Cut) -> BTreeMap<Time, Counted> {
    let mut all = BTreeMap::new();
    let mut at = cut.begin(since);
    while at <= now {
        all.insert(at, Counted::default());
        at = at + cut.grain;
    }
    for bar in bars {
        all.entry(bar.at).or_default().add(bar);
    }
    all
}

/// A moment by the reader's clocks: `2026-03-02 09:00`.
pub fn local(at: Time, offset_minutes: i64) -> String {
    let moved = Time::from_millis(at.millis() + offset_minutes * 60_000).to_string();
    moved.get(..16).unwrap_or_default().replace('T', " ")
}

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Query(span): Query<Span>,
    headers: HeaderMap,
) -> Answer {
    let (days, now) = (span.days(), app.clock.now());
    let cut = Cut { grain: DAY, offset_minutes: offset_minutes(&headers) };
    let since = cut.begin(now) - DAY * (days - 1);
    let bars = app.db.read(move |tx| usage::series(tx, &account, since, now, cut)).await?;
    let all = counted(&bars, since, now, cut);
    let total = Counted::total(&all);
    let day = |at: Time| local(at, cut.offset_minutes).get(..10).unwrap_or_default().to_owned();
    let content = html! {
        h1 { "Usage" }
        p.lead { "What the meter counted: outbound messages when their carrier accepted them, inbound ones when they were stored." }
        nav.choices aria-label="Span" {
            @for choice in SPANS {
                a href={ "/usage?days=" (choice) } aria-current=[(*choice == days).then_some("true")] { (choice) " days" }
            }
        }
        (tiles(&total))
        @if total.sent + total.received == 0 {
            (parts::empty("Nothing was counted in this time", &html! { p { "Send a text, and it is counted here." } }))
        } @else {
            section.panel { (chart::bars("Messages a day", &drawn(&all, day))) }
            (table(&all, day))
        }
    };
    Ok(page(Section::Usage, "Usage", &content))
}

fn tiles(total: &Counted) -> Markup {
    html! {
        div.tiles {
            div.tile { span.label { "Sent" } strong { (parts::grouped(total.sent)) } }
            div.tile { span.label { "Received" } strong { (parts::grouped(total.received)) } }
            div.tile { span.label { "SMS segments" } strong { (parts::grouped(total.segments_sent + total.segments_received)) } }
            div.tile { span.label { "MMS" } strong { (parts::grouped(total.mms)) } }
            div.tile { span.label { "iMessages" } strong { (parts::grouped(total.imessages)) } }
        }
    }
}

fn drawn(all: &BTreeMap<Time, Counted>, day: impl Fn(Time) -> String) -> Vec<Bar> {
    all.iter()
        .map(|(at, counted)| Bar {
            label: day(*at).get(5..).unwrap_or_default().to_owned(),
            about: format!("{}: {} sent, {} received", day(*at), counted.sent, counted.received),
            sent: counted.sent,
            received: counted.received,
        })
        .collect()
}

/// A day, without its year where there is little room.
fn date(day: &str) -> Markup {
    let (year, rest) = day.split_at_checked(5).unwrap_or(("", day));
    html! { span.wide { (year) } (rest) }
}

fn table(all: &BTreeMap<Time, Counted>, day: impl Fn(Time) -> String) -> Markup {
    parts::table(
        "Usage by day",
        &html! {
            thead { tr {
                th { "Day" } th.figure { "Sent" } th.figure { "Received" } th.figure.wide { "Segments sent" }
                th.figure.wide { "Segments received" } th.figure { "MMS" } th.figure { "iMessages" }
            } }
            tbody {
                @for (at, counted) in all.iter().rev() {
                    tr {
                        th scope="row" { (date(&day(*at))) }
                        @for figure in [counted.sent, counted.received] { td.figure { (parts::grouped(figure)) } }
                        @for figure in [counted.segments_sent, counted.segments_received] { td.figure.wide { (parts::grouped(figure)) } }
                        @for figure in [counted.mms, counted.imessages] { td.figure { (parts::grouped(figure)) } }
                    }
                }
            }
        },
    )
}
