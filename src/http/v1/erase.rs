//! `DELETE /v1/messages/{id}` and `DELETE /v1/conversations/{id}`: what was said is erased.

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::error::Result;
use crate::http::answer::Errors;
use crate::http::extract::{Caller, Path};
use crate::http::page::Success;
use crate::id::{ConversationId, MessageId};
use crate::phone::erase;

/// Delete a message
///
/// Text and media are erased everywhere: in lists, in the search, in stored webhook payloads. One that still waits is
/// not sent any more; one that is being sent may still arrive. What it cost stays.
#[utoipa::path(delete, path = "/v1/messages/{id}", tag = "messages", params(("id" = String, Path)),
    responses((status = 200, body = Success), Errors))]
pub async fn delete_message(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Success>> {
    let (ids, now, id) = (app.ids.clone(), app.clock.now(), MessageId::from_text(id));
    app.db.write(move |tx| erase::message(tx, &ids, now, &caller.account, &id)).await?;
    Ok(Json(Success::YES))
}

/// Delete a conversation with all its messages
///
/// It is gone at once, with its metadata; its messages are not seen any more and are erased in the background. If the
/// person writes again, a new conversation begins.
#[utoipa::path(delete, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = Success), Errors))]
pub async fn delete_conversation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Success>> {
    let (ids, now, id) = (app.ids.clone(), app.clock.now(), ConversationId::from_text(id));
    app.db.write(move |tx| erase::conversation(tx, &ids, now, &caller.account, &id)).await?;
    Ok(Json(Success::YES))
}
