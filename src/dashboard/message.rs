//! A message's whole story: how it was routed, handed over, answered by the network, and who was told of it.

use axum::extract::{Path, Query, State};
use maud::{Markup, html};

use super::delivery::{self, Story};
use super::layout::{Section, page};
use super::parts::{self, Said, Tone};
use super::session::SignedIn;
use super::trouble::Answer;
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, Ids, MessageId};
use crate::phone::messages::{self, Direction, Journey, Message, Route, Status};
use crate::phone::numbers::{self, Number};
use crate::phone::{deliveries, media};

/// Everything that is known of one message.
struct Known {
    message: Message,
    journey: Journey,
    number: Option<Number>,
    answered_by: Option<MessageId>,
    media_is_awaited: bool,
    deliveries: Vec<Story>,
}

fn known(tx: &mut Tx<'_>, account: &AccountId, id: &MessageId) -> Result<Known> {
    let message = messages::get(tx, account, id)?;
    let mut stories = Vec::new();
    for delivery in deliveries::of_message(tx, id)? {
        stories.push(delivery::story(tx, delivery)?);
    }
    Ok(Known {
        journey: messages::journey(tx, id)?,
        number: numbers::find(tx, &message.number_id)?,
        answered_by: messages::answer_to(tx, id)?,
        media_is_awaited: media::is_awaited(tx, id)?,
        deliveries: stories,
        message,
    })
}

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Answer {
    let id = MessageId::from_text(id);
    let known = app.db.read(move |tx| known(tx, &account, &id)).await?;
    let message = &known.message;
    let content = html! {
        p.crumbs { a href={ "/conversations/" (message.conversation_id) } { "Conversation" } }
        h1 { (if message.direction == Direction::Inbound { "Inbound" } else { "Outbound" }) " message "
            (parts::message_status(message.status)) }
        (said.notice())
        section.panel.said {
            @if message.body.is_empty() { p.soft { "No text." } } @else { (parts::text(&message.body)) }
            @for url in &message.media_urls { p.soft { bdi { (url) } } }
        }
        (facts(message))
        h2 { "Story" }
        ol.story { @for step in steps(&app, &known) { (told(&step)) } }
        h2 { "Webhook deliveries" }
        (deliveries_of(&app.ids, &known))
    };
    Ok(page(Section::Conversations, "Message", &content))
}

fn facts(message: &Message) -> Markup {
    let mut rows = vec![
        ("Id", parts::id("the message's id", message.id.as_str())),
        ("From", parts::name(&message.from)),
        ("To", parts::name(&message.to)),
        ("Channel", parts::channel(message.channel)),
    ];
    if message.segments > 0 {
        rows.push(("Segments", html! { (message.segments) }));
    }
    if let Some(effect) = message.effect {
        rows.push(("Effect", html! { (effect) }));
    }
    if let Some(parent) = &message.reply_to {
        rows.push(("Replies to", html! { a href={ "/messages/" (parent) } { code { (parent) } } }));
    }
    parts::facts(&rows)
}

/// One thing that happened to it.
struct Step {
    tone: Tone,
    at: Option<Time>,
    title: &'static str,
    detail: Markup,
}

fn told(step: &Step) -> Markup {
    html! {
        li.(step.tone.class()) {
            strong { (step.title) } " "
            @if let Some(at) = step.at { span.soft { (parts::time(at)) } }
            div { (step.detail) }
        }
    }
}

fn steps(app: &App, known: &Known) -> Vec<Step> {
    match known.message.direction {
        Direction::Inbound => came(known),
        Direction::Outbound => went(app, known),
    }
}

fn came(known: &Known) -> Vec<Step> {
    let message = &known.message;
    let carrier = known.number.as_ref().map_or("its carrier", |number| number.carrier.as_str());
    let mut steps = vec![Step {
        tone: Tone::Good,
        at: Some(message.received_at),
        title: "Received",
        detail: html! { "By " (parts::channel_name(message.channel)) " from carrier " code { (carrier) }
        @if let Some(sender) = &message.sender { ", written by " (parts::name(sender)) }
        @if let Some(id) = &message.provider_id { ", which calls it " code { (id) } } "." },
    }];
    if let Some(keyword) = &message.keyword {
        let detail = html! { "The whole text is a consent word: " code { (keyword) } "." };
        steps.push(Step { tone: Tone::Calm, at: None, title: "Keyword", detail });
    }
    if known.media_is_awaited {
        let detail = html! { "The attachment is still being fetched from the carrier." };
        steps.push(Step { tone: Tone::Busy, at: None, title: "Attachment", detail });
    }
    if let Some(answer) = &known.answered_by {
        let detail = html! { "The webhook's answer became " a href={ "/messages/" (answer) } { code { (answer) } } "." };
        steps.push(Step { tone: Tone::Good, at: None, title: "Answered", detail });
    }
    steps
}

