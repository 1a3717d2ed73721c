//! `POST /v1/messages`: one text, to one person or to a group.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::address::{Address, E164};
use crate::app::App;
use crate::channel::Channel;
use crate::error::{Code, Error, Result};
use crate::http::answer::Errors;
use crate::http::extract::{Caller, Raw, snake};
use crate::http::idempotency;
use crate::http::sending::{self, Answered};
use crate::id::{AgentId, ConversationId, GroupId, MessageId, NumberId};
use crate::phone::messages::send::{CHARACTERS, Draft, Recipient, Sender};
use crate::phone::messages::{self, Effect, Status};
use crate::reach;

/// A text to send. One of `from_number`, `number_id` and `agent_id` says who sends; the first in this order wins.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SendMessage {
    /// Phone number, US short code, e-mail address (iMessage) or group id.
    to_number: Option<String>,
    /// Starts a new iMessage group; instead of `to_number`.
    #[schema(min_items = 2)]
    recipients: Option<Vec<String>>,
    /// The text; may be empty or absent when there is media.
    #[schema(max_length = 10000)]
    body: Option<String>,
    agent_id: Option<String>,
    from_number: Option<String>,
    number_id: Option<String>,
    #[schema(max_length = 2083)]
    media_url: Option<String>,
    #[schema(max_items = 20)]
    media_urls: Option<Vec<String>>,
    /// The message to answer in a thread, on iMessage.
    reply_to_message_id: Option<String>,
    #[schema(inline)]
    send_style: Option<Effect>,
}

/// A message that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sent {
    id: String,
    #[schema(inline)]
    status: Status,
    #[schema(inline)]
    channel: Channel,
    from_number: String,
    to_number: String,
    media_urls: Vec<String>,
    #[schema(required)]
    reply_to_message_id: Option<String>,
    #[schema(required)]
    reply_parent_unresolved: Option<bool>,
    conversation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
}

impl Sent {
    fn of(answered: Answered) -> Self {
        let (error_code, failure_reason) =
            answered.failure.map(|failure| (failure.code.to_string(), failure.reason)).unzip();
        Self {
            id: answered.id.to_string(),
            status: answered.status,
            channel: answered.channel,
            from_number: answered.from,
            to_number: answered.to,
            media_urls: answered.media_urls,
            reply_to_message_id: answered.reply_to.map(|id| id.to_string()),
            reply_parent_unresolved: answered.reply_unresolved,
            conversation_id: answered.conversation_id.to_string(),
            error_code,
            failure_reason,
        }
    }
}

/// Send a message
#[utoipa::path(post, path = "/v1/messages", tag = "messages", request_body = SendMessage,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request answer the same")),
    responses((status = 200, body = Sent), Errors))]
pub async fn send(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response> {
    let key = idempotency::key(&headers, &caller, "POST /v1/messages", &body)?;
    idempotency::once(app.clone(), key, again, move |key| async move {
        let draft = draft(&app, &caller, snake(body)?).await?;
        let answered = sending::send_and_wait(&app, draft, key).await?;
        Ok(Json(Sent::of(answered)))
    })
    .await
}

/// What answers a repeated request whose first answer was lost.
fn again(app: App, id: String) -> BoxFuture<'static, Result<Response>> {
    Box::pin(async move {
        let id = MessageId::from_text(id);
        let message = app.db.read(move |tx| messages::find(tx, &id)).await?;
        let message = message.ok_or_else(|| Error::refused(Code::NotFound, "The message was deleted"))?;
        Ok(Json(Sent::of(message.into())).into_response())
    })
}

/// The message that is asked for, if it makes sense and can reach whom it is for.
pub async fn draft(app: &App, caller: &Caller, request: SendMessage) -> Result<Draft> {
    let draft = sound(app, caller, request)?;
    reach::refuse_absent(app, &draft).await?;
    Ok(draft)
}

