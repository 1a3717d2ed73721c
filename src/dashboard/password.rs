//! Choosing a password: the form that overview and settings show, and what it does. Whoever has one types it first,
//! unless a sign-in link opened the session a moment ago.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::form::{Fields, Form, Line, Refused};
use super::hasher::Hasher;
use super::parts::Done;
use super::session::{self, SignedIn};
use super::settings;
use super::trouble::{self, Answer};
use crate::app::App;
use crate::error::{Error, Result};
use crate::id::AccountId;
use crate::phone::passwords::{self, LONGEST, SHORTEST};
use crate::phone::sign_ins;

/// What the form has to ask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// There is no password yet.
    First,
    /// The one there is, and a new one.
    Current,
    /// A new one; a link has just proved who it is.
    New,
}

pub fn form(asks: Asks, project: &str, refused: Option<&Refused>) -> Markup {
    let form = Form::new("password", refused);
    let hint = format!("{SHORTEST} characters or more. A sentence is good.");
    let current = Line {
        label: "Current password",
        name: "current",
        kind: "password",
        required: true,
        autocomplete: "current-password",
        ..Line::default()
    };
    let new = Line {
        label: if asks == Asks::First { "Password" } else { "New password" },
        name: "password",
        kind: "password",
        hint: &hint,
        required: true,
        longest: Some(LONGEST),
        autocomplete: "new-password",
        ..Line::default()
    };
    html! {
        (form.alert())
        form.fields method="post" action="/password" {
            // For password managers, which keep a name with each password.
            input.unseen type="text" name="project" value=(project) autocomplete="username" readonly tabindex="-1"
                aria-hidden="true";
            @if asks == Asks::Current { (form.line(current)) }
            (form.line(new))
            button { @if asks == Asks::First { "Set password" } @else { "Change password" } }
        }
    }
}

/// What the form has to ask of whoever sent `headers`.
pub async fn asks(app: &App, account: &AccountId, headers: &HeaderMap) -> Result<Asks> {
    let (account, now) = (account.clone(), app.clock.now());
    let mine = session::token(headers).map(sign_ins::hash);
    app.db
        .read(move |tx| {
            if passwords::of(tx, &account)?.is_none() {
                return Ok(Asks::First);
            }
            let sessions = sign_ins::sessions(tx, &account, now)?;
            let mine = sessions.into_iter().find(|session| Some(&session.hash) == mine.as_ref());
            let is_fresh = mine.is_some_and(|mine| mine.is_fresh_from_link(now));
            Ok(if is_fresh { Asks::New } else { Asks::Current })
        })
        .await
}

pub async fn set(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Extension(hasher): Extension<Hasher>,
    headers: HeaderMap,
    fields: Fields,
) -> Answer<Response> {
    let asks = asks(&app, &account, &headers).await?;
    match change(&app, &hasher, &account, asks, &headers, &fields).await {
        Ok(()) => Ok(Done::Password.at(if asks == Asks::First { "/" } else { "/settings" })),
        Err(error @ (Error::Invalid(_) | Error::Later { .. })) => {
            let refused = Refused { form: "password", fields, error };
            let page = settings::page(&app, &account, &headers, &Markup::default(), Some(&refused)).await?;
            Ok(trouble::told(&refused.error, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn change(
    app: &App,
    hasher: &Hasher,
    account: &AccountId,
    asks: Asks,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<()> {
    let (password, current) = (fields.get("password").to_owned(), fields.get("current").to_owned());
    passwords::check(&password)?;
    if asks == Asks::Current {
        prove(app, hasher, account, current).await?;
    }
    let salt = app.ids.bytes();
    let hash = hasher.run(move || passwords::hash(&password, salt)).await??;
    let kept = session::token(headers).map(sign_ins::hash).unwrap_or_default();
    let (account, now) = (account.clone(), app.clock.now());
    app.db
        .write(move |tx| {
            passwords::set(tx, &account, &hash, now)?;
            sign_ins::end_others(tx, &account, &kept)
        })
        .await
}

/// Fails unless `current` is the account's password; wrong ones count as at signing in.
async fn prove(app: &App, hasher: &Hasher, account: &AccountId, current: String) -> Result<()> {
    let (wanted, now) = (account.clone(), app.clock.now());
    let begun = move |tx: &mut crate::db::Tx<'_>| {
        passwords::begin(tx, wanted.as_str(), now)?;
        passwords::of(tx, &wanted)
    };
    let hash = app.db.write(begun).await?;
    if !hasher.run(move || passwords::is_right(&current, hash.as_deref())).await? {
        return Err(Error::field("current", "value", "That is not the current password"));
    }
    let account = account.clone();
    app.db.write(move |tx| passwords::succeeded(tx, &account)).await
}
