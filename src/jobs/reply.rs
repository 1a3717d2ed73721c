//! The inline reply: what an endpoint's answer asks to be sent (contract 11.3). At most one per inbound message,
//! over retries and over both kinds of endpoint.

use serde_json::Value;

use crate::address::Address;
use crate::app::App;
use crate::channel::Channel;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId};
use crate::phone::events::Kind;
use crate::phone::messages::accept::{self, Desk};
use crate::phone::messages::send::{self, Draft, Handover, Recipient, Sender};
use crate::phone::{conversations, messages};
use crate::queue::Job;

use super::deliver_webhook::{Attempt, Posted};

/// A reply that an endpoint asks for.
pub struct Wish {
    answers: MessageId,
    id: MessageId,
    conversation: ConversationId,
    body: String,
    media: Vec<String>,
    /// What is wrong with the media, if anything.
    problem: Option<&'static str>,
}

/// What became of a wish.
#[derive(Default)]
pub struct Answered {
    pub message: Option<MessageId>,
    pub error: Option<String>,
    /// To be handed over right after the commit.
    pub direct: Option<(Job, Handover)>,
}

/// The reply in a 2xx response, if it asks for one. Anything else is an acknowledgement.
pub fn wish(app: &App, attempt: &Attempt, posted: &Posted) -> Option<Wish> {
    let answers = attempt.message.clone()?;
    let reply = posted.reply.as_ref().ok().filter(|reply| (200..300).contains(&reply.status))?;
    if attempt.test || reply.truncated || !matches!(attempt.kind, Kind::AgentMessage | Kind::MessageInbound) {
        return None;
    }
    let Ok(Value::Object(answer)) = crate::json::parse(&reply.body) else { return None };
    if answer.get("action").and_then(Value::as_str) != Some("respond") {
        return None;
    }
    let body = answer.get("reply").and_then(Value::as_str).unwrap_or_default().to_owned();
    let listed = answer.get("media").and_then(Value::as_array);
    let media: Vec<String> = listed
        .map(|items| items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    if body.is_empty() && media.is_empty() {
        return None;
    }
    let unusable = media.len() > 20 || media.iter().any(|url| app.net.guard().check_url(url).is_err());
    let too_long = body.chars().count() > send::CHARACTERS;
    let problem = unusable.then_some("MEDIA_NOT_USABLE").or(too_long.then_some("BODY_TOO_LONG"));
    let (id, conversation) = (MessageId::new(&app.ids), ConversationId::new(&app.ids));
    Some(Wish { answers, id, conversation, body, media, problem })
}

/// Accepts the reply in the unit that records the delivery. A refusal is noted, never raised.
pub fn accept(tx: &mut Tx<'_>, desk: &Desk<'_>, now: Time, wish: &Wish) -> Result<Answered> {
    let noted = |code: &str| Answered { error: Some(code.to_owned()), ..Answered::default() };
    if let Some(problem) = wish.problem {
        return Ok(noted(problem));
    }
    let Some(inbound) = messages::find(tx, &wish.answers)? else { return Ok(noted("MESSAGE_NOT_FOUND")) };
    if tx.exists("SELECT 1 FROM messages WHERE answers = ?1", &[&wish.answers])? {
        return Ok(noted("ALREADY_ANSWERED"));
    }
    let participant = conversations::find(tx, &inbound.conversation_id)?.map(|found| found.participant);
    let draft = Draft {
        id: wish.id.clone(),
        conversation_id: wish.conversation.clone(),
        account: inbound.account_id,
        sender: Sender { number_id: Some(inbound.number_id), ..Sender::default() },
        to: Recipient::One(Address::from_stored(participant.unwrap_or(inbound.from))),
        body: wish.body.clone(),
        media_urls: wish.media.clone(),
        reply_to: None,
        effect: None,
        cellular_only: inbound.channel != Channel::Imessage,
        answers: Some(wish.answers.clone()),
        now,
    };
    match accept::accept(tx, desk, &draft) {
        Ok(accepted) => Ok(Answered { message: Some(accepted.id), error: None, direct: accepted.direct }),
        Err(Error::Refused { code, .. } | Error::Later { code, .. }) => Ok(noted(code.as_str())),
        Err(error) => Err(error),
    }
}
