//! One number: whose it is, where its texts go, and giving it back.

use axum::extract::{Path, Query, State};
use axum::response::{Html, Response};
use maud::{Markup, html};

use super::choice::{self, Choice};
use super::form::{Fields, Form, Line, Refused, SHOWN};
use super::layout::{Section, page};
use super::numbers::{kind, status};
use super::parts::{self, Done, Said};
use super::session::SignedIn;
use super::trouble::{self, Answer};
use super::{endpoint, snippets};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{AccountId, NumberId};
use crate::phone::numbers::{self, Number, NumberStatus};
use crate::phone::webhooks::{self, Owner, Webhook};
use crate::stock;

/// What the page shows.
struct Known {
    number: Number,
    /// Whom it may be given to.
    agents: Choice,
    webhook: Option<Webhook>,
}

fn known(tx: &mut Tx<'_>, account: &AccountId, id: &NumberId) -> Result<Known> {
    let number = numbers::get(tx, account, id)?;
    let agents = choice::agents(tx, account, number.agent_id.as_ref())?.or("No agent");
    Ok(Known { number, agents, webhook: webhooks::find(tx, account, &Owner::Number(id.clone()))? })
}

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Answer {
    Ok(shown(&app, account, NumberId::from_text(id), &said.notice(), None).await?)
}

async fn shown(
    app: &App,
    account: AccountId,
    id: NumberId,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let known = app.db.read(move |tx| known(tx, &account, &id)).await?;
    let number = &known.number;
    let is_ours = number.status != NumberStatus::Released;
    let content = html! {
        p.crumbs { a href="/numbers" { "Numbers" } }
        h1.number { (number.e164) }
        (notice)
        (facts(number))
        @if is_ours {
            section.panel { h2 { "Agent" } (owner(&known, refused)) }
            section.panel {
                h2 { "Webhook" }
                p.soft { "Everything texted to this number, as " code { "message.inbound" } ", beside the webhook of its agent or project." }
                (endpoint::panel(&app.ids, &Owner::Number(number.id.clone()), known.webhook.as_ref(), None))
            }
            section.panel { h2 { "Send from it" } (snippets::tabs("send",
                &snippets::send_text(&app.origin(), "YOUR_API_KEY", number.e164.as_str(), "+14155550142"))) }
            p { a href={ "/conversations?number=" (number.id) } { "Conversations of this number" } }
            (parts::danger("Release number", "It goes back to the carrier for good, and people who text it reach nobody.",
                &format!("/numbers/{}/release", number.id), "Release for good", Form::new("release", None)))
        } @else {
            (parts::empty("This number was released", &html! { p { "Its conversations stay." } }))
        }
    };
    Ok(page(Section::Numbers, number.e164.as_str(), &content))
}

fn facts(number: &Number) -> Markup {
    let mut rows = vec![
        ("Id", parts::id("the number's id", number.id.as_str())),
        ("Kind", html! { (kind(number.kind)) }),
        ("Status", status(number.status)),
        ("Carrier", html! { (number.carrier) }),
        ("Since", parts::time(number.created_at)),
    ];
    if let Some(external) = &number.external_id {
        rows.push(("External id", parts::name(external)));
    }
    if let Some(at) = number.expires_at {
        rows.push(("Released on", parts::time(at)));
    }
    parts::facts(&rows)
}

fn owner(known: &Known, refused: Option<&Refused>) -> Markup {
    let form = Form::new("owner", refused);
    let current = known.number.agent_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let line = Line { label: "Speaks for", name: "agent", value: &current, ..Line::default() };
    html! {
        (form.alert())
        form.inline method="post" action={ "/numbers/" (known.number.id) } {
            input type="hidden" name=(SHOWN) value=(form.value(SHOWN, &current));
            (known.agents.agents(form, line))
            button.plain { "Save" }
        }
        @if !current.is_empty() { p { a href={ "/agents/" (current) } { "To the agent" } } }
    }
}

pub async fn change(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let id = NumberId::from_text(id);
    match give(&app, account.clone(), id.clone(), fields.clone()).await {
        Ok(()) => Ok(Done::Saved.at(&format!("/numbers/{id}"))),
        Err(error @ Error::Invalid(_)) => {
            let refused = Refused::by("owner", fields, error)?;
            let page = shown(&app, account, id, &Markup::default(), Some(&refused)).await?;
            Ok(trouble::told(&refused.error, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives the number to an agent, or takes it from the one that has it; nothing, where the form says what it showed.
async fn give(app: &App, account: AccountId, number: NumberId, fields: Fields) -> Result<()> {
    let now = app.clock.now();
    let is_changed = choice::is_other(&fields) || fields.all("agent").next() != fields.all(SHOWN).next();
    let unit = move |tx: &mut Tx<'_>| {
        let held = numbers::held(tx, &account, &number)?;
        if !is_changed {
            return Ok(());
        }
        match (choice::agent(tx, &account, &fields, "agent")?, &held.agent_id) {
            (Some(agent), _) => numbers::attach(tx, &account, &agent, &number, now).map(drop),
            (None, Some(before)) => numbers::detach(tx, &account, before, &number),
            (None, None) => Ok(()),
        }
    };
    app.db.write(unit).await
}

pub async fn release(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
) -> Answer<Response> {
    stock::release(&app, account, NumberId::from_text(id)).await?;
    Ok(Done::Released.at("/numbers"))
}
