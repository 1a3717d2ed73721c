//! One webhook, whoever's it is: where events go, the secret that signs them, and trying it out. The panel stands on
//! the pages of its owners; the page of its own shows a refused form or the secret.

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::deliveries;
use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::once;
use super::parts::{self, Done, Said, Tone, badge};
use super::session::SignedIn;
use super::shown::{self, Print};
use super::snippets;
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::http::api::webhooks::NewNumberWebhook;
use crate::http::extract::{camel, snake};
use crate::http::v1::webhook_tests;
use crate::http::v1::webhooks::NewWebhook;
use crate::id::{AccountId, AgentId, Ids, NumberId, WebhookId};
use crate::jobs::test_webhook::{self, Sample};
use crate::phone::deliveries::{self as log, Delivery};
use crate::phone::webhooks::{self, Draft, Owner, Settings, Subscription, USUAL, Webhook, WebhookStatus};
use crate::phone::{agents, numbers};
use crate::signature::Secret;

/// What an account's or agent's webhook can be told of.
const EVENTS: &[(Subscription, &str)] = &[
    (Subscription::AgentMessage, "A person texted"),
    (Subscription::AgentReaction, "A person reacted"),
    (Subscription::MessageSent, "The carrier accepted a message"),
    (Subscription::MessageDelivered, "A message arrived"),
    (Subscription::MessageRead, "A message was read"),
    (Subscription::MessageFailed, "A message failed"),
    (Subscription::MessageUnconfirmed, "It is not known whether a message left"),
    (Subscription::AgentCallEnded, "A call ended"),
];

/// The last part of an owner's path: `account`, or the id of an agent or number.
fn name_of(owner: &Owner) -> &str {
    match owner {
        Owner::Account => "account",
        Owner::Agent(id) => id.as_str(),
        Owner::Number(id) => id.as_str(),
    }
}

fn owner_of(name: &str) -> Owner {
    if name == "account" {
        Owner::Account
    } else if name.starts_with(NumberId::PREFIX) {
        Owner::Number(NumberId::from_text(name))
    } else {
        Owner::Agent(AgentId::from_text(name))
    }
}

/// The page on which the owner's webhook stands.
fn home(owner: &Owner) -> String {
    match owner {
        Owner::Account => "/webhooks".to_owned(),
        Owner::Agent(id) => format!("/agents/{id}"),
        Owner::Number(id) => format!("/numbers/{id}"),
    }
}

/// How the owner is called; fails unless it is this account's.
fn title(tx: &mut Tx<'_>, account: &AccountId, owner: &Owner) -> Result<String> {
    match owner {
        Owner::Account => Ok("the project".to_owned()),
        Owner::Agent(id) => agents::get(tx, account, id).map(|agent| agent.name),
        Owner::Number(id) => numbers::held(tx, account, id).map(|number| number.e164.to_string()),
    }
}

/// The forms of a webhook.
pub fn panel(ids: &Ids, owner: &Owner, webhook: Option<&Webhook>, refused: Option<&Refused>) -> Markup {
    let base = format!("/endpoints/{}", name_of(owner));
    let is_set = webhook.is_some_and(|webhook| webhook.url.is_some());
    html! {
        @if let Some(webhook) = webhook.filter(|_| is_set) { p { (health(webhook)) } }
        (settings(&base, owner, webhook, refused))
        @if is_set || matches!(owner, Owner::Number(_)) {
            div.actions {
                @if is_set {
                    form method="post" action={ (base) "/test" } { (once::token(ids)) button.plain { "Send a test" } }
                }
                @if webhook.is_some() {
                    form method="post" action={ (base) "/secret" } { button.plain { "Reveal secret" } }
                    form method="post" action={ (base) "/rotate" } { (once::token(ids)) button.plain { "Rotate secret" } }
                }
                @if is_set {
                    form method="post" action={ (base) "/delete" } { button.quiet.bad { "Remove" } }
                }
            }
        }
    }
}

/// Whether deliveries arrive.
pub fn health(webhook: &Webhook) -> Markup {
    html! {
        @match webhook.status() {
            WebhookStatus::Active => (badge(Tone::Good, "active")),
            WebhookStatus::Failing => {
                (badge(Tone::Bad, "failing")) " " span.soft { (webhook.failures) " attempts in a row have failed" }
            }
        }
    }
}

