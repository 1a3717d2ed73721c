//! A form that did nothing loses nothing: where its own page cannot show it again, because the database is in trouble or the
//! session has ended, the answer carries what was typed, and the same form to send it once more. Nothing of it is stored,
//! and passwords are never given back.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::form::{self, Fields};
use super::layout::Page;
use super::{once, parts};

/// Fields that are never shown.
const SECRET: &[&str] = &["password", "current"];
/// Fields in which nobody types.
const HIDDEN: &[&str] = &[once::TOKEN, form::SHOWN];

/// Why a form did nothing. Travels with the answer, for [`give_back`].
#[derive(Clone)]
pub enum Undone {
    SignedOut,
    Failed { title: &'static str, text: String },
}

/// To where signing in is explained; a form comes back from there with what was typed.
pub fn signed_out() -> Response {
    let mut response = Redirect::to("/").into_response();
    response.extensions_mut().insert(Undone::SignedOut);
    response
}

/// The answer to the form that was posted to `action`, with what was typed into it, unless it did what it was to do.
pub fn give_back(response: Response, action: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let Some(undone) = response.extensions().get::<Undone>().cloned() else { return response };
    let fields = Fields::parse(body);
    if !form::is_form(headers) || !is_typed(&fields) {
        return response;
    }
    let (title, way_out) = match &undone {
        Undone::SignedOut => ("You are not signed in any more", sign_in()),
        Undone::Failed { title, text } => (*title, html! { p dir="auto" { (text) } }),
    };
    let content = html! {
        main #content.card {
            h1 { (title) }
            (way_out)
            (again(action, &fields))
        }
    };
    let page = Page { title, script: None, signed_in: false, content }.render();
    match undone {
        Undone::SignedOut => (StatusCode::UNAUTHORIZED, page).into_response(),
        Undone::Failed { .. } => response.map(|_| Body::from(page.0)),
    }
}

/// Whether there is anything to lose.
fn is_typed(fields: &Fields) -> bool {
    let mut typed =
        fields.pairs().filter(|(name, value)| !HIDDEN.contains(name) && !value.is_empty()).peekable();
    typed.peek().is_some() && typed.all(|(name, _)| !SECRET.contains(&name))
}

fn sign_in() -> Markup {
    html! {
        p { "Nothing was done yet, and what you typed is below. Sign in in another tab, then send it from here." }
        p { a.button href="/" target="_blank" { "Sign in in another tab" } }
    }
}

fn again(action: &str, fields: &Fields) -> Markup {
    let typed = fields.pairs().filter(|(name, _)| !HIDDEN.contains(name));
    let rows: Vec<_> = typed.map(|(name, value)| (name, parts::text(value))).collect();
    html! {
        h2 { "What you typed" }
        (parts::facts(&rows))
        form method="post" action=(action) {
            @for (name, value) in fields.pairs() { input type="hidden" name=(name) value=(value); }
            button { "Send it again" }
        }
    }
}
