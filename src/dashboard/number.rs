//! One number: whose it is, where its texts go, and giving it back.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::form::{Fields, Form, Line, SHOWN};
use super::layout::{Section, page};
use super::numbers::{kind, status};
use super::parts::{self, Done, Said};
use super::session::SignedIn;
use super::trouble::Answer;
use super::{endpoint, snippets};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, AgentId, NumberId};
use crate::phone::agents::{self, Agent};
use crate::phone::numbers::{self, Number, NumberStatus};
use crate::phone::webhooks::{self, Owner, Webhook};
use crate::stock;

/// What the page shows.
struct Known {
    number: Number,
    /// Whom it may be given to: the newest, and always the one that has it.
    agents: Vec<Agent>,
    webhook: Option<Webhook>,
}

fn known(tx: &mut Tx<'_>, account: &AccountId, id: &NumberId) -> Result<Known> {
    let number = numbers::get(tx, account, id)?;
    let mut agents = agents::list(tx, account, 200, 0)?.0;
    if let Some(current) = number.agent_id.as_ref().filter(|id| agents.iter().all(|agent| agent.id != **id)) {
        agents.push(agents::get(tx, account, current)?);
    }
    Ok(Known { number, agents, webhook: webhooks::find(tx, account, &Owner::Number(id.clone()))? })
}

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Answer<Response> {
    let id = NumberId::from_text(id);
    let known = app.db.read(move |tx| known(tx, &account, &id)).await?;
    let number = &known.number;
    let is_ours = number.status != NumberStatus::Released;
    let content = html! {
        p.crumbs { a href="/numbers" { "Numbers" } }
        h1.number { (number.e164) }
        (said.notice())
        (facts(number))
        @if is_ours {
            section.panel { h2 { "Agent" } (owner(&known)) }
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
    Ok(page(Section::Numbers, number.e164.as_str(), &content).into_response())
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

fn owner(known: &Known) -> Markup {
    let form = Form::new("owner", None);
    let current = known.number.agent_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut options = vec![(String::new(), "No agent".to_owned())];
    options.extend(known.agents.iter().map(|agent| (agent.id.to_string(), agent.name.clone())));
    html! {
        form.inline method="post" action={ "/numbers/" (known.number.id) } {
            input type="hidden" name=(SHOWN) value=(current);
            (form.choice(Line { label: "Speaks for", name: "agent", value: &current, ..Line::default() }, &options))
            button.plain { "Save" }
        }
        @if !current.is_empty() { p { a href={ "/agents/" (current) } { "To the agent" } } }
    }
}

/// Gives the number to an agent, or takes it from the one that has it; nothing, where the form says what it showed.
pub async fn change(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let (number, agent, now) =
        (NumberId::from_text(&id), fields.filled("agent").map(AgentId::from_text), app.clock.now());
    let is_changed = fields.all("agent").next() != fields.all(SHOWN).next();
    let unit = move |tx: &mut Tx<'_>| {
        let held = numbers::held(tx, &account, &number)?;
        if !is_changed {
            return Ok(());
        }
        match (&agent, &held.agent_id) {
            (Some(agent), _) => numbers::attach(tx, &account, agent, &number, now).map(drop),
            (None, Some(before)) => numbers::detach(tx, &account, before, &number),
            (None, None) => Ok(()),
        }
    };
    app.db.write(unit).await?;
    Ok(Done::Saved.at(&format!("/numbers/{id}")))
}

pub async fn release(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
) -> Answer<Response> {
    stock::release(&app, account, NumberId::from_text(id)).await?;
    Ok(Done::Released.at("/numbers"))
}
