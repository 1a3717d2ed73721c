//! Conversations and their history on /v1.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::views::{ConversationView, MessageView, NumberMessageView};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::http::acting::{self, Accepted};
use crate::http::answer::Errors;
use crate::http::extract::{Caller, Camel, Path, Query, SnakeQuery};
use crate::http::page::{Bounds, List, MessageList, Page, Range, whole_number, within};
use crate::id::{AccountId, ActId, AgentId, ConversationId, NumberId};
use crate::phone::acts::{self, Kind};
use crate::phone::conversations::{self, Conversation};
use crate::phone::messages::list::{self, Of};

/// A conversation with its newest messages, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithMessages {
    #[serde(flatten)]
    conversation: ConversationView,
    messages: Vec<MessageView>,
}

/// How much history comes along.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct History {
    /// How many of the newest messages: 1–100, 50 unless asked otherwise.
    #[param(minimum = 1, maximum = 100)]
    #[serde(deserialize_with = "whole_number")]
    message_limit: Option<i64>,
}

impl History {
    fn limit(&self) -> Result<i64> {
        within("message_limit", self.message_limit.unwrap_or(50), 1, 100)
    }
}

/// List conversations, newest activity first
#[utoipa::path(get, path = "/v1/conversations", tag = "conversations", params(Page),
    responses((status = 200, body = List<ConversationView>), Errors))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<ConversationView>>> {
    let range = page.range(20, 100)?;
    page_of(app, caller.account, None, range).await.map(Json)
}

/// List an agent's conversations, newest activity first
#[utoipa::path(get, path = "/v1/agents/{id}/conversations", tag = "agents", params(("id" = String, Path), Page),
    responses((status = 200, body = List<ConversationView>), Errors))]
pub async fn of_agent(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<List<ConversationView>>> {
    let range = page.range(20, 100)?;
    let agent = AgentId::from_text(id);
    let (wanted, account) = (agent.clone(), caller.account.clone());
    app.db.read(move |tx| crate::phone::agents::get(tx, &account, &wanted).map(drop)).await?;
    page_of(app, caller.account, Some(agent), range).await.map(Json)
}

async fn page_of(
    app: App,
    account: AccountId,
    agent: Option<AgentId>,
    range: Range,
) -> Result<List<ConversationView>> {
    let (wanted, by) = (account.clone(), agent.clone());
    let unit =
        move |tx: &mut Tx<'_>| conversations::list(tx, &wanted, by.as_ref(), range.limit, range.offset);
    let rows = app.db.read(unit).await?;
    let total = app.totals.conversations(&app, account, agent).await?;
    let now = app.clock.now();
    let data: Vec<_> = rows.into_iter().map(|row| ConversationView::of(&app, row, now)).collect();
    Ok(List::new(data, total, range))
}

/// Get a conversation with its newest messages
#[utoipa::path(get, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = String, Path), History),
    responses((status = 200, body = WithMessages), Errors))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    SnakeQuery(history): SnakeQuery<History>,
) -> Result<Json<WithMessages>> {
    let limit = history.limit()?;
    whole(&app, caller.account, ConversationId::from_text(id), limit).await.map(Json)
}

async fn whole(app: &App, account: AccountId, id: ConversationId, limit: i64) -> Result<WithMessages> {
    let unit = move |tx: &mut Tx<'_>| {
        let conversation = conversations::get(tx, &account, &id)?;
        let (messages, _) = list::page(tx, &Of::Conversation(id.clone()), limit, None, None)?;
        Ok((conversation, MessageView::all(tx, messages)?))
    };
    let (conversation, messages): (Conversation, _) = app.db.read(unit).await?;
    let conversation = ConversationView::of(app, conversation, app.clock.now());
    Ok(WithMessages { conversation, messages })
}

/// What can be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeConversation {
    /// Replaces the metadata; null clears it; absent leaves it. At most 32 KiB, serialised.
    #[serde(default, deserialize_with = "crate::http::extract::present")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Renames an iMessage group; ignored on one-to-one conversations.
    #[schema(min_length = 1, max_length = 200)]
    group_name: Option<String>,
}

