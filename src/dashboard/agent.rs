//! One agent: what it is told to be, its numbers, its webhook.

use axum::extract::{Path, Query, State};
use axum::response::{Html, Response};
use maud::{Markup, html};
use serde_json::json;

use super::choice::{self, Choice};
use super::endpoint;
use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::numbers::kind;
use super::parts::{self, Done, Said};
use super::session::SignedIn;
use super::shown::{self, Print};
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::v1::agents::{delete as delete_agent, rules};
use crate::id::{AccountId, AgentId, NumberId};
use crate::phone::agents::{self, Agent};
use crate::phone::numbers;
use crate::phone::profile::{AgentFields, Profile};
use crate::phone::webhooks::{self, Owner, Webhook};

/// What the page shows.
struct Known {
    agent: Agent,
    webhook: Option<Webhook>,
    /// Numbers that could be attached.
    others: Choice,
}

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Answer {
    Ok(shown(&app, account, AgentId::from_text(id), &said.notice(), None).await?)
}

fn known(tx: &mut Tx<'_>, account: &AccountId, id: &AgentId) -> Result<Known> {
    let agent = agents::get(tx, account, id)?;
    let webhook = webhooks::find(tx, account, &Owner::Agent(id.clone()))?;
    let others = choice::numbers(tx, account, None, |number| number.agent_id.as_ref() != Some(id))?;
    Ok(Known { agent, webhook, others })
}

async fn shown(
    app: &App,
    account: AccountId,
    id: AgentId,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let known = app.db.read(move |tx| known(tx, &account, &id)).await?;
    let Known { agent, webhook, others } = &known;
    let content = html! {
        p.crumbs { a href="/agents" { "Agents" } }
        h1 { (parts::name(&agent.name)) }
        p { (parts::id("the agent's id", agent.id.as_str())) " " span.soft { "created " (parts::time(agent.created_at)) } }
        (notice)
        section.panel { h2 { "Instructions" } (profile(agent, refused)) }
        section.panel { h2 { "Numbers" } (attached(agent, others, refused)) }
        section.panel {
            h2 { "Webhook" }
            p.soft { "What people text to this agent's numbers goes here; without one, to the webhook of the project." }
            (endpoint::panel(&app.ids, &Owner::Agent(agent.id.clone()), webhook.as_ref(), None))
        }
        p { a href={ "/conversations?agent=" (agent.id) } { "Conversations of this agent" } }
        (parts::danger("Delete agent", "Its numbers and conversations stay. Its webhook is deleted with it.",
            &format!("/agents/{}/delete", agent.id), "Delete agent", Form::new("delete", refused)))
    };
    Ok(page(Section::Agents, &agent.name, &content))
}

fn profile(agent: &Agent, refused: Option<&Refused>) -> Markup {
    let form = Form::new("agent", refused);
    let profile = &agent.profile;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (description, prompt) = (text(&profile.description), text(&profile.system_prompt));
    html! {
        (form.alert())
        form.fields method="post" action={ "/agents/" (agent.id) } {
            (shown::field(form, &print(agent), &stored(agent)))
            (form.line(Line { label: "Name", name: "name", value: &agent.name, required: true, longest: Some(200),
                ..Line::default() }))
            (form.line(Line { label: "Description", name: "description", value: &description,
                hint: "For you and your colleagues; people never see it.", ..Line::default() }))
            (form.area(Line { label: "System prompt", name: "systemPrompt", value: &prompt,
                hint: "What a hosted model is told to be. A webhook of your own does not need it.", ..Line::default() }, 6))
            (form.check("Takes part in messaging", "enableMessaging", "yes", profile.enable_messaging))
            button { "Save" }
        }
    }
}

/// What its form shows of an agent.
fn print(agent: &Agent) -> Print {
    let Profile { description, system_prompt, enable_messaging, .. } = &agent.profile;
    Print::of(Some(&json!([agent.name, description, system_prompt, enable_messaging]).to_string()))
}

