//! The small things that pages are made of: times, ids, addresses, badges, empty places. What a person wrote stands in
//! an element that keeps its direction to itself.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::form::Form;
use crate::channel::Channel;
use crate::clock::Time;
use crate::phone::deliveries::DeliveryStatus;
use crate::phone::messages::Status;
use crate::words;

words! {
    /// What a form did, said on the page that follows.
    Done {
        Saved = "saved",
        Created = "created",
        Deleted = "deleted",
        Released = "released",
        Revoked = "revoked",
        Rotated = "rotated",
        Replayed = "replayed",
        Password = "password",
        Sessions = "sessions",
        Sent = "sent",
    }
}

impl Done {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Saved => "Saved.",
            Self::Created => "Created.",
            Self::Deleted => "Deleted.",
            Self::Released => "The number was released.",
            Self::Revoked => "The key is revoked; requests with it are refused from now on.",
            Self::Rotated => "There is a new secret. The old one goes on signing beside it for 24 hours.",
            Self::Replayed => "It is being sent again. Reload to see how it went.",
            Self::Password => "The password is set. All other sessions were ended.",
            Self::Sessions => "All other sessions were ended.",
            Self::Sent => "On its way.",
        }
    }

    /// To the page at `path`, where it is said.
    pub fn at(self, path: &str) -> Response {
        Redirect::to(&format!("{path}?done={self}")).into_response()
    }
}

/// The query of a page on which something may be said.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Said {
    done: String,
}

impl Said {
    pub fn notice(&self) -> Markup {
        html! {
            @if let Some(done) = Done::parse(&self.done) { p.alert.good role="status" { (done.sentence()) } }
        }
    }
}

/// The tone of a badge or a mark.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Busy,
    Calm,
}

impl Tone {
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Busy => "busy",
            Self::Calm => "calm",
        }
    }
}

pub fn badge(tone: Tone, text: &str) -> Markup {
    html! { span.badge.(tone.class()) { (text) } }
}

/// A moment; the script shows it in the reader's zone.
pub fn time(at: Time) -> Markup {
    let text = at.to_string();
    let (date, clock) = (text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default());
    html! { time datetime=(text) { (date) " " (clock) " UTC" } }
}

/// A moment that lies in a list, where a short form will do.
pub fn short_time(at: Time) -> Markup {
    let text = at.to_string();
    let shown = text.get(..16).unwrap_or_default().replace('T', " ");
    html! { time datetime=(text) data-short { (shown) " UTC" } }
}

/// A button that copies `text`; it appears where scripts run.
pub fn copy(what: &str, text: &str) -> Markup {
    html! { button.copy type="button" data-copy=(text) aria-label={ "Copy " (what) } hidden { "Copy" } }
}

/// An id with its copy button.
pub fn id(what: &str, text: &str) -> Markup {
    html! { span.id { code { (text) } (copy(what, text)) } }
}

/// What somebody typed, in one line. Where nothing of it can be seen, that is said.
pub fn name(text: &str) -> Markup {
    html! {
        @if is_visible(text) { bdi { (text) } } @else { bdi.soft { "(no visible text)" } }
    }
}

/// Whether anything of `text` leaves a mark on the screen.
fn is_visible(text: &str) -> bool {
    let leaves_no_mark = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(character, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
    };
    !text.chars().all(leaves_no_mark)
}

/// A whole text of a person, with its line ends.
pub fn text(body: &str) -> Markup {
    html! { p.text dir="auto" { (body) } }
}

/// Something long that a machine wrote: JSON, headers, a response.
pub fn raw(label: &str, text: &str) -> Markup {
    html! {
        div.code-box {
            (copy(label, text))
            pre tabindex="0" role="group" aria-label=(label) { code dir="ltr" { (text) } }
        }
    }
}

/// JSON on several lines, other texts as they are.
pub fn pretty(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| text.to_owned())
}

pub fn message_status(status: Status) -> Markup {
    let tone = match status {
        Status::Sent | Status::Delivered | Status::Read | Status::Received => Tone::Good,
        Status::Failed => Tone::Bad,
        Status::Queued | Status::Sending | Status::Unconfirmed => Tone::Busy,
    };
    badge(tone, status.as_str())
}

pub fn delivery_status(status: DeliveryStatus) -> Markup {
    let tone = match status {
        DeliveryStatus::Success => Tone::Good,
        DeliveryStatus::Failed => Tone::Bad,
        DeliveryStatus::Pending => Tone::Busy,
    };
    badge(tone, status.as_str())
}

/// How a channel is written.
pub const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "SMS",
        Channel::Mms => "MMS",
        Channel::Imessage => "iMessage",
    }
}

/// A channel, in the colour of its bubbles.
pub fn channel(channel: Channel) -> Markup {
    html! { span.channel.(channel.as_str()) { (channel_name(channel)) } }
}

/// Where nothing is yet: what will be here, and what to do next.
pub fn empty(title: &str, next: &Markup) -> Markup {
    html! { div.empty { h2 { (title) } (next) } }
}

/// A row of facts about one thing.
pub fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! { dl.facts { @for (label, value) in rows { div { dt { (label) } dd { (value) } } } } }
}

/// A table in which wide rows can be scrolled, also by keyboard.
pub fn table(label: &str, content: &Markup) -> Markup {
    html! { div.table tabindex="0" role="region" aria-label=(label) { table { (content) } } }
}

/// Something that cannot be taken back, behind a step of its own.
pub fn danger(label: &str, warning: &str, action: &str, button: &str, form: Form<'_>) -> Markup {
    html! {
        details.danger {
            summary { (label) "…" }
            (form.alert())
            p { (warning) }
            form method="post" action=(action) { button.bad { (button) } }
        }
    }
}

/// To the next page, if there is one.
pub fn older(href: Option<String>) -> Markup {
    html! {
        @if let Some(href) = href { nav.pager aria-label="More" { a.button href=(href) rel="next" { "Older" } } }
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let all = [0, 999, 1_000, -1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "-1,234,567"]);
    }

    #[test]
    fn invisible_names_are_said_to_be_so() {
        assert!(is_visible("a\u{200b}") && is_visible("\u{202e}abc") && is_visible("😀"));
        for hidden in ["", " ", "\u{200b}\u{feff}", "\u{202e}", "\u{3164}", "\u{2066}\u{2069}"] {
            assert!(!is_visible(hidden), "{hidden:?}");
        }
    }
}
