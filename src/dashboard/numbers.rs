//! All numbers, and getting another one.

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::once;
use super::parts::{self, Said, Tone, badge};
use super::session::SignedIn;
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::http::extract::camel;
use crate::http::v1::numbers::NewNumber;
use crate::id::{AccountId, Ids};
use crate::phone::agents::{self, Agent};
use crate::phone::numbers::{self, Number, NumberKind, NumberStatus};
use crate::stock;

const SHOWN: i64 = 200;

pub async fn list(State(app): State<App>, SignedIn(account): SignedIn, Query(said): Query<Said>) -> Answer {
    Ok(shown(&app, account, &said.notice(), None).await?)
}

async fn shown(
    app: &App,
    account: AccountId,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let unit = move |tx: &mut Tx<'_>| {
        Ok((numbers::list(tx, &account, SHOWN, 0)?, agents::list(tx, &account, SHOWN, 0)?.0))
    };
    let ((numbers, total), agents) = app.db.read(unit).await?;
    let content = html! {
        h1 { "Numbers" }
        p.lead { "The lines that your agents text from. An iMessage number falls back to SMS where a person has no iMessage." }
        (notice)
        @if numbers.is_empty() {
            (parts::empty("No numbers yet", &html! { p { "Get one below. It can text at once." } }))
        } @else {
            (table(&numbers, &agents))
            @if total > SHOWN { p.soft { "The newest " (SHOWN) " of " (parts::grouped(total)) "." } }
        }
        section.panel { h2 { "Get a number" } (new_number(&app.ids, &agents, refused)) }
    };
    Ok(page(Section::Numbers, "Numbers", &content))
}

fn table(numbers: &[Number], agents: &[Agent]) -> Markup {
    parts::table(
        "Numbers",
        &html! {
            thead { tr { th { "Number" } th { "Kind" } th { "Agent" } th.wide { "Status" } th.wide { "Since" } } }
            tbody {
                @for number in numbers {
                    tr.link {
                        td { a.number href={ "/numbers/" (number.id) } { (number.e164) } }
                        td { (kind(number.kind)) }
                        td { @match agents.iter().find(|agent| Some(&agent.id) == number.agent_id.as_ref()) {
                            Some(agent) => (parts::name(&agent.name)),
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

fn new_number(ids: &Ids, agents: &[Agent], refused: Option<&Refused>) -> Markup {
    let form = Form::new("buy", refused);
    let pair = |sent: &str, read: &str| (sent.to_owned(), read.to_owned());
    let kinds = [pair("sms", "SMS and MMS"), pair("imessage", "iMessage, SMS and MMS")];
    let countries = [pair("US", "United States"), pair("CA", "Canada")];
    let mut owners = vec![pair("", "No agent yet")];
    owners.extend(agents.iter().map(|agent| (agent.id.to_string(), agent.name.clone())));
    html! {
        (form.alert())
        form.fields.columns method="post" action="/numbers" {
            (once::token_of(form, ids))
            (form.choice(Line { label: "Kind", name: "type", ..Line::default() }, &kinds))
            (form.choice(Line { label: "Country", name: "country", ..Line::default() }, &countries))
            (form.line(Line { label: "Area code", name: "areaCode", hint: "Three digits, or any if empty.",
                longest: Some(3), ..Line::default() }))
            (form.choice(Line { label: "Agent", name: "agentId", ..Line::default() }, &owners))
            button { "Get number" }
        }
    }
}

pub async fn buy(State(app): State<App>, SignedIn(account): SignedIn, fields: Fields) -> Answer<Response> {
    let wanted = ["type", "country", "areaCode", "agentId"].into_iter();
    let body: Map<String, Value> = wanted
        .filter_map(|name| Some((name.to_owned(), Value::String(fields.filled(name)?.to_owned()))))
        .collect();
    let bought = match camel::<NewNumber>(Value::Object(body)).and_then(|wanted| wanted.wish(&app)) {
        Ok(wish) => {
            let (here, owner) = (app.clone(), account.clone());
            let buy = async move |key| Ok(stock::buy(&here, &owner, &wish, key).await?.id.to_string());
            once::act(&app, once::key(&account, "number", &fields), buy).await
        }
        Err(error) => Err(error),
    };
    match bought {
        Ok(id) => Ok(Redirect::to(&format!("/numbers/{id}?done=created")).into_response()),
        Err(error) => {
            let refused = Refused::by("buy", fields, error)?;
            Ok(trouble::told(&refused.error, shown(&app, account, &Markup::default(), Some(&refused)).await?))
        }
    }
}