fn settings(base: &str, owner: &Owner, webhook: Option<&Webhook>, refused: Option<&Refused>) -> Markup {
    let form = Form::new("webhook", refused);
    let set = webhook.filter(|webhook| webhook.url.is_some());
    let url = set.and_then(|webhook| webhook.url.clone()).unwrap_or_default();
    let is_number = matches!(owner, Owner::Number(_));
    let (timeout_name, usual) = if is_number { ("timeout_seconds", 10) } else { ("timeout", 30) };
    let timeout = set.map_or(usual, |webhook| webhook.timeout_millis / 1000).to_string();
    let url = Line {
        label: "URL",
        name: "url",
        kind: "url",
        value: &url,
        placeholder: "https://example.com/hook",
        required: true,
        longest: Some(2083),
        ..Line::default()
    };
    let timeout =
        Line { label: "Timeout, in seconds", name: timeout_name, value: &timeout, ..Line::default() };
    html! {
        (form.alert())
        form.fields method="post" action=(base) {
            (shown::field(form, &print(webhook), &stored(set)))
            (form.line(url))
            details.more open[refused.is_some()] {
                summary { "Options" }
                (form.line(timeout))
                @if !is_number { (told(form, set)) }
            }
            button { @if set.is_some() { "Save webhook" } @else { "Set webhook" } }
        }
    }
}

/// What its form shows of a webhook.
fn print(webhook: Option<&Webhook>) -> Print {
    let shown = webhook.and_then(|webhook| {
        let Webhook { context_limit, timeout_millis, events, .. } = webhook;
        Some(json!([webhook.url.as_ref()?, context_limit, timeout_millis, events]).to_string())
    });
    Print::of(shown.as_deref())
}

fn stored(set: Option<&Webhook>) -> Markup {
    let Some(webhook) = set else { return html! { p { "No webhook." } } };
    let events: Vec<_> = webhook.events.iter().map(|event| event.as_str()).collect();
    parts::facts(&[
        ("URL", parts::text(webhook.url.as_deref().unwrap_or_default())),
        ("Timeout, in seconds", html! { (webhook.timeout_millis / 1000) }),
        ("History, in messages", html! { (webhook.context_limit) }),
        ("Events", html! { (events.join(", ")) }),
    ])
}

/// What an account's or agent's webhook is told: how much of the past, and which events.
fn told(form: Form<'_>, set: Option<&Webhook>) -> Markup {
    let chosen = set.map_or(USUAL.as_slice(), |webhook| webhook.events.as_slice());
    let context = set.map_or(10, |webhook| webhook.context_limit).to_string();
    let context = Line {
        label: "History, in messages",
        name: "contextLimit",
        value: &context,
        hint: "How much of the conversation an event carries.",
        ..Line::default()
    };
    html! {
        (form.line(context))
        fieldset {
            legend { "Events" }
            @for (event, what) in EVENTS {
                @let label = format!("{what} ({event})");
                (form.check(&label, "events", event.as_str(), chosen.contains(event)))
            }
            p.hint { "A person's texts are always among them." }
        }
    }
}

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(name): Path<String>,
    Query(said): Query<Said>,
) -> Answer {
    Ok(shown(&app, account, owner_of(&name), &said.notice(), None).await?)
}

async fn shown(
    app: &App,
    account: AccountId,
    owner: Owner,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let wanted = owner.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let title = title(tx, &account, &wanted)?;
        let webhook = webhooks::find(tx, &account, &wanted)?;
        let recent: Vec<Delivery> = match &webhook {
            Some(webhook) => log::page(tx, &account, Some(&webhook.id), None, 10)?,
            None => Vec::new(),
        };
        Ok((title, webhook, recent))
    };
    let (title, webhook, recent) = app.db.read(unit).await?;
    let content = html! {
        p.crumbs { a href=(home(&owner)) { "Back" } }
        h1 { "Webhook of " (parts::name(&title)) }
        (notice)
        section.panel { (panel(&app.ids, &owner, webhook.as_ref(), refused)) }
        @if !recent.is_empty() { h2 { "Latest deliveries" } (deliveries::table(&recent)) }
    };
    Ok(page(Section::Webhooks, "Webhook", &content))
}

/// The same checks as the API's.
fn wanted(app: &App, owner: &Owner, fields: &Fields) -> Result<Settings> {
    let number = |name: &str| {
        let text = fields.filled(name)?;
        Some(text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from))
    };
    let url = fields.get("url").trim();
    let guard = app.net.guard();
    if matches!(owner, Owner::Number(_)) {
        let body = json!({"url": url, "timeout_seconds": number("timeout_seconds")});
        return snake::<NewNumberWebhook>(body)?.settings(guard);
    }
    let events: Vec<&str> = fields.all("events").collect();
    let body = json!({"url": url, "timeout": number("timeout"), "contextLimit": number("contextLimit"),
                      "events": events});
    camel::<NewWebhook>(body)?.settings(guard)
}

pub async fn set(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(name): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let owner = owner_of(&name);
    match save(&app, account.clone(), owner.clone(), &fields).await {
        Ok(()) => Ok(Done::Saved.at(&home(&owner))),
        Err(error) => {
            let refused = Refused::by("webhook", fields, error)?;
            let page = shown(&app, account, owner, &Markup::default(), Some(&refused)).await?;
            Ok(trouble::told(&refused.error, page))
        }
    }
}