/// Change a conversation's metadata or a group's name
#[utoipa::path(patch, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = String, Path)),
    request_body = ChangeConversation, responses((status = 200, body = WithMessages), Errors))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Camel(change): Camel<ChangeConversation>,
) -> Result<Json<WithMessages>> {
    let metadata = change.metadata.map(|value| conversations::metadata(Some(value))).transpose()?;
    let name = change.group_name.map(group_name).transpose()?;
    let (account, id) = (caller.account.clone(), ConversationId::from_text(id));
    let is_renamed = name.is_some();
    if let Some(name) = name {
        // First, so that nothing is written where the name is refused.
        rename(&app, account.clone(), id.clone(), name).await?;
    }
    let changed = id.clone();
    app.db
        .write(move |tx| {
            conversations::get(tx, &account, &changed)?;
            match &metadata {
                Some(metadata) => conversations::set_metadata(tx, &changed, metadata.as_deref()),
                None => Ok(()),
            }
        })
        .await
        .map_err(|error| if is_renamed { error.after_the_fact() } else { error })?;
    whole(&app, caller.account, id, 50).await.map(Json).map_err(Error::after_the_fact)
}

fn group_name(name: String) -> Result<String> {
    if (1..=200).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(Error::field("group_name", "value", "group_name must have 1 to 200 characters"))
}

/// Renames the group, where the conversation is one.
async fn rename(app: &App, account: AccountId, id: ConversationId, name: String) -> Result<()> {
    let conversation = app.db.read(move |tx| conversations::get(tx, &account, &id)).await?;
    if conversation.group.is_none() {
        return Ok(());
    }
    if app.lines.get(&conversation.carrier).is_none_or(|able| !able.groups) {
        return Err(Error::refused(Code::ChannelNotSupported, "This number's carrier has no groups"));
    }
    let (carrier, id) = (conversation.carrier.clone(), ActId::new(&app.ids));
    let (kind, now, value) = (Kind::GroupName, app.clock.now(), Some(name));
    let draft = acts::Draft { id: id.clone(), kind, message_id: None, value, hash: None, version: None, now };
    let here = app.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.db.presence().incarnation();
        acts::accept(tx, &here.ids, me.as_ref(), &conversation, &draft).map(Accepted::UnderWay)
    };
    acting::see_through(app, &carrier, id, unit).await
}

/// List a conversation's messages
#[utoipa::path(get, path = "/v1/conversations/{id}/messages", tag = "conversations",
    params(("id" = String, Path), Bounds), responses((status = 200, body = MessageList<MessageView>), Errors))]
pub async fn messages(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(bounds): Query<Bounds>,
) -> Result<Json<MessageList<MessageView>>> {
    let (span, id) = (bounds.span()?, ConversationId::from_text(id));
    let unit = move |tx: &mut Tx<'_>| {
        conversations::get(tx, &caller.account, &id)?;
        let (data, has_more) =
            list::page(tx, &Of::Conversation(id.clone()), span.limit, span.before, span.after)?;
        Ok(MessageList { data: MessageView::all(tx, data)?, has_more })
    };
    app.db.read(unit).await.map(Json)
}

/// List a number's messages
#[utoipa::path(get, path = "/v1/numbers/{id}/messages", tag = "numbers", params(("id" = String, Path), Bounds),
    responses((status = 200, body = MessageList<NumberMessageView>), Errors))]
pub async fn of_number(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(bounds): Query<Bounds>,
) -> Result<Json<MessageList<NumberMessageView>>> {
    let (span, id) = (bounds.span()?, NumberId::from_text(id));
    let unit = move |tx: &mut Tx<'_>| {
        crate::phone::numbers::get(tx, &caller.account, &id)?;
        let (data, has_more) = list::page(tx, &Of::Number(id.clone()), span.limit, span.before, span.after)?;
        Ok(MessageList { data: NumberMessageView::all(tx, data)?, has_more })
    };
    app.db.read(unit).await.map(Json)
}
