//! All agents, and a new one.

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::json;

use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::once;
use super::paging::{Before, cut, place};
use super::parts::{self, Said};
use super::session::SignedIn;
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::v1::agents::rules;
use crate::id::{AccountId, AgentId, Ids};
use crate::phone::agents::{self, Agent, Cursor};
use crate::phone::profile::AgentFields;

const PAGE: i64 = 100;

pub async fn list(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Query(before): Query<Before>,
    Query(said): Query<Said>,
) -> Answer {
    let before = before.cursor(AgentId::from_text);
    Ok(shown(&app, account, before, &said.notice(), None).await?)
}

async fn shown(
    app: &App,
    account: AccountId,
    before: Option<Cursor>,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let unit = move |tx: &mut Tx<'_>| agents::page(tx, &account, before.as_ref(), PAGE + 1);
    let mut agents = app.db.read(unit).await?;
    let next = cut(&mut agents, PAGE, |last| place(last.created_at, last.id.as_str()));
    let content = html! {
        h1 { "Agents" }
        p.lead { "An agent is who texts and is texted. It speaks through the numbers attached to it." }
        (notice)
        (new_agent(&app.ids, refused))
        @if agents.is_empty() {
            (parts::empty("No agents yet", &html! { p { "Name one above, then attach a number to it." } }))
        } @else {
            (table(&agents))
            (parts::older(next.map(|next| format!("/agents?before={next}"))))
        }
    };
    Ok(page(Section::Agents, "Agents", &content))
}

fn new_agent(ids: &Ids, refused: Option<&Refused>) -> Markup {
    let form = Form::new("new-agent", refused);
    let name = Line {
        label: "Name",
        name: "name",
        placeholder: "Front desk",
        required: true,
        longest: Some(200),
        ..Line::default()
    };
    html! {
        (form.alert())
        form.inline method="post" action="/agents" {
            (once::token_of(form, ids))
            (form.line(name))
            button { "Create agent" }
        }
    }
}

fn table(agents: &[Agent]) -> Markup {
    parts::table(
        "Agents",
        &html! {
            thead { tr { th { "Name" } th { "Numbers" } th.wide { "Created" } } }
            tbody {
                @for agent in agents {
                    tr.link {
                        td { a href={ "/agents/" (agent.id) } { (parts::name(&agent.name)) } }
                        td {
                            @for number in &agent.numbers { span.number { (number.phone_number) } " " }
                            @if agent.numbers.is_empty() { span.soft { "none" } }
                        }
                        td.wide { (parts::short_time(agent.created_at)) }
                    }
                }
            }
        },
    )
}

pub async fn create(State(app): State<App>, SignedIn(account): SignedIn, fields: Fields) -> Answer<Response> {
    let wanted = serde_json::from_value::<AgentFields>(json!({"name": fields.get("name").trim()}));
    let wanted = wanted.map_err(|problem| Error::Internal(problem.into()))?;
    let made = match agents::draft(AgentId::new(&app.ids), wanted, app.clock.now(), &rules(&app)) {
        Ok(agent) => {
            let (owner, key, id) =
                (account.clone(), once::key(&account, "agent", &fields), agent.id.to_string());
            once::write(&app, key, id, move |tx| agents::create(tx, &owner, &agent)).await
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => Ok(Redirect::to(&format!("/agents/{id}?done=created")).into_response()),
        Err(error) => {
            let refused = Refused::by("new-agent", fields, error)?;
            Ok(trouble::told(
                &refused.error,
                shown(&app, account, None, &Markup::default(), Some(&refused)).await?,
            ))
        }
    }
}
