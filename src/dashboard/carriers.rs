//! The carriers: whether their lines are up, and what they can do.

use axum::extract::State;
use maud::{Markup, html};

use super::layout::{Section, page};
use super::parts::{self, Tone, badge};
use super::session::SignedIn;
use super::trouble::Answer;
use crate::app::App;
use crate::db::Tx;
use crate::phone::numbers::{self, Number};

pub async fn show(State(app): State<App>, SignedIn(account): SignedIn) -> Answer {
    let (numbers, _) = app.db.read(move |tx: &mut Tx<'_>| numbers::list(tx, &account, 1_000, 0)).await?;
    let content = html! {
        h1 { "Carriers" }
        p.lead { "How messages leave and arrive. While a line is down, messages wait; nothing is lost." }
        @for name in &app.carrier_order { (carrier(&app, name, &numbers)) }
        @if app.carrier_order.is_empty() {
            (parts::empty("No carriers", &html! { p { "Configure a " code { "[[carriers]]" } " table." } }))
        }
    };
    Ok(page(Section::Carriers, "Carriers", &content))
}

/// Whether the line of this carrier is up.
pub fn line(app: &App, name: &str) -> Markup {
    if app.is_up(name) { badge(Tone::Good, "up") } else { badge(Tone::Bad, "down") }
}

fn carrier(app: &App, name: &str, numbers: &[Number]) -> Markup {
    let count = numbers.iter().filter(|number| number.carrier == name).count();
    let settings = app.config.carriers.iter().find(|settings| settings.name == name);
    let listed = settings.map_or(0, |settings| settings.numbers.len());
    let mut rows = vec![("Numbers of yours", html! { (count) })];
    if listed > 0 {
        rows.push((
            "Numbers in its list",
            html! { (parts::grouped(i64::try_from(listed).unwrap_or(i64::MAX))) },
        ));
    }
    if let Some(url) = settings.and_then(|settings| settings.url.as_ref()) {
        rows.push(("Address", html! { code { (url) } }));
    }
    rows.push(("Can do", abilities(app, name)));
    html! { section.panel { h2 { (name) " " (line(app, name)) } (parts::facts(&rows)) } }
}

fn abilities(app: &App, name: &str) -> Markup {
    let Some(connection) = app.carrier(name) else { return Markup::default() };
    let can = connection.capabilities;
    let all = [
        ("SMS", can.sms),
        ("MMS", can.mms),
        ("iMessage", can.imessage),
        ("reactions", can.reactions),
        ("any emoji", can.emoji_reactions),
        ("threaded replies", can.replies),
        ("effects", can.effects),
        ("backgrounds", can.backgrounds),
        ("groups", can.groups),
        ("typing", can.typing),
        ("fresh numbers", can.makes_numbers),
        ("telling what became of a message", can.can_be_asked),
    ];
    let named: Vec<_> = all.iter().filter(|(_, can)| *can).map(|(what, _)| *what).collect();
    html! { (named.join(", ")) }
}
