//! Signing in, by a link that works once or by password, and out again.

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::form::{Fields, Form, Line, Refused};
use super::hasher::Hasher;
use super::layout::Page;
use super::session;
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::id::AccountId;
use crate::phone::{passwords, sign_ins};

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// How to sign in, for whoever is not.
pub fn page(refused: Option<&Refused>) -> Html<String> {
    let form = Form::new("sign-in", refused);
    let project = Line {
        label: "Project",
        name: "project",
        hint: "Its name or its id",
        required: true,
        longest: Some(200),
        autocomplete: "username",
        ..Line::default()
    };
    let password = Line {
        label: "Password",
        name: "password",
        kind: "password",
        required: true,
        longest: Some(1_000),
        autocomplete: "current-password",
        ..Line::default()
    };
    let content = html! {
        main #content.card {
            h1 { "Sign in" }
            (form.alert())
            form.fields method="post" action="/sign-in" {
                (form.line(project))
                (form.line(password))
                button { "Sign in" }
            }
            (about_links())
        }
    };
    Page { title: "Sign in", script: None, signed_in: false, content }.render()
}

fn about_links() -> maud::Markup {
    html! {
        section.aside {
            h2 { "No password yet?" }
            p { "Start " code { "agentphone dev" } " in your terminal, again if it runs already: it prints a new "
                "sign-in link. On a server, " code { "agentphone project link" } " prints one. Each link works once and for a day." }
        }
    }
}

/// Uses up the link and opens a session.
pub async fn by_link(State(app): State<App>, Query(link): Query<Link>) -> Answer<Response> {
    let (token, now) = (app.ids.secret(), app.clock.now());
    let (hash, opened) = (sign_ins::hash(&link.token), sign_ins::hash(&token));
    let account = app.db.write(move |tx| sign_ins::redeem(tx, &hash, &opened, now)).await?;
    if account.is_none() {
        let content = html! {
            main #content.card {
                h1 { "This link does not work" }
                p { "This one was used before, is too old, or is incomplete. A browser that is signed in stays so for a month." }
                (about_links())
                p { a.button href="/" { "Sign in with a password" } }
            }
        };
        let page = Page { title: "This link does not work", script: None, signed_in: false, content };
        return Ok((StatusCode::FORBIDDEN, page.render()).into_response());
    }
    Ok(opened_session(&app, &token))
}

fn opened_session(app: &App, token: &str) -> Response {
    let cookie = session::cookie(app, token, sign_ins::SESSION.as_secs());
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// `HEAD` looks, and must not use the link up.
pub async fn untouched() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Opens a session for somebody who knows the password.
pub async fn by_password(
    State(app): State<App>,
    Extension(hasher): Extension<Hasher>,
    fields: Fields,
) -> Answer<Response> {
    match check(&app, &hasher, &fields).await {
        Ok(account) => {
            let (token, now) = (app.ids.secret(), app.clock.now());
            let opened = sign_ins::hash(&token);
            app.db.write(move |tx| sign_ins::open(tx, &opened, &account, now)).await?;
            Ok(opened_session(&app, &token))
        }
        Err(error) => {
            let refused = Refused::by("sign-in", fields, error)?;
            Ok(trouble::told(&refused.error, page(Some(&refused))))
        }
    }
}

/// Whose password it is. An unknown project is told apart neither by words nor by time.
async fn check(app: &App, hasher: &Hasher, fields: &Fields) -> Result<AccountId> {
    let (project, password) = (fields.get("project").trim().to_owned(), fields.get("password").to_owned());
    let now = app.clock.now();
    let begun = move |tx: &mut Tx<'_>| {
        let Some(account) = passwords::begin(tx, &project, now)? else { return Ok(None) };
        Ok(passwords::of(tx, &account)?.map(|hash| (account, hash)))
    };
    let (account, hash) = app.db.write(begun).await?.unzip();
    let is_right = hasher.run(move || passwords::is_right(&password, hash.as_deref())).await?;
    let wrong = "Project or password is wrong. If several projects share a name, use the project's id";
    let Some(account) = account.filter(|_| is_right) else {
        return Err(Error::refused(Code::Unauthorized, wrong));
    };
    let proven = account.clone();
    app.db.write(move |tx| passwords::succeeded(tx, &proven)).await?;
    Ok(account)
}

pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Answer<Response> {
    if let Some(hash) = session::token(&headers).map(sign_ins::hash) {
        app.db.write(move |tx| sign_ins::end(tx, &hash)).await?;
    }
    Ok(([(header::SET_COOKIE, session::cookie(&app, "", 0))], Redirect::to("/")).into_response())
}
