//! Reactions of ours on /v1: put on a message, and taken back.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::channel::Channel;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::http::acting::{self, Accepted};
use crate::http::answer::Errors;
use crate::http::extract::{Caller, Path, Raw, snake};
use crate::http::idempotency;
use crate::http::page::Success;
use crate::id::{AccountId, ActId, MessageId, ReactionId};
use crate::phone::idempotency::{self as keys, Use};
use crate::phone::reactions::{self, Asked, Draft};
use crate::phone::{acts, conversations, messages};

/// A reaction to put on a message.
#[derive(Debug, Deserialize, ToSchema)]
pub struct React {
    /// `love`, `like`, `dislike`, `laugh`, `emphasize`, `question`, or a single emoji where the line supports it.
    #[schema(min_length = 1, max_length = 64)]
    reaction: String,
}

/// Our reaction on a message.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reacted {
    id: String,
    #[serde(rename = "reactionType")]
    reaction_type: String,
    #[serde(rename = "messageId")]
    message_id: String,
    #[schema(inline)]
    channel: Channel,
    #[serde(rename = "reaction_type")]
    reaction_type_alias: String,
    #[serde(rename = "message_id")]
    message_id_alias: String,
}

impl Reacted {
    fn new(id: String, reaction: String, message: String) -> Self {
        let (reaction_type_alias, message_id_alias) = (reaction.clone(), message.clone());
        let (reaction_type, message_id, channel) = (reaction, message, Channel::Imessage);
        Self { id, reaction_type, message_id, channel, reaction_type_alias, message_id_alias }
    }
}

/// React to a message
#[utoipa::path(post, path = "/v1/messages/{id}/reactions", tag = "messages", request_body = React,
    params(("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request answer the same")),
    responses((status = 200, body = Reacted), Errors))]
pub async fn add(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response> {
    let operation = format!("POST /v1/messages/{id}/reactions");
    let key = idempotency::key(&headers, &caller, &operation, &body)?;
    idempotency::once(app.clone(), key, again, move |key| async move {
        let React { reaction } = snake(body)?;
        if reaction.is_empty() {
            return Err(Error::field("reaction", "value", "reaction must not be empty"));
        }
        let message = MessageId::from_text(id);
        let id = react(&app, caller.account, message.clone(), Some(reaction.clone()), key).await?;
        Ok(Json(Reacted::new(id.to_string(), reaction, message.to_string())))
    })
    .await
}

/// Take our reaction back
#[utoipa::path(delete, path = "/v1/messages/{id}/reactions", tag = "messages", params(("id" = String, Path)),
    responses((status = 200, body = Success), Errors))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Success>> {
    react(&app, caller.account, MessageId::from_text(id), None, None).await?;
    Ok(Json(Success::YES))
}

/// Has our number react; answers the id of what stands then.
async fn react(
    app: &App,
    account: AccountId,
    message: MessageId,
    reaction: Option<String>,
    key: Option<Use>,
) -> Result<ReactionId> {
    let (wanted, owner) = (message.clone(), account.clone());
    let find = move |tx: &mut Tx<'_>| {
        let message = messages::get(tx, &owner, &wanted)?;
        conversations::get(tx, &owner, &message.conversation_id)
    };
    let conversation = app.db.read(find).await?;
    let id = ActId::from_text(ReactionId::new(&app.ids).as_str());
    let draft = Draft { id: id.clone(), account, message, reaction, now: app.clock.now() };
    let here = app.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.db.presence().incarnation();
        let own = ReactionId::from_text(draft.id.as_str());
        let accepted = match reactions::react(tx, &here.ids, &here.lines, me.as_ref(), &draft)? {
            Asked::Stands(stands) => Accepted::Already(stands.id),
            Asked::Nothing => Accepted::Already(own),
            Asked::UnderWay => Accepted::UnderWay(own),
        };
        if let Some(key) = &key {
            let (Accepted::Already(named) | Accepted::UnderWay(named)) = &accepted;
            keys::take(tx, key, named.as_str(), me.as_ref(), draft.now)?;
        }
        Ok(accepted)
    };
    acting::see_through(app, &conversation.carrier, id, unit).await
}

/// What answers a repeated request whose first answer was lost.
fn again(app: App, id: String) -> BoxFuture<'static, Result<Response>> {
    Box::pin(async move {
        let id = ActId::from_text(id);
        let act = app.db.read(move |tx| acts::find(tx, &id)).await?;
        let gone = || Error::refused(Code::NotFound, "The reaction is there no more");
        let act = act.ok_or_else(gone)?;
        acting::refusal(&act)?;
        let (reaction, message) = act.value.zip(act.message_id).ok_or_else(gone)?;
        Ok(Json(Reacted::new(act.id.to_string(), reaction, message.to_string())).into_response())
    })
}
