//! How a message leaves and arrives. A carrier is two verbs over plain data, [`Carrier::submit`] and
//! [`Carrier::ask`], plus a declaration of what it can do; what arrives it puts into its [`Inbox`]. One provider,
//! one file. Nothing here knows our tables, our webhooks or our API. The plain data is `serde` data too: a link to
//! the simulated network carries it as it stands.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::channel::{Channel, Failure};
use crate::clock::Time;

pub mod simulated;

/// Something that can carry messages: a provider's API, an SMPP bind, the simulated network.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Hands `outbound` over and says what became of it. Never hands one over twice by itself.
    async fn submit(&self, outbound: Outbound) -> Outcome;

    /// Asks what only the carrier knows, or to forget what it knows. Sends nothing, however often it is asked.
    async fn ask(&self, question: Question) -> Answer;
}

/// What is sent. Numbers are E.164; `message_id` and every other id here is ours.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outbound {
    Text(Text),
    /// A tapback on `message`; `None` takes ours back.
    Reaction {
        id: String,
        from: String,
        to: Target,
        message: MessageRef,
        reaction: Option<String>,
    },
    Typing {
        from: String,
        to: Target,
    },
    /// A chat background by URL; `None` removes it.
    Background {
        id: String,
        from: String,
        to: Target,
        image_url: Option<String>,
    },
    GroupName {
        from: String,
        to: Target,
        name: String,
    },
}

/// One message as it is handed over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Text {
    pub message_id: String,
    /// 1 for the first hand-over of this message by this channel, then counted up.
    pub attempt: i64,
    pub from: String,
    pub to: Target,
    pub channel: Channel,
    pub body: String,
    pub media_urls: Vec<String>,
    pub effect: Option<String>,
    pub reply_to: Option<MessageRef>,
}

/// To whom: one person, a group that exists, or a group that this message starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Target {
    Person(String),
    Group { group_id: String, provider_id: Option<String> },
    NewGroup { group_id: String, members: Vec<String> },
}

/// A message by our id and by the carrier's, where it told us one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageRef {
    pub message_id: String,
    pub provider_id: Option<String>,
    /// Which picture of a carousel that came, from 0.
    #[serde(default)]
    pub part: u32,
}

/// What became of a hand-over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    Accepted {
        provider_id: Option<String>,
        /// For a message that started a group: the carrier's name of it.
        group_provider_id: Option<String>,
    },
    /// Definitely not sent and never will be.
    Refused(Failure),
    /// Definitely not sent by this channel because the person is not on it; another may be tried.
    NotOnChannel { reason: String },
    /// Surely did not go out (throttled, line down): try the same again later.
    Later { after: Option<Duration>, reason: String },
    /// The hand-over broke off: the carrier may or may not have it.
    Unknown { reason: String },
}

/// What can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Question {
    /// What became of a message that was handed over before a crash.
    Message { message_id: String, provider_id: Option<String>, channel: Channel },
    /// How `address` can be reached, from our number `from` if the asker has one that could.
    Reach { from: Option<String>, address: String },
    /// A fresh number to hand out; area code as three digits.
    FreshNumber { country: String, area_code: Option<String>, imessage: bool },
    /// A number given back.
    NumberReleased { number: String },
    /// These messages were deleted: what the carrier keeps of their content shall go too.
    Erase { messages: Vec<MessageRef> },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The carrier knows what became of the message.
    Message(Outcome),
    Reach {
        imessage: bool,
        sms: bool,
    },
    Number(String),
    /// There is no number like the one that was asked for, and that is certain.
    NoNumber,
    Done,
    /// The carrier cannot say: it does not know, cannot be reached, or offers no such service.
    CannotTell,
}

/// What arrived, as plain data. `provider_id` makes it idempotent: the same one is stored once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Inbound {
    Text(InboundText),
    Receipt(Receipt),
    /// A tapback by a person; `None` takes it back. `message_id` is ours or the provider's.
    Reaction {
        provider_id: String,
        from: String,
        to: String,
        group: Option<Group>,
        message_id: String,
        reaction: Option<String>,
        at: Time,
    },
    Typing {
        from: String,
        to: String,
    },
    /// Our number was added to a group, or its roster or name changed.
    Group {
        to: String,
        group: Group,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InboundText {
    pub provider_id: String,
    pub from: String,
    /// Our number.
    pub to: String,
    pub group: Option<Group>,
    pub channel: Channel,
    pub body: String,
    pub media_urls: Vec<String>,
    /// Our id or the provider's id of the quoted message.
    pub reply_to: Option<String>,
    pub at: Time,
}

/// A delivery or read receipt, or a late failure, for one of our messages.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Receipt {
    pub provider_id: Option<String>,
    /// Where the carrier knows our id.
    pub message_id: Option<String>,
    pub state: ReceiptState,
    pub channel: Option<Channel>,
    pub at: Time,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ReceiptState {
    Delivered,
    Read,
    Failed(Failure),
}

/// A group thread as last seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// The carrier's name of the group; ours (`grp_…`) where it was started by us or the carrier uses such ids.
    pub provider_id: String,
    pub name: Option<String>,
    /// Who is in it besides our number, with names where known.
    pub members: Vec<Member>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    pub identifier: String,
    pub name: Option<String>,
}

/// One thing that arrived. The carrier acknowledges it to the provider only after `stored` was answered.
#[derive(Debug)]
pub struct Arrival {
    /// The name of the `[[carriers]]` table.
    pub carrier: Arc<str>,
    pub inbound: Inbound,
    /// Answered after the commit, for a text with our message id of it (of a carousel: of its first image), for
    /// everything else with `None`; dropped without an answer if it could not be stored.
    pub stored: oneshot::Sender<Option<String>>,
}

/// Where carriers put what arrives.
pub type Inbox = mpsc::Sender<Arrival>;

/// What a carrier can do; what it cannot is refused before it is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
pub struct Capabilities {
    pub sms: bool,
    pub mms: bool,
    pub imessage: bool,
    pub reactions: bool,
    /// Any emoji as a reaction, not the six words only.
    pub emoji_reactions: bool,
    pub replies: bool,
    pub effects: bool,
    pub backgrounds: bool,
    pub groups: bool,
    pub typing: bool,
    /// [`Question::Message`] has an answer: doubt after a crash can be settled by asking.
    pub can_be_asked: bool,
    /// Fresh numbers are made on demand.
    pub makes_numbers: bool,
    /// [`Question::Erase`] is obeyed.
    pub erases: bool,
    /// A sandbox: counts as registered, and never bills anyone.
    pub sandbox: bool,
    /// A number's messages are handed over by one process at a time, which keeps its pace or its connection. Where this
    /// is not so, whoever accepts a message may hand it over.
    pub exclusive: bool,
}

/// A carrier in service.
#[derive(Clone)]
pub struct Connection {
    pub name: Arc<str>,
    pub capabilities: Capabilities,
    /// Whether messages can be handed over now.
    pub up: watch::Receiver<bool>,
    pub carrier: Arc<dyn Carrier>,
}

impl Connection {
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }
}
