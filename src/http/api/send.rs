//! `POST /api/numbers/{id}/send/sms`: a text by SMS or MMS, stored before the answer, sent after it.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::address::Address;
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::answer::FlatErrors;
use crate::http::extract::{Caller, Path, Raw, camel};
use crate::http::{idempotency, sending};
use crate::id::{ConversationId, MessageId, NumberId};
use crate::phone::messages;
use crate::phone::messages::send::{CELLULAR_CHARACTERS, Draft, Recipient, Sender};

/// A text to send.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SendSms {
    /// Phone number or short code.
    to: String,
    #[schema(max_length = 1600)]
    body: Option<String>,
    /// Public image URLs; make it an MMS.
    #[schema(max_items = 10)]
    media: Option<Vec<String>>,
}

/// A text that was stored.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    message_id: String,
    status: String,
    to: String,
    body: String,
}

impl Queued {
    fn new(message_id: String, to: String, body: String) -> Self {
        Self { message_id, status: "queued".to_owned(), to, body }
    }
}

/// Send a text from a number by SMS or MMS
#[utoipa::path(post, path = "/api/numbers/{id}/send/sms", tag = "numbers", request_body = SendSms,
    params(("id" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Repeats answer the same")),
    responses((status = 200, body = Queued), FlatErrors))]
pub async fn send(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response> {
    let operation = format!("POST /api/numbers/{id}/send/sms");
    let key = idempotency::key(&headers, &caller, &operation, &body)?;
    idempotency::once(app.clone(), key, again, move |key| async move {
        let draft = draft(&app, &caller, id, camel(body)?)?;
        let body = draft.body.clone();
        let accepted = sending::send(&app, draft, key).await?;
        Ok(Json(Queued::new(accepted.id.to_string(), accepted.to, body)))
    })
    .await
}

fn again(app: App, id: String) -> BoxFuture<'static, Result<Response>> {
    Box::pin(async move {
        let id = MessageId::from_text(id);
        let message = app.db.read(move |tx| messages::find(tx, &id)).await?;
        let message = message.ok_or_else(|| Error::refused(Code::NotFound, "The message was deleted"))?;
        Ok(Json(Queued::new(message.id.to_string(), message.to, message.body)).into_response())
    })
}

fn draft(app: &App, caller: &Caller, number: String, request: SendSms) -> Result<Draft> {
    let to = Address::parse(&request.to, app.region);
    let to = to.map_err(|problem| Error::field("to", "value", format!("to {problem}")))?;
    if !matches!(to, Address::Phone(_) | Address::ShortCode(_)) {
        return Err(Error::field("to", "value", "to must be a phone number or a short code"));
    }
    let (body, media_urls) = (request.body.unwrap_or_default(), request.media.unwrap_or_default());
    if body.is_empty() && media_urls.is_empty() {
        return Err(Error::field("body", "missing", "body is required when there is no media"));
    }
    if body.chars().count() > CELLULAR_CHARACTERS {
        let message = format!("body may have {CELLULAR_CHARACTERS} characters at most");
        return Err(Error::field("body", "value", message));
    }
    if media_urls.len() > 10 {
        return Err(Error::field("media", "value", "media may have 10 items at most"));
    }
    for url in &media_urls {
        app.net
            .guard()
            .check_url(url)
            .map_err(|problem| Error::field("media", "value", format!("media: {problem}")))?;
    }
    Ok(Draft {
        id: MessageId::new(&app.ids),
        conversation_id: ConversationId::new(&app.ids),
        account: caller.account.clone(),
        sender: Sender { number_id: Some(NumberId::from_text(number)), ..Sender::default() },
        to: Recipient::One(to),
        body,
        media_urls,
        reply_to: None,
        effect: None,
        cellular_only: true,
        answers: None,
        now: app.clock.now(),
    })
}