async fn save(app: &App, account: AccountId, owner: Owner, fields: &Fields) -> Result<()> {
    let settings = wanted(app, &owner, fields)?;
    let (id, secret) = (WebhookId::new(&app.ids), Secret::new(&app.ids));
    let draft = Draft { id, secret, keep_secret: true, now: app.clock.now() };
    let shown = Print::sent(fields);
    let unit = move |tx: &mut Tx<'_>| {
        title(tx, &account, &owner)?;
        let before = webhooks::find(tx, &account, &owner)?;
        let after = webhooks::set(tx, &account, &owner, &settings, &draft)?;
        shown.allow(&print(before.as_ref()), &print(Some(&after)))
    };
    app.db.write(unit).await
}

pub async fn delete(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(name): Path<String>,
) -> Answer<Response> {
    let owner = owner_of(&name);
    let wanted = owner.clone();
    let unit = move |tx: &mut Tx<'_>| {
        title(tx, &account, &wanted)?;
        webhooks::delete(tx, &account, &wanted)
    };
    app.db.write(unit).await?;
    Ok(Done::Deleted.at(&home(&owner)))
}

pub async fn rotate(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(name): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let (owner, secret, now) = (owner_of(&name), Secret::new(&app.ids), app.clock.now());
    let (key, wanted) = (once::key(&account, "rotate", &fields), owner.clone());
    let unit = move |tx: &mut Tx<'_>| {
        title(tx, &account, &wanted)?;
        webhooks::rotate(tx, &account, &wanted, &secret, now)
    };
    once::write(&app, key, name, unit).await?;
    Ok(Done::Rotated.at(&home(&owner)))
}

/// The secret, and how to check signatures with it. A form of its own, so that it stands in no page's source.
pub async fn reveal(State(app): State<App>, SignedIn(account): SignedIn, Path(name): Path<String>) -> Answer {
    let owner = owner_of(&name);
    let wanted = owner.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let missing = || Error::refused(Code::NotFound, "There is no webhook yet; set one first");
        Ok((title(tx, &account, &wanted)?, webhooks::find(tx, &account, &wanted)?.ok_or_else(missing)?))
    };
    let (title, webhook) = app.db.read(unit).await?;
    let secret = webhook.secret.expose();
    let (header, with_time) = match owner {
        Owner::Number(_) => ("X-AgentPhone-Signature", false),
        Owner::Account | Owner::Agent(_) => ("X-Webhook-Signature", true),
    };
    let content = html! {
        p.crumbs { a href=(home(&owner)) { "Back" } }
        h1 { "Secret of " (parts::name(&title)) }
        p.secret { (parts::id("the secret", secret)) }
        @if let Some(until) = webhook.previous_until.filter(|until| *until > app.clock.now()) {
            p.soft { "The secret before it goes on signing until " (parts::time(until)) "." }
        }
        h2 { "Check signatures with it" }
        (snippets::tabs("verify", &snippets::verify(header, secret, with_time)))
        p.soft { "Libraries for Standard Webhooks work too: each delivery carries " code { "webhook-signature" } "." }
    };
    Ok(page(Section::Webhooks, "Secret", &content))
}

/// Sends a test and shows how it went.
pub async fn test(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(name): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let (owner, key) = (owner_of(&name), once::key(&account, "test", &fields));
    let (webhook, sample) = app.db.read(move |tx| tested(tx, &account, &owner)).await?;
    let here = app.clone();
    let run = async move |key| Ok(test_webhook::run(&here, webhook, sample, key).await?.delivery.to_string());
    let delivery = once::act(&app, key, run).await?;
    Ok(Redirect::to(&format!("/webhooks/{delivery}")).into_response())
}

fn tested(tx: &mut Tx<'_>, account: &AccountId, owner: &Owner) -> Result<(Webhook, Sample)> {
    let (webhook, sample) = match owner {
        Owner::Account => webhook_tests::find(tx, account, None, true)?,
        Owner::Agent(id) => webhook_tests::find(tx, account, Some(id), false)?,
        Owner::Number(id) => {
            let to = numbers::held(tx, account, id)?.e164.to_string();
            let missing = || Error::refused(Code::NotFound, "There is no webhook to test; set one first");
            let webhook = webhooks::find(tx, account, owner)?.ok_or_else(missing)?;
            (webhook, Sample { to, ..Sample::default() })
        }
    };
    if webhook.url.is_none() {
        return Err(Error::refused(Code::NotFound, "There is no webhook to test; set one first"));
    }
    Ok((webhook, sample))
}
