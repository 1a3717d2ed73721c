//! Payloads: what an event says to those who are told of it (contract 8.4 and 9). Rendered once, at the first attempt
//! of a delivery; who is told, and when, is not decided here.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::db::Tx;
use crate::error::Result;
use crate::id::{AgentId, ConversationId, NumberId};
use crate::phone::conversations::{self, Conversation};
use crate::phone::events::{Event, Kind};
use crate::phone::messages::{self, Message};

mod fitting;

/// What payloads say of the surroundings of their messages, read for many at once.
#[derive(Default)]
pub struct Surroundings {
    conversations: HashMap<ConversationId, Conversation>,
    /// The agent of a number, and the owner's name for the number.
    numbers: HashMap<NumberId, (Option<AgentId>, Option<String>)>,
}

impl Surroundings {
    pub fn of<'a>(tx: &mut Tx<'_>, messages: impl Iterator<Item = &'a Message>) -> Result<Self> {
        let (mut conversations, mut numbers) = (HashSet::new(), HashSet::new());
        for message in messages {
            conversations.insert(&message.conversation_id);
            numbers.insert(&message.number_id);
        }
        let sql = "SELECT id, agent_id, external_id FROM numbers WHERE id IN ({list})";
        let numbers = tx.query_listed(sql, &[], numbers, |row| {
            Ok((row.get::<NumberId>(0)?, (row.get(1)?, row.get(2)?)))
        })?;
        let conversations = conversations::find_all(tx, conversations)?;
        Ok(Self { conversations, numbers: numbers.into_iter().collect() })
    }
}

/// The payload of a /v1 event (contract 8.4), as it is now. `history` is how many messages of the conversation
/// to tell.
pub fn payload(
    tx: &mut Tx<'_>,
    surroundings: &Surroundings,
    kind: Kind,
    message: &Message,
    event: &Event,
    history: i64,
) -> Result<String> {
    let conversation = surroundings.conversations.get(&message.conversation_id);
    let (agent, external) = surroundings.numbers.get(&message.number_id).cloned().unwrap_or_default();
    let (id, channel) = (&message.conversation_id, message.channel);
    let (data, at, recent) = match kind {
        Kind::AgentMessage => {
            let data = inbound(tx, message, conversation, external.as_ref())?;
            let at = message.received_at;
            (data, at, messages::list::history(tx, id, at, history)?)
        }
        Kind::AgentReaction => {
            let data = reaction(message, conversation, event.told.as_deref());
            (data, event.at, messages::list::history(tx, id, event.at, history)?)
        }
        Kind::AgentCallEnded
        | Kind::MessageSent
        | Kind::MessageDelivered
        | Kind::MessageFailed
        | Kind::MessageRead
        | Kind::MessageUnconfirmed
        | Kind::MessageInbound => (outbound(message), event.at, Vec::new()),
    };
    let state = conversation.and_then(|conversation| conversation.metadata.as_deref());
    let state = state.map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or(Value::Null));
    let payload = json!({
        "event": kind,
        "channel": channel,
        "timestamp": at,
        "agentId": agent,
        "data": data,
        "conversationState": state,
        "recentHistory": recent,
    });
    Ok(fitting::fitting(payload))
}

fn inbound(
    tx: &mut Tx<'_>,
    message: &Message,
    conversation: Option<&Conversation>,
    external: Option<&String>,
) -> Result<Value> {
    let mut data = json!({
        "messageId": message.id,
        "conversationId": message.conversation_id,
        "numberId": message.number_id,
        "from": message.from,
        "to": message.to,
        "contact": null,
        "message": message.body,
        "mediaUrl": message.media_urls.first(),
        "mediaUrls": message.media_urls,
        "direction": message.direction,
        "receivedAt": message.received_at,
        "externalId": external,
        "replyTo": messages::quoted(tx, message)?,
    });
    if let Some(keyword) = &message.keyword {
        data["keyword"] = json!(keyword);
    }
    add_group(&mut data, conversation, message.sender.as_deref());
    Ok(data)
}

/// What only events of a group say.
fn add_group(data: &mut Value, conversation: Option<&Conversation>, sender: Option<&str>) {
    let Some((conversation, group)) = conversation.and_then(|it| Some((it, it.group.as_ref()?))) else {
        return;
    };
    data["senderIdentifier"] = json!(sender);
    data["group"] = json!({
        "isGroup": true,
        "groupId": conversation.participant,
        "groupName": group.name,
        "groupIconUrl": group.icon_url,
        "participants": group.members,
    });
}

/// A person's reaction, as it was when it came, on `message` as it is.
fn reaction(message: &Message, conversation: Option<&Conversation>, told: Option<&str>) -> Value {
    let told: Value = told.and_then(|told| serde_json::from_str(told).ok()).unwrap_or_default();
    let mut data = json!({
        "conversationId": message.conversation_id,
        "numberId": message.number_id,
        "reactionType": told["reactionType"],
        "fromNumber": told["fromNumber"],
        "direction": messages::Direction::Inbound,
        "messageId": message.id,
        "messageBody": message.body,
        "messageMediaUrl": message.media_urls.first(),
        "messageMediaUrls": message.media_urls,
        "createdAt": told["createdAt"],
    });
    add_group(&mut data, conversation, told["fromNumber"].as_str());
    data
}

fn outbound(message: &Message) -> Value {
    json!({
        "messageId": message.id,
        "conversationId": message.conversation_id,
        "numberId": message.number_id,
        "from": message.from,
        "to": message.to,
        "direction": message.direction,
        "channel": message.channel,
        "status": message.status,
        "deliveredAt": message.delivered_at,
        "deliveredChannel": message.delivered_channel,
        "readAt": message.read_at,
        "failureReason": message.failure_reason,
        "errorCode": message.error_code,
    })
}

/// The payload of a number webhook (contract 9), complete but for its `signature`.
pub fn number_payload(message: &Message) -> String {
    crate::json::stringify(&json!({
        "event": Kind::MessageInbound,
        "channel": message.channel,
        "from": message.from,
        "to": message.to,
        "body": message.body,
        "media": message.media_urls,
        "timestamp": message.received_at,
        "message_id": message.id,
    }))
}
