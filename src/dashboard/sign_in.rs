//! Signing in by a link that works once, and out again.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::layout::Page;
use super::session;
use crate::app::App;
use crate::error::Result;
use crate::phone::sign_ins;

#[derive(Deserialize)]
pub struct Link {
    #[serde(default)]
    token: String,
}

/// The first page: the phones, or how to sign in.
pub async fn home(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    if session::account(&app, &headers).await?.is_some() {
        return Ok(Redirect::to("/handset").into_response());
    }
    let text = "This page shows the phones of your server to whoever holds a sign-in link.";
    Ok(explained("Sign in", text).into_response())
}

/// Uses up the link and opens a session.
pub async fn sign_in(State(app): State<App>, Query(link): Query<Link>) -> Result<Response> {
    let (token, now) = (app.ids.secret(), app.clock.now());
    let (hash, opened) = (sign_ins::hash(&link.token), sign_ins::hash(&token));
    let account = app.db.write(move |tx| sign_ins::redeem(tx, &hash, &opened, now)).await?;
    if account.is_none() {
        let text = "Each link works once and for a day. This one was used before, is too old, or is \
                    incomplete. A browser that is signed in stays so for a month.";
        return Ok((StatusCode::FORBIDDEN, explained("This link does not work", text)).into_response());
    }
    let cookie = session::cookie(&app, &token, sign_ins::SESSION.as_secs());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// `HEAD` looks, and must not use the link up.
pub async fn untouched() -> StatusCode {
    StatusCode::NO_CONTENT
}

pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response> {
    if !session::is_same_origin(&app, &headers) {
        let text = "The request did not come from a page of this server, so nothing was done.";
        return Ok((StatusCode::FORBIDDEN, explained("Not signed out", text)).into_response());
    }
    if let Some(hash) = session::token(&headers).map(sign_ins::hash) {
        app.db.write(move |tx| sign_ins::end(tx, &hash)).await?;
    }
    Ok(([(header::SET_COOKIE, session::cookie(&app, "", 0))], Redirect::to("/")).into_response())
}

fn explained(title: &str, text: &str) -> Html<String> {
    let content = html! {
        main.card {
            h1 { (title) }
            p { (text) }
            p { "Start " code { "agentphone dev" } " in your terminal, again if it runs already: it prints a new \
                 link as “Phone and dashboard”. Open that link here." }
        }
    };
    Page { title, script: None, signed_in: false, content }.render()
}
