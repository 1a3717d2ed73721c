//! API keys: made, shown once, revoked.

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};

use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::once;
use super::parts::{self, Done, Said, Tone, badge};
use super::session::SignedIn;
use super::snippets;
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{AccountId, Ids, KeyId};
use crate::phone::keys::{self, Key};

pub async fn list(State(app): State<App>, SignedIn(account): SignedIn, Query(said): Query<Said>) -> Answer {
    Ok(shown(&app, account, &said.notice(), None).await?)
}

async fn shown(
    app: &App,
    account: AccountId,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let keys = app.db.read(move |tx| keys::of_account(tx, &account)).await?;
    let content = html! {
        h1 { "API keys" }
        p.lead { "A program shows its key with every request: " code { "Authorization: Bearer agp_…" }
            ". Give each program its own, so that you can take one back alone." }
        (notice)
        (new_key(&app.ids, refused))
        @if keys.is_empty() {
            (parts::empty("No keys yet", &html! { p { "Create one above; it is shown once." } }))
        } @else {
            (table(&keys))
        }
    };
    Ok(page(Section::Keys, "API keys", &content))
}

fn new_key(ids: &Ids, refused: Option<&Refused>) -> Markup {
    let form = Form::new("key", refused);
    let name = Line {
        label: "Name",
        name: "name",
        placeholder: "What will use it, e.g. production",
        required: true,
        longest: Some(100),
        ..Line::default()
    };
    html! {
        (form.alert())
        form.inline method="post" action="/keys" {
            (once::token_of(form, ids))
            (form.line(name))
            button { "Create key" }
        }
    }
}

fn table(keys: &[Key]) -> Markup {
    parts::table(
        "API keys",
        &html! {
            thead { tr { th { "Name" } th { "Key" } th.wide { "Created" } th.wide { "Last used" } th { span.unseen { "Revoke" } } } }
            tbody {
                @for key in keys {
                    tr.gone[key.revoked_at.is_some()] {
                        td { (parts::name(&key.name)) }
                        td { code { "agp_…" (key.hint) } }
                        td.wide { (parts::short_time(key.created_at)) }
                        td.wide { @match key.last_used_at {
                            Some(at) => (parts::short_time(at)),
                            None => span.soft { "never" },
                        } }
                        td.end { @if key.revoked_at.is_some() { (badge(Tone::Calm, "revoked")) } @else { (revoke_form(key)) } }
                    }
                }
            }
        },
    )
}

fn revoke_form(key: &Key) -> Markup {
    let action = format!("/keys/{}/revoke", key.id);
    html! {
        details.danger.small {
            summary { "Revoke" span.unseen { " " (key.name) } "…" }
            form method="post" action=(action) {
                p { "Requests with it are refused at once, for good." }
                button.bad { "Revoke" }
            }
        }
    }
}

pub async fn create(State(app): State<App>, SignedIn(account): SignedIn, fields: Fields) -> Answer<Response> {
    let key = keys::mint(&app.ids);
    let (notice, refused) = match store(&app, &account, &fields, key.clone()).await {
        Ok(true) => (unveiled(&app, &key), None),
        Ok(false) => (made_before(), None),
        Err(error) => (Markup::default(), Some(Refused::by("key", fields, error)?)),
    };
    let page = shown(&app, account, &notice, refused.as_ref()).await?;
    Ok(match &refused {
        Some(refused) => trouble::told(&refused.error, page),
        None => page.into_response(),
    })
}

/// Whether the key was stored now; otherwise the form made one when it was sent before.
async fn store(app: &App, account: &AccountId, fields: &Fields, minted: String) -> Result<bool> {
    let name = fields.get("name").trim().to_owned();
    if !(1..=100).contains(&name.chars().count()) {
        return Err(Error::field("name", "value", "A key needs a name of 1 to 100 characters"));
    }
    let (id, owner, now) = (KeyId::new(&app.ids), account.clone(), app.clock.now());
    let (once, new) = (once::key(account, "key", fields), id.to_string());
    let unit = move |tx: &mut Tx<'_>| keys::create(tx, &id, &owner, &name, &minted, now);
    Ok(once::write(app, once, new.clone(), unit).await? == new)
}

/// The form came a second time, and its key has been shown.
fn made_before() -> Markup {
    html! {
        p.alert.good role="status" {
            "This key was created already, and is not shown again. If you did not see it, revoke it and create another."
        }
    }
}

/// The new key, which nobody sees again.
fn unveiled(app: &App, key: &str) -> Markup {
    html! {
        section.alert.good role="status" {
            h2 { "Your new key" }
            p { "Copy it now: it is not shown again." }
            p.secret { (parts::id("the key", key)) }
            (snippets::tabs("try", &snippets::list_numbers(&app.origin(), key)))
        }
    }
}

pub async fn revoke(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
) -> Answer<Response> {
    let (id, now) = (KeyId::from_text(id), app.clock.now());
    app.db.write(move |tx| keys::revoke_of(tx, &account, &id, now)).await?;
    Ok(Done::Revoked.at("/keys"))
}
