//! Settings: the project's name, the password, who is signed in, and what this server is.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, Response};
use maud::{Markup, html};

use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page as section_page};
use super::parts::{self, Done, Said};
use super::password;
use super::session::{self, SignedIn};
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;
use crate::phone::accounts::{self, Account};
use crate::phone::sign_ins::{self, Session};

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    headers: HeaderMap,
    Query(said): Query<Said>,
) -> Answer {
    Ok(page(&app, &account, &headers, &said.notice(), None).await?)
}

/// The page, also where a form of it was refused.
pub async fn page(
    app: &App,
    account: &AccountId,
    headers: &HeaderMap,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let asks = password::asks(app, account, headers).await?;
    let (id, now) = (account.clone(), app.clock.now());
    let unit = move |tx: &mut Tx<'_>| Ok((accounts::get(tx, &id)?, sign_ins::sessions(tx, &id, now)?));
    let (account, sessions) = app.db.read(unit).await?;
    let mine = session::token(headers).map(sign_ins::hash);
    let content = html! {
        h1 { "Settings" }
        (notice)
        section.panel { h2 { "Project" } (project(&account, refused)) }
        section.panel { h2 { "Password" } (password::form(asks, &account.name, refused)) }
        section.panel { h2 { "Signed in" } (signed_in(&sessions, mine.as_deref())) }
        section.panel { h2 { "This server" } (server(app)) }
    };
    Ok(section_page(Section::Settings, "Settings", &content))
}

fn project(account: &Account, refused: Option<&Refused>) -> Markup {
    let form = Form::new("project", refused);
    let name = Line {
        label: "Name",
        name: "name",
        value: &account.name,
        required: true,
        longest: Some(200),
        ..Line::default()
    };
    html! {
        p { (parts::id("the project's id", account.id.as_str())) }
        (form.alert())
        form.inline method="post" action="/settings" { (form.line(name)) button.plain { "Save" } }
    }
}

fn signed_in(sessions: &[Session], mine: Option<&str>) -> Markup {
    html! {
        ul.rows {
            @for session in sessions {
                li {
                    span { (parts::time(session.opened_at)) }
                    span.soft { @if session.by_password { "by password" } @else { "by link" } }
                    @if Some(session.hash.as_str()) == mine { strong { "this browser" } }
                }
            }
        }
        @if sessions.len() > 1 {
            form method="post" action="/settings/sessions" { button.plain { "Sign out everywhere else" } }
        }
    }
}

fn server(app: &App) -> Markup {
    let database = if app.config.database_url.is_empty() { "embedded" } else { "PostgreSQL" };
    parts::facts(&[
        ("Version", html! { (env!("CARGO_PKG_VERSION")) }),
        ("Address", parts::id("the address", &app.origin())),
        ("Database", html! { (database) }),
        ("Deliveries are kept", html! { (app.config.retention.delivery_days) " days" }),
        ("A message may wait", html! { (app.config.message_validity_hours) " hours" }),
    ])
}

pub async fn rename(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    headers: HeaderMap,
    fields: Fields,
) -> Answer<Response> {
    let (id, name) = (account.clone(), fields.get("name").trim().to_owned());
    match app.db.write(move |tx| accounts::rename(tx, &id, &name)).await {
        Ok(()) => Ok(Done::Saved.at("/settings")),
        Err(error) => {
            let refused = Refused::by("project", fields, error)?;
            let page = page(&app, &account, &headers, &Markup::default(), Some(&refused)).await?;
            Ok(trouble::told(&refused.error, page))
        }
    }
}

pub async fn end_sessions(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    headers: HeaderMap,
) -> Answer<Response> {
    let kept = session::token(&headers).map(sign_ins::hash).unwrap_or_default();
    app.db.write(move |tx| sign_ins::end_others(tx, &account, &kept)).await?;
    Ok(Done::Sessions.at("/settings"))
}