fn stored(agent: &Agent) -> Markup {
    let profile = &agent.profile;
    let text = |text: &Option<String>| parts::text(text.as_deref().unwrap_or_default());
    parts::facts(&[
        ("Name", parts::name(&agent.name)),
        ("Description", text(&profile.description)),
        ("System prompt", text(&profile.system_prompt)),
        ("Takes part in messaging", html! { @if profile.enable_messaging { "yes" } @else { "no" } }),
    ])
}

fn attached(agent: &Agent, others: &Choice, refused: Option<&Refused>) -> Markup {
    let form = Form::new("attach", refused);
    html! {
        @if agent.numbers.is_empty() { p.soft { "None yet. The first one attached is the one it texts from." } }
        ul.rows {
            @for number in &agent.numbers {
                li {
                    a.number href={ "/numbers/" (number.id) } { (number.phone_number) }
                    span.soft { (kind(number.kind)) }
                    form method="post" action={ "/agents/" (agent.id) "/numbers/" (number.id) "/detach" } {
                        button.quiet { "Detach" span.unseen { " " (number.phone_number) } }
                    }
                }
            }
        }
        (form.alert())
        @if others.is_empty() {
            p { a href="/numbers" { "Get another number" } }
        } @else {
            form.inline method="post" action={ "/agents/" (agent.id) "/numbers" } {
                (others.numbers(form, Line { label: "Another number", name: "number", ..Line::default() }))
                button.plain { "Attach" }
            }
        }
    }
}

pub async fn change(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let (id, rules) = (AgentId::from_text(id), rules(&app));
    let wanted: AgentFields = serde_json::from_value(json!({
        "name": fields.get("name").trim(),
        "description": fields.get("description"),
        "systemPrompt": fields.get("systemPrompt"),
        "enableMessaging": !fields.get("enableMessaging").is_empty(),
    }))
    .map_err(|problem| Error::Internal(problem.into()))?;
    let (owner, agent, shown) = (account.clone(), id.clone(), Print::sent(&fields));
    let unit = move |tx: &mut Tx<'_>| {
        let before = agents::get(tx, &owner, &agent)?;
        let after = agents::update(tx, &owner, &agent, &wanted, &rules)?;
        shown.allow(&print(&before), &print(&after))
    };
    match app.db.write(unit).await {
        Ok(()) => Ok(Done::Saved.at(&format!("/agents/{id}"))),
        Err(error) => Ok(refuse(&app, account, id, "agent", fields, error).await?),
    }
}

pub async fn attach(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let (agent, now, region) = (AgentId::from_text(&id), app.clock.now(), app.region);
    let (owner, wanted, sent) = (account.clone(), agent.clone(), fields.clone());
    let unit = move |tx: &mut Tx<'_>| {
        let number = choice::number(tx, &owner, &sent, "number", region)?;
        let number = number.unwrap_or_else(|| NumberId::from_text(""));
        numbers::attach(tx, &owner, &wanted, &number, now)
    };
    match app.db.write(unit).await {
        Ok(_) => Ok(Done::Saved.at(&format!("/agents/{id}"))),
        Err(error @ Error::Invalid(_)) => Ok(refuse(&app, account, agent, "attach", fields, error).await?),
        Err(error) => Err(error.into()),
    }
}

async fn refuse(
    app: &App,
    account: AccountId,
    id: AgentId,
    form: &'static str,
    fields: Fields,
    error: Error,
) -> Result<Response> {
    let refused = Refused::by(form, fields, error)?;
    let page = shown(app, account, id, &Markup::default(), Some(&refused)).await?;
    Ok(trouble::told(&refused.error, page))
}

pub async fn detach(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path((id, number)): Path<(String, String)>,
) -> Answer<Response> {
    let (agent, number) = (AgentId::from_text(&id), NumberId::from_text(number));
    app.db.write(move |tx| numbers::detach(tx, &account, &agent, &number)).await?;
    Ok(Done::Saved.at(&format!("/agents/{id}")))
}

pub async fn delete(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
) -> Answer<Response> {
    delete_agent(&app, account, AgentId::from_text(id)).await?;
    Ok(Done::Deleted.at("/agents"))
}
