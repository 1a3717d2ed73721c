//! What a job is: a closed set, stored as JSON that holds ids only. What each one does stands in `jobs/`.

use serde::{Deserialize, Serialize};

use crate::id::{ActId, ConversationId, DeliveryId, MediaId, MessageId, NumberId, WebhookId};
use crate::words;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Hands a message to its number's carrier.
    SendMessage(MessageId),
    /// Hands a reaction, typing sign, background or group name to its number's carrier.
    Act(ActId),
    /// Posts an event to an endpoint.
    DeliverWebhook(DeliveryId),
    /// Fetches one inbound attachment and hosts it.
    FetchMedia(MediaId),
    /// Releases a number whose time is over.
    ReleaseNumber(NumberId),
    /// Deletes what is past its retention.
    Prune,
    /// Erases the messages of a conversation that is gone.
    EraseConversation(ConversationId),
    /// Deletes files of erased messages, and has their carriers forget them.
    EraseOutside(Vec<MessageId>),
}

words! {
    /// Which kind of work a lane holds; each class has a worker of its own.
    Class {
        Send = "send",
        Hook = "hook",
        Media = "media",
        Upkeep = "upkeep",
    }
}

/// Where jobs wait: its class says which worker looks, its name what shares a concurrency limit.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lane {
    pub class: Class,
    pub name: String,
}

/// The lane of a number: its pace, its order, and one process at a time.
pub fn send_lane(number: &NumberId) -> Lane {
    Lane { class: Class::Send, name: number.to_string() }
}

/// The lane of an endpoint: its own concurrency, so that a sick one harms nobody else.
pub fn hook_lane(webhook: &WebhookId) -> Lane {
    Lane { class: Class::Hook, name: webhook.to_string() }
}

/// The lane of attachments to fetch.
pub fn media_lane() -> Lane {
    Lane { class: Class::Media, name: "all".to_owned() }
}

/// The lane of housekeeping.
pub fn upkeep_lane() -> Lane {
    Lane { class: Class::Upkeep, name: "all".to_owned() }
}

/// The lane of what is erased.
pub fn erase_lane() -> Lane {
    Lane { class: Class::Upkeep, name: "erase".to_owned() }
}