fn sound(app: &App, caller: &Caller, request: SendMessage) -> Result<Draft> {
    let media_urls = media(app, request.media_url, request.media_urls.unwrap_or_default())?;
    let to = recipient(app, request.to_number, request.recipients)?;
    let body = match request.body {
        Some(body) => body,
        None if !media_urls.is_empty() => String::new(),
        None => return Err(Error::field("body", "missing", "body is required when there is no media")),
    };
    if body.is_empty() && media_urls.is_empty() {
        return Err(Error::field("body", "value", "body must not be empty when there is no media"));
    }
    if body.chars().count() > CHARACTERS {
        return Err(Error::field("body", "value", format!("body may have {CHARACTERS} characters at most")));
    }
    let sender = Sender {
        from_number: request.from_number.map(|text| own_number(app, &text)).transpose()?,
        number_id: request.number_id.map(NumberId::from_text),
        agent_id: request.agent_id.map(AgentId::from_text),
    };
    if sender.from_number.is_none() && sender.number_id.is_none() && sender.agent_id.is_none() {
        let message = "one of from_number, number_id and agent_id is required";
        return Err(Error::field("from_number", "missing", message));
    }
    Ok(Draft {
        id: MessageId::new(&app.ids),
        conversation_id: ConversationId::new(&app.ids),
        account: caller.account.clone(),
        sender,
        to,
        body,
        media_urls,
        reply_to: request.reply_to_message_id.map(MessageId::from_text),
        effect: request.send_style,
        cellular_only: false,
        answers: None,
        now: app.clock.now(),
    })
}

/// As many as a group of iMessage has.
const MOST_RECIPIENTS: usize = 32;
const MOST_MEDIA: usize = 20;

fn own_number(app: &App, text: &str) -> Result<E164> {
    E164::parse(text, app.region)
        .map_err(|problem| Error::field("from_number", "value", format!("from_number {problem}")))
}

fn recipient(app: &App, to_number: Option<String>, recipients: Option<Vec<String>>) -> Result<Recipient> {
    let address = |field: &str, text: &str| {
        Address::parse(text, app.region)
            .map_err(|problem| Error::field(field, "value", format!("{field} {problem}")))
    };
    match (to_number, recipients) {
        (Some(to), None) => address("to_number", &to).map(Recipient::One),
        (None, Some(people)) if people.len() > MOST_RECIPIENTS => {
            let message = format!("recipients may name {MOST_RECIPIENTS} people at most");
            Err(Error::field("recipients", "value", message))
        }
        (None, Some(people)) => {
            let mut members = Vec::with_capacity(people.len());
            for (index, person) in people.iter().enumerate() {
                let field = format!("recipients.{index}");
                let member = address(&field, person)?;
                if matches!(member, Address::Group(_)) {
                    return Err(Error::field(
                        &field,
                        "value",
                        format!("{field} must be a person, not a group"),
                    ));
                }
                if !members.contains(&member) {
                    members.push(member);
                }
            }
            if members.len() < 2 {
                return Err(Error::field("recipients", "value", "recipients must name at least two people"));
            }
            Ok(Recipient::NewGroup(GroupId::new(&app.ids), members))
        }
        (None, None) => Err(Error::field("to_number", "missing", "to_number or recipients is required")),
        (Some(_), Some(_)) => {
            Err(Error::field("recipients", "value", "give to_number or recipients, not both"))
        }
    }
}

/// All attachments: `media_url` first, each once.
fn media(app: &App, one: Option<String>, many: Vec<String>) -> Result<Vec<String>> {
    let too_many = || {
        Error::field("media_urls", "value", format!("a message may have {MOST_MEDIA} attachments at most"))
    };
    // Before they are compared with each other; what is named twice counts once.
    if many.len() > 10 * MOST_MEDIA {
        return Err(too_many());
    }
    let mut urls: Vec<String> = Vec::new();
    let one = one.map(|url| ("media_url".to_owned(), url));
    let many = many.into_iter().enumerate().map(|(index, url)| (format!("media_urls.{index}"), url));
    for (field, url) in one.into_iter().chain(many) {
        if let Err(problem) = app.net.guard().check_url(&url) {
            return Err(Error::field(&field, "value", format!("{field}: {problem}")));
        }
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    if urls.len() > MOST_MEDIA {
        return Err(too_many());
    }
    Ok(urls)
}
