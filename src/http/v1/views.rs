//! How messages and conversations look on /v1 (contract 4.3 to 4.5). Keys stand in the contract's order.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::channel::Channel;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::phone::conversations::{Conversation, Member};
use crate::phone::messages::{self, Direction, Message, Quoted, Status};
use crate::phone::reactions::{self, Reaction};

/// A message of a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    id: String,
    body: String,
    from_number: String,
    to_number: String,
    #[schema(inline)]
    direction: Direction,
    #[schema(required)]
    sender_identifier: Option<String>,
    #[schema(inline)]
    channel: Channel,
    #[schema(inline)]
    status: Status,
    #[schema(required)]
    media_url: Option<String>,
    media_urls: Vec<String>,
    #[schema(required, value_type = Option<Object>)]
    content: Option<Value>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Time,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Time>,
    #[schema(required)]
    delivered_channel: Option<String>,
    #[schema(required, value_type = Option<String>, format = DateTime)]
    read_at: Option<Time>,
    #[schema(required)]
    failure_reason: Option<String>,
    #[schema(required)]
    error_code: Option<String>,
    reactions: Vec<ReactionView>,
    #[schema(required)]
    reply_to: Option<Quoted>,
}

/// A tapback on a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReactionView {
    id: String,
    reaction_type: String,
    from_number: String,
    direction: String,
    created_at: String,
}

impl From<Reaction> for ReactionView {
    fn from(reaction: Reaction) -> Self {
        Self {
            id: reaction.id.to_string(),
            reaction_type: reaction.word,
            from_number: reaction.from,
            direction: reaction.direction.to_string(),
            created_at: reaction.created_at.to_string(),
        }
    }
}

impl MessageView {
    fn of(tx: &mut Tx<'_>, message: Message, reactions: Vec<Reaction>) -> Result<Self> {
        let reply_to = messages::quoted(tx, &message)?;
        Ok(Self {
            id: message.id.to_string(),
            body: message.body,
            from_number: message.from,
            to_number: message.to,
            direction: message.direction,
            sender_identifier: message.sender,
            channel: message.channel,
            status: message.status,
            media_url: message.media_urls.first().cloned(),
            media_urls: message.media_urls,
            content: None,
            received_at: message.received_at,
            delivered_at: message.delivered_at,
            delivered_channel: message.delivered_channel.map(|channel| channel.to_string()),
            read_at: message.read_at,
            failure_reason: message.failure_reason,
            error_code: message.error_code.map(|code| code.to_string()),
            reactions: reactions.into_iter().map(ReactionView::from).collect(),
            reply_to,
        })
    }

    pub fn all(tx: &mut Tx<'_>, messages: Vec<Message>) -> Result<Vec<Self>> {
        // Nobody can react to anything else, so nothing is looked for there.
        let blue = messages.iter().filter(|message| message.channel == Channel::Imessage);
        let ids: Vec<_> = blue.map(|message| &message.id).collect();
        let mut on = reactions::on(tx, &ids)?;
        messages
            .into_iter()
            .map(|message| {
                let reactions = on.remove(&message.id).unwrap_or_default();
                Self::of(tx, message, reactions)
            })
            .collect()
    }
}

/// A message of a number's list: the same with three aliases and its conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberMessageView {
    #[serde(flatten)]
    message: MessageView,
    #[serde(rename = "from_")]
    from_alias: String,
    from: String,
    to: String,
    conversation_id: String,
}

impl NumberMessageView {
    pub fn all(tx: &mut Tx<'_>, messages: Vec<Message>) -> Result<Vec<Self>> {
        let conversations: Vec<String> =
            messages.iter().map(|message| message.conversation_id.to_string()).collect();
        let views = MessageView::all(tx, messages)?.into_iter().zip(conversations);
        let alias = |(message, conversation_id): (MessageView, String)| {
            let (from, to) = (message.from_number.clone(), message.to_number.clone());
            Self { from_alias: from.clone(), from, to, conversation_id, message }
        };
        Ok(views.map(alias).collect())
    }
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    id: String,
    #[schema(required)]
    agent_id: Option<String>,
    phone_number_id: String,
    phone_number: String,
    participant: String,
    #[schema(inline)]
    channel: Channel,
    #[schema(value_type = String, format = DateTime)]
    last_message_at: Time,
    last_message_preview: String,
    message_count: i64,
    #[schema(required, value_type = Option<Object>)]
    metadata: Option<Value>,
    capabilities: ConversationCapabilities,
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
    #[serde(flatten)]
    #[schema(value_type = GroupKeys)]
    group: Option<GroupView>,
}

