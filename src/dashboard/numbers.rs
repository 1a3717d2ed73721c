//! All numbers, and getting another one.

use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::choice::{self, Choice};
use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::once;
use super::paging::{Before, cut, place};
use super::parts::{self, Said, Tone, badge};
use super::session::SignedIn;
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::http::extract::camel;
use crate::http::v1::numbers::NewNumber;
use crate::id::{AccountId, AgentId, Ids, NumberId};
use crate::phone::agents;
use crate::phone::numbers::{self, Cursor, Number, NumberKind, NumberStatus};
use crate::stock;

const PAGE: i64 = 100;

/// What the page shows: numbers, the names of their agents, and whom another one may be for.
struct Known {
    numbers: Vec<Number>,
    next: Option<String>,
    names: HashMap<AgentId, String>,
    owners: Choice,
}

fn known(tx: &mut Tx<'_>, account: &AccountId, before: Option<&Cursor>) -> Result<Known> {
    let mut numbers = numbers::page(tx, account, before, PAGE + 1)?;
    let next = cut(&mut numbers, PAGE, |last| place(last.created_at, last.id.as_str()));
    let names = agents::names(tx, account, numbers.iter().filter_map(|number| number.agent_id.as_ref()))?;
    let owners = choice::agents(tx, account, None)?.or("No agent yet");
    Ok(Known { numbers, next, names, owners })
}

pub async fn list(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Query(before): Query<Before>,
    Query(said): Query<Said>,
) -> Answer {
    let before = before.cursor(NumberId::from_text);
    Ok(shown(&app, account, before, &said.notice(), None).await?)
}

async fn shown(
    app: &App,
    account: AccountId,
    before: Option<Cursor>,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let known = app.db.read(move |tx| known(tx, &account, before.as_ref())).await?;
    let Known { numbers, next, names, owners } = known;
    let content = html! {
        h1 { "Numbers" }
        p.lead { "The lines that your agents text from. An iMessage number falls back to SMS where a person has no iMessage." }
        (notice)
        @if numbers.is_empty() {
            (parts::empty("No numbers yet", &html! { p { "Get one below. It can text at once." } }))
        } @else {
            (table(&numbers, &names))
            (parts::older(next.map(|next| format!("/numbers?before={next}"))))
        }
        section.panel { h2 { "Get a number" } (new_number(&app.ids, &owners, refused)) }
    };
    Ok(page(Section::Numbers, "Numbers", &content))
}

fn table(numbers: &[Number], names: &HashMap<AgentId, String>) -> Markup {
    parts::table(
        "Numbers",
        &html! {
            thead { tr { th { "Number" } th { "Kind" } th { "Agent" } th.wide { "Status" } th.wide { "Since" } } }
            tbody {
                @for number in numbers {
                    tr.link {
                        td { a.number href={ "/numbers/" (number.id) } { (number.e164) } }
                        td { (kind(number.kind)) }
                        td { @match number.agent_id.as_ref().and_then(|agent| names.get(agent)) {
                            Some(name) => (parts::name(name)),
                            None => span.soft { "none" },
                        } }
                        td.wide { (status(number.status)) }
                        td.wide { (parts::short_time(number.created_at)) }
                    }
                }
            }
        },
    )
}

pub const fn kind(kind: NumberKind) -> &'static str {
    match kind {
        NumberKind::Sms => "SMS",
        NumberKind::Imessage => "iMessage",
    }
}

pub fn status(status: NumberStatus) -> Markup {
    let tone = match status {
        NumberStatus::Active => Tone::Good,
        NumberStatus::Activating => Tone::Busy,
        NumberStatus::Suspended => Tone::Bad,
        NumberStatus::Released => Tone::Calm,
    };
    badge(tone, status.as_str())
}

fn new_number(ids: &Ids, owners: &Choice, refused: Option<&Refused>) -> Markup {
    let form = Form::new("buy", refused);
    let pair = |sent: &str, read: &str| (sent.to_owned(), read.to_owned());
    let kinds = [pair("sms", "SMS and MMS"), pair("imessage", "iMessage, SMS and MMS")];
    let countries = [pair("US", "United States"), pair("CA", "Canada")];
    html! {
        (form.alert())
        form.fields.columns method="post" action="/numbers" {
            (once::token_of(form, ids))
            (form.choice(Line { label: "Kind", name: "type", ..Line::default() }, &kinds))
            (form.choice(Line { label: "Country", name: "country", ..Line::default() }, &countries))
            (form.line(Line { label: "Area code", name: "areaCode", hint: "Three digits, or any if empty.",
                longest: Some(3), ..Line::default() }))
            (owners.agents(form, Line { label: "Agent", name: "agentId", ..Line::default() }))
            button { "Get number" }
        }
    }
}

pub async fn buy(State(app): State<App>, SignedIn(account): SignedIn, fields: Fields) -> Answer<Response> {
    match bought(&app, account.clone(), &fields).await {
        Ok(id) => Ok(Redirect::to(&format!("/numbers/{id}?done=created")).into_response()),
        Err(error) => {
            let refused = Refused::by("buy", fields, error)?;
            let page = shown(&app, account, None, &Markup::default(), Some(&refused)).await?;
            Ok(trouble::told(&refused.error, page))
        }
    }
}

async fn bought(app: &App, account: AccountId, fields: &Fields) -> Result<String> {
    let (owner, sent) = (account.clone(), fields.clone());
    let agent = app.db.read(move |tx| choice::agent(tx, &owner, &sent, "agentId")).await?;
    let wanted = ["type", "country", "areaCode"].into_iter();
    let mut body: Map<String, Value> = wanted
        .filter_map(|name| Some((name.to_owned(), Value::String(fields.filled(name)?.to_owned()))))
        .collect();
    body.extend(agent.map(|agent| ("agentId".to_owned(), Value::String(agent.to_string()))));
    let wish = camel::<NewNumber>(Value::Object(body))?.wish(app)?;
    let (here, key) = (app.clone(), once::key(&account, "number", fields));
    let buy = async move |key| Ok(stock::buy(&here, &account, &wish, key).await?.id.to_string());
    once::act(app, key, buy).await
}
