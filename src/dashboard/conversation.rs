//! One conversation: what was said, answering as the agent, and what the owner's programs keep with it.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::conversations::with;
use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::once;
use super::paging::Before;
use super::parts::{self, Done, Said};
use super::session::SignedIn;
use super::shown::{self, Print};
use super::thread::{self, Asked, Look};
use super::trouble::{self, Answer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::extract::{Caller, snake};
use crate::http::sending;
use crate::http::v1::messages::draft;
use crate::id::{AccountId, ConversationId, Ids, KeyId};
use crate::phone::agents::{self, Agent};
use crate::phone::conversations::{self, Conversation, METADATA_BYTES};
use crate::phone::messages::send::CHARACTERS;

pub async fn show(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    before: Query<Before>,
    asked: Query<Asked>,
    Query(said): Query<Said>,
) -> Answer {
    let look = Look::of(before, asked);
    Ok(shown(&app, account, ConversationId::from_text(id), look, &said.notice(), None).await?)
}

async fn shown(
    app: &App,
    account: AccountId,
    id: ConversationId,
    look: Look,
    notice: &Markup,
    refused: Option<&Refused>,
) -> Result<Html<String>> {
    let unit = move |tx: &mut Tx<'_>| {
        let conversation = conversations::get(tx, &account, &id)?;
        let part = thread::part(tx, &id, &look)?;
        let agent = match &conversation.agent_id {
            Some(agent) => name_of(agents::get(tx, &account, agent))?,
            None => None,
        };
        Ok((conversation, part, agent))
    };
    let (conversation, part, agent) = app.db.read(unit).await?;
    let title = with(&conversation);
    let content = html! {
        p.crumbs { a href="/conversations" { "Conversations" } }
        h1 { (parts::name(&title)) }
        p.meta {
            span.number { (conversation.number) }
            (parts::channel(conversation.channel))
            (parts::id("the conversation's id", conversation.id.as_str()))
        }
        (notice)
        div.split {
            section.talk aria-label="Messages" {
                (part.show(app, &conversation))
                (answer_form(&app.ids, &conversation, refused))
            }
            aside { (about(&conversation, agent.as_deref())) (metadata_form(&conversation, refused)) }
        }
    };
    Ok(page(Section::Conversations, &title, &content))
}