/// What can be done in a conversation now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the shape of the contract")]
pub struct ConversationCapabilities {
    can_send_messages: bool,
    #[schema(required)]
    send_disabled_reason: Option<String>,
    #[schema(required)]
    send_channel: Option<String>,
    available_channels: Vec<String>,
    media_channels: Vec<String>,
    media: bool,
    reactions: bool,
    emoji_reactions: bool,
}

/// What only group conversations have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupView {
    is_group: bool,
    group_id: String,
    group_name: Option<String>,
    group_icon_url: Option<String>,
    participants: Vec<Member>,
}

/// On group conversations all of these are there, on others none.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes `GroupView` in the OpenAPI document")]
struct GroupKeys {
    #[schema(required = false)]
    is_group: bool,
    #[schema(required = false)]
    group_id: String,
    group_name: Option<String>,
    group_icon_url: Option<String>,
    #[schema(required = false)]
    participants: Vec<Member>,
}

impl ConversationView {
    pub fn of(app: &App, conversation: Conversation, now: Time) -> Self {
        let capabilities = capabilities(app, &conversation, now);
        let metadata = conversation.metadata.map(|text| serde_json::from_str(&text).unwrap_or(Value::Null));
        let participant = conversation.participant;
        Self {
            id: conversation.id.to_string(),
            agent_id: conversation.agent_id.map(|agent| agent.to_string()),
            phone_number_id: conversation.number_id.to_string(),
            phone_number: conversation.number,
            channel: conversation.channel,
            last_message_at: conversation.last_message_at,
            last_message_preview: conversation.last_message_preview,
            message_count: conversation.message_count,
            metadata,
            capabilities,
            created_at: conversation.created_at,
            group: conversation.group.map(|group| GroupView {
                is_group: true,
                group_id: participant.clone(),
                group_name: group.name,
                group_icon_url: group.icon_url,
                participants: group.members,
            }),
            participant,
        }
    }
}

fn capabilities(app: &App, conversation: &Conversation, now: Time) -> ConversationCapabilities {
    let ability = app.lines.get(&conversation.carrier);
    let active = conversation.number_status == "active";
    let is_group = conversation.group.is_some();
    let is_email = conversation.participant.contains('@');
    let imessage = active
        && conversation.number_kind == "imessage"
        && ability.is_some_and(|ability| ability.imessage)
        && conversation.may_be_on_imessage(now);
    let cellular = active && !is_group && !is_email;
    let mut channels = Vec::new();
    let mut media_channels = Vec::new();
    if imessage {
        channels.push(Channel::Imessage.to_string());
        media_channels.push(Channel::Imessage.to_string());
    }
    if cellular && ability.is_none_or(|ability| ability.sms) {
        channels.push(Channel::Sms.to_string());
    }
    if cellular && ability.is_none_or(|ability| ability.mms) {
        channels.push(Channel::Mms.to_string());
        media_channels.push(Channel::Mms.to_string());
    }
    let reason = match conversation.number_status.as_str() {
        "active" if !channels.is_empty() => None,
        "suspended" => Some("NUMBER_SUSPENDED"),
        "active" => Some("CHANNEL_NOT_SUPPORTED"),
        _ => Some("NO_SENDING_NUMBER"),
    };
    ConversationCapabilities {
        can_send_messages: reason.is_none(),
        send_disabled_reason: reason.map(str::to_owned),
        send_channel: channels.first().cloned(),
        media: !media_channels.is_empty(),
        reactions: imessage && ability.is_some_and(|ability| ability.reactions),
        emoji_reactions: imessage
            && ability.is_some_and(|ability| ability.reactions && ability.emoji_reactions),
        available_channels: channels,
        media_channels,
    }
}