fn went(app: &App, known: &Known) -> Vec<Step> {
    let (message, journey) = (&known.message, &known.journey);
    let accepted = html! {
        @match &journey.answers {
            Some(inbound) => { "As the answer of a webhook to " a href={ "/messages/" (inbound) } { code { (inbound) } } "." }
            None => "Stored durably; from here on it is not lost.",
        }
    };
    let mut steps = vec![
        Step { tone: Tone::Good, at: Some(message.received_at), title: "Accepted", detail: accepted },
        Step { tone: Tone::Calm, at: None, title: "Routed", detail: html! { (route(journey.route)) } },
    ];
    if let Some(reason) = &journey.fallback_reason {
        let detail = html! { "iMessage did not take it (" bdi { (reason) } "), so it went on by "
        (parts::channel_name(message.channel)) "." };
        steps.push(Step { tone: Tone::Busy, at: None, title: "Fell back", detail });
    }
    if message.reply_unresolved == Some(true) {
        let detail = html! { "The quoted message could not be threaded, so it was sent as a plain message." };
        steps.push(Step { tone: Tone::Calm, at: None, title: "Reply", detail });
    }
    steps.push(handed_over(app, known));
    if let Some(at) = journey.sent_at {
        let detail = html! { "The carrier accepted it"
        @if let Some(id) = &message.provider_id { " and calls it " code { (id) } } "." };
        steps.push(Step { tone: Tone::Good, at: Some(at), title: "Sent", detail });
    }
    steps.extend(ended(message));
    steps
}

const fn route(route: Option<Route>) -> &'static str {
    match route {
        Some(Route::SmsNumber) => "The number texts by SMS and MMS.",
        Some(Route::Imessage) => "By iMessage: the number can, and nothing is known that speaks against it.",
        Some(Route::Asked) => "By SMS or MMS, as was asked for.",
        Some(Route::NotOnImessage) => {
            "By SMS or MMS: the person was found not to be on iMessage within the last 24 hours."
        }
        Some(Route::NewContactLimit) => {
            "By SMS or MMS: the number has written to as many new contacts by iMessage today as it may."
        }
        Some(Route::NoImessage) => "By SMS or MMS: the line or the recipient cannot do iMessage.",
        None => "It was accepted before routes were noted.",
    }
}

fn handed_over(app: &App, known: &Known) -> Step {
    let message = &known.message;
    let carrier = known.number.as_ref().map(|number| number.carrier.clone()).unwrap_or_default();
    if message.attempt == 0 {
        let why = if app.is_up(&carrier) {
            "It waits for its turn."
        } else {
            "Its carrier's line is down; it leaves as soon as it is up."
        };
        return Step { tone: Tone::Busy, at: None, title: "Waiting", detail: html! { (why) } };
    }
    let times = if message.attempt == 1 { "once".to_owned() } else { format!("{} times", message.attempt) };
    let detail = html! { "To carrier " code { (carrier) } ", " (times) "." };
    Step { tone: Tone::Calm, at: None, title: "Handed over", detail }
}

/// How it ended, or what is still to come.
fn ended(message: &Message) -> Vec<Step> {
    let failure = || {
        let code = message.error_code.map(|code| code.to_string()).unwrap_or_default();
        html! { code { (code) } " " bdi { (message.failure_reason.as_deref().unwrap_or_default()) } }
    };
    let mut steps = Vec::new();
    if let Some(at) = message.delivered_at {
        let by = message.delivered_channel.map_or("its channel", parts::channel_name);
        steps.push(Step {
            tone: Tone::Good,
            at: Some(at),
            title: "Delivered",
            detail: html! { "By " (by) "." },
        });
    }
    if let Some(at) = message.read_at {
        steps.push(Step { tone: Tone::Good, at: Some(at), title: "Read", detail: Markup::default() });
    }
    match message.status {
        Status::Failed => {
            steps.push(Step { tone: Tone::Bad, at: None, title: "Failed", detail: failure() });
        }
        Status::Unconfirmed => {
            let detail = html! { (failure()) " It may or may not have gone out, so it is not sent again." };
            steps.push(Step { tone: Tone::Busy, at: None, title: "Unconfirmed", detail });
        }
        Status::Sent => {
            let detail = html! { "No receipt yet." };
            steps.push(Step { tone: Tone::Busy, at: None, title: "Waiting", detail });
        }
        Status::Queued | Status::Sending | Status::Delivered | Status::Read | Status::Received => {}
    }
    steps
}

fn deliveries_of(ids: &Ids, known: &Known) -> Markup {
    html! {
        @if known.deliveries.is_empty() {
            (parts::empty("Nobody was told", &html! {
                p { "No webhook covered it. Set one for the " a href={ "/numbers/" (known.message.number_id) } { "number" }
                    ", its agent, or the " a href="/webhooks" { "project" } "." }
            }))
        }
        @for story in &known.deliveries {
            section.panel {
                div.headed {
                    h3 {
                        a href={ "/webhooks/" (story.delivery.id) } { code { (story.delivery.kind) } } " "
                        (parts::delivery_status(story.delivery.status))
                    }
                    (delivery::replay_form(ids, &story.delivery))
                }
                (delivery::told(story))
            }
        }
    }
}