/// The name of an agent, if it was not deleted meanwhile.
fn name_of(found: Result<Agent>) -> Result<Option<String>> {
    match found {
        Ok(agent) => Ok(Some(agent.name)),
        Err(Error::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn answer_form(ids: &Ids, conversation: &Conversation, refused: Option<&Refused>) -> Markup {
    let form = Form::new("answer", refused);
    let line = Line {
        label: "Answer as the agent",
        name: "body",
        required: true,
        longest: Some(CHARACTERS),
        ..Line::default()
    };
    html! {
        (form.alert())
        form.fields.answer method="post" action={ "/conversations/" (conversation.id) "/messages" } {
            (once::token_of(form, ids))
            (form.area(line, 2))
            button { "Send" }
        }
    }
}

fn about(conversation: &Conversation, agent: Option<&str>) -> Markup {
    let mut rows = vec![
        ("Messages", html! { (parts::grouped(conversation.message_count)) }),
        ("Since", parts::time(conversation.created_at)),
        (
            "Number",
            html! { a.number href={ "/numbers/" (conversation.number_id) } { (conversation.number) } },
        ),
    ];
    if let Some(id) = &conversation.agent_id {
        rows.push((
            "Agent",
            html! { a href={ "/agents/" (id) } { (parts::name(agent.unwrap_or(id.as_str()))) } },
        ));
    }
    if let Some(until) = conversation.no_imessage_until {
        rows.push(("Not on iMessage", html! { "tried again after " (parts::time(until)) }));
    }
    if let Some(group) = &conversation.group {
        let members = html! { ul.plain { @for member in &group.members {
            li { (parts::name(member.name.as_deref().unwrap_or(&member.identifier))) }
        } } };
        rows.push(("Members", members));
    }
    html! { section.panel { h2 { "About" } (parts::facts(&rows)) } }
}

fn metadata_form(conversation: &Conversation, refused: Option<&Refused>) -> Markup {
    let form = Form::new("metadata", refused);
    let stored = conversation.metadata.as_deref().map(parts::pretty).unwrap_or_default();
    let line = Line {
        label: "JSON object",
        name: "metadata",
        kind: "code",
        value: &stored,
        hint: "Comes with every event as conversationState. Empty clears it.",
        placeholder: "{ \"step\": \"greeting\" }",
        longest: Some(METADATA_BYTES),
        ..Line::default()
    };
    html! {
        section.panel {
            h2 { "Metadata" }
            (form.alert())
            form.fields method="post" action={ "/conversations/" (conversation.id) "/metadata" } {
                (shown::field(form, &Print::of(conversation.metadata.as_deref()), &parts::raw("Stored now", &stored)))
                (form.area(line, 6))
                button.plain { "Save metadata" }
            }
        }
    }
}

pub async fn set_metadata(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let id = ConversationId::from_text(id);
    let stored = match read_metadata(fields.get("metadata")) {
        Ok(stored) => stored,
        Err(error) => return Ok(refuse(&app, account, id, "metadata", fields, error).await?),
    };
    let (owner, wanted, shown) = (account.clone(), id.clone(), Print::sent(&fields));
    let unit = move |tx: &mut Tx<'_>| {
        let stands = conversations::get(tx, &owner, &wanted)?.metadata;
        shown.allow(&Print::of(stands.as_deref()), &Print::of(stored.as_deref()))?;
        conversations::set_metadata(tx, &wanted, stored.as_deref())
    };
    match app.db.write(unit).await {
        Ok(()) => Ok(Done::Saved.at(&format!("/conversations/{id}"))),
        Err(error) => Ok(refuse(&app, account, id, "metadata", fields, error).await?),
    }
}

fn read_metadata(text: &str) -> Result<Option<String>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value: Value = crate::json::parse(text.as_bytes())
        .map_err(|problem| Error::field("metadata", "json", format!("That is not valid JSON: {problem}")))?;
    conversations::metadata(Some(value))
}

/// Sends as the API does, from the conversation's number to whoever it is with.
pub async fn answer(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer<Response> {
    let id = ConversationId::from_text(id);
    let (owner, wanted) = (account.clone(), id.clone());
    let conversation = app.db.read(move |tx| conversations::get(tx, &owner, &wanted)).await?;
    match send(&app, account.clone(), &conversation, &fields).await {
        Ok(_) => Ok(Redirect::to(&format!("/conversations/{id}?done=sent#answer-body")).into_response()),
        Err(error) => Ok(refuse(&app, account, id, "answer", fields, error).await?),
    }
}

async fn send(app: &App, account: AccountId, conversation: &Conversation, fields: &Fields) -> Result<String> {
    let key = once::key(&account, "answer", fields);
    let request = json!({
        "number_id": conversation.number_id,
        "agent_id": conversation.agent_id,
        "to_number": conversation.participant,
        "body": fields.get("body"),
    });
    // Pages have no key; whom a message is sent for is the account alone.
    let caller = Caller { account, key: KeyId::from_text("") };
    let here = app.clone();
    once::act(app, key, async move |key| {
        let draft = draft(&here, &caller, snake(request)?).await?;
        let id = draft.id.to_string();
        // Nobody likes to look at a page that does not come: what takes longer is seen on the next look.
        let sent = sending::send_and_wait(&here, draft, key);
        let sent = tokio::time::timeout(Duration::from_secs(5), sent).await;
        sent.map_or(Ok(()), |answered| answered.map(drop)).map(|()| id)
    })
    .await
}

async fn refuse(
    app: &App,
    account: AccountId,
    id: ConversationId,
    form: &'static str,
    fields: Fields,
    error: Error,
) -> Result<Response> {
    let refused = Refused::by(form, fields, error)?;
    let page = shown(app, account, id, Look::Newest, &Markup::default(), Some(&refused)).await?;
    Ok(trouble::told(&refused.error, page))
}
