//! The messages of one conversation on its page: which of them are shown, and how each looks. Not the forms beside
//! them.

use axum::extract::Query;
use maud::{Markup, html};
use serde::Deserialize;

use super::paging::{Before, place};
use super::parts;
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ConversationId, MessageId};
use crate::phone::conversations::Conversation;
use crate::phone::messages::list::{self, Of};
use crate::phone::messages::{self, Direction, Message, Status};

const PAGE: i64 = 50;

/// Where in the conversation the page looks.
#[derive(Clone, Default)]
pub enum Look {
    #[default]
    Newest,
    Before(Time),
    After(Time),
    /// At this message, with what was said before and after it.
    At(MessageId),
}

/// What the address of the page asks for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    message: String,
    after: String,
}

impl Look {
    pub fn of(Query(before): Query<Before>, Query(asked): Query<Asked>) -> Self {
        let after = Before::from(asked.after);
        match (before.cursor(MessageId::from_text), after.cursor(MessageId::from_text)) {
            _ if !asked.message.is_empty() => Self::At(MessageId::from_text(asked.message)),
            (Some((at, _)), _) => Self::Before(at),
            (None, Some((at, _))) => Self::After(at),
            (None, None) => Self::Newest,
        }
    }
}

/// A part of the conversation, oldest first.
pub struct Part {
    messages: Vec<Message>,
    is_more_before: bool,
    /// Whether newer ones are left out; not known where the page went back.
    is_more_after: bool,
    is_newest: bool,
}

/// The messages at `look`; the newest, if it names none of this conversation.
pub fn part(tx: &mut Tx<'_>, id: &ConversationId, look: &Look) -> Result<Part> {
    let of = Of::Conversation(id.clone());
    let (messages, is_more_before, is_more_after, is_newest) = match look {
        Look::Newest => {
            let (messages, more) = list::page(tx, &of, PAGE, None, None)?;
            (messages, more, false, true)
        }
        Look::Before(at) => {
            let (messages, more) = list::page(tx, &of, PAGE, Some(*at), None)?;
            (messages, more, false, false)
        }
        Look::After(at) => {
            let (messages, more) = list::page(tx, &of, PAGE, None, Some(*at))?;
            (messages, true, more, !more)
        }
        Look::At(message) => {
            let found = messages::find(tx, message)?.filter(|found| found.conversation_id == *id);
            let Some(found) = found else { return part(tx, id, &Look::Newest) };
            let at = found.received_at;
            let (mut messages, before) = list::page(tx, &of, PAGE / 2, Some(at), None)?;
            let (later, after) = list::page(tx, &of, PAGE / 2, None, Some(at))?;
            messages.push(found);
            messages.extend(later);
            (messages, before, after, !after)
        }
    };
    Ok(Part { messages, is_more_before, is_more_after, is_newest })
}

impl Part {
    /// The messages, with the ways to those before and after them.
    pub fn show(&self, app: &App, conversation: &Conversation) -> Markup {
        let id = &conversation.id;
        let link = |which: &str, message: &Message| {
            format!("/conversations/{id}?{which}={}", place(message.received_at, message.id.as_str()))
        };
        let older = self.messages.first().filter(|_| self.is_more_before).map(|first| link("before", first));
        let newer = self.messages.last().filter(|_| self.is_more_after).map(|last| link("after", last));
        html! {
            (parts::older(older))
            @if self.messages.is_empty() { p.soft { "No messages." } }
            ol.bubbles { @for message in &self.messages { (bubble(app, conversation, message)) } }
            @if !self.is_newest {
                nav.pager aria-label="Newer" {
                    @if let Some(newer) = newer { a.button href=(newer) rel="prev" { "Newer" } " " }
                    a.button href={ "/conversations/" (id) } { "To the newest" }
                }
            }
        }
    }
}

/// The address of the page at `message`.
pub fn link_to(message: &Message) -> String {
    format!("/conversations/{}?message={}#{}", message.conversation_id, message.id, message.id)
}

/// One message, with a link to its story.
fn bubble(app: &App, conversation: &Conversation, message: &Message) -> Markup {
    let side = match message.direction {
        Direction::Outbound => "ours",
        Direction::Inbound => "theirs",
    };
    html! {
        li.(side).(message.channel.as_str()) id=(message.id) {
            @if let Some(sender) = &message.sender { span.soft { (parts::name(called(conversation, sender))) } }
            @if !message.body.is_empty() { (parts::text(&message.body)) }
            @for url in &message.media_urls { (attachment(app, url)) }
            p.marks {
                a href={ "/messages/" (message.id) } { (parts::short_time(message.received_at)) }
                @if let Some(effect) = message.effect { " · " (effect) }
                @if message.direction == Direction::Outbound { " · " (mark(message.status)) }
            }
        }
    }
}

/// A member of a group, by name where it is known.
fn called<'a>(conversation: &'a Conversation, sender: &'a str) -> &'a str {
    let members = conversation.group.iter().flat_map(|group| &group.members);
    let known =
        members.filter(|member| member.identifier == sender).find_map(|member| member.name.as_deref());
    known.unwrap_or(sender)
}

fn mark(status: Status) -> Markup {
    match status {
        Status::Failed | Status::Unconfirmed => parts::message_status(status),
        Status::Queued
        | Status::Sending
        | Status::Sent
        | Status::Delivered
        | Status::Read
        | Status::Received => {
            html! { (status) }
        }
    }
}

/// Shown where we host it ourselves; what lies elsewhere is only named, so that looking tells nobody anything.
fn attachment(app: &App, url: &str) -> Markup {
    let ours = url.strip_prefix(&app.origin()).filter(|path| path.starts_with('/'));
    html! {
        a.attachment href=[url.starts_with("http").then_some(url)] rel="noreferrer nofollow" target="_blank" {
            @if let Some(path) = ours { img src=(path) alt="Attachment" loading="lazy"; } @else { bdi { (url) } }
        }
    }
}
