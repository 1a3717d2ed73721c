//! Everything that can happen to the network, as it stands in the journal. An event holds what was decided when it
//! happened, ids and verdicts included, so that applying the same events always gives the same state. Messages are
//! named by their place in the ledger, times are unix milliseconds.

use serde::{Deserialize, Serialize};

use crate::carriers::{Target, Text};
use crate::channel::{Channel, Failure, FailureCode};

use super::faults::Faults;
use super::link::Line;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Lines(Vec<Line>),
    /// A number was given back.
    LineGone(String),
    Handset {
        number: String,
        imessage: Option<bool>,
        name: Option<String>,
        answer_once: Option<String>,
    },
    /// A server handed over one part of a text.
    Submitted(Box<Submitted>),
    /// Everything withheld was let go.
    Released {
        at: i64,
    },
    Faults(Faults),
    /// One of the faults has refused something that has no entry in the ledger.
    RefusedOther,
    /// A person texted one of our numbers or a group.
    Said(Box<Said>),
    /// A server has stored these offers; texts with the id they became.
    Stored(Vec<(u64, Option<String>)>),
    /// A tapback of one of our numbers on a message; `None` takes it back.
    TappedByLine {
        from: String,
        message: u32,
        reaction: Option<String>,
        /// On which picture of a carousel.
        #[serde(default)]
        part: u32,
    },
    /// A tapback of a person, with the id it has on the network.
    Tapped {
        at: i64,
        id: String,
        from: String,
        message: u32,
        reaction: Option<String>,
    },
    /// A person read a message.
    Read {
        at: i64,
        message: u32,
    },
    Background {
        from: String,
        to: Target,
        image_url: Option<String>,
    },
    /// A group was made or changed; `told` says whether our number is told.
    Group {
        id: String,
        line: String,
        members: Vec<String>,
        name: Option<String>,
        told: bool,
        /// When, and who did it: our number, a member, or nobody that is known.
        #[serde(default)]
        at: i64,
        #[serde(default)]
        by: Option<String>,
    },
    /// A server deleted these texts, or these pictures of carousels: what they said is forgotten. Their own lines in
    /// the journal are blotted out.
    Erased {
        messages: Vec<u32>,
        /// The text, and which picture of it.
        #[serde(default)]
        pictures: Vec<(u32, u32)>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Submitted {
    pub at: i64,
    pub part: u16,
    pub parts: u16,
    pub verdict: Verdict,
    pub text: Text,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Said {
    pub at: i64,
    /// `sim_…`
    pub id: String,
    pub from: String,
    /// One of our numbers, or a group.
    pub to: String,
    pub channel: Channel,
    pub body: String,
    pub media_urls: Vec<String>,
    pub reply_to: Option<String>,
    /// The phone's own `answer_once`, which is used up by this.
    pub by_itself: bool,
}

/// What the network made of a submit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Accepted,
    /// Taken without an answer.
    Withheld,
    Refused(Refusal),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// By the fault `refuse_next`.
    Fault,
    NotOnImessage,
    GroupNeedsImessage,
    NoSuchGroup,
    NoSuchMessage,
    NotAPhone,
}

impl Refusal {
    pub fn failure(self) -> Failure {
        let (code, reason) = match self {
            Self::Fault => (FailureCode::CarrierRejected, "The network was told to refuse this"),
            Self::NotOnImessage => (FailureCode::Unreachable, "The recipient is not on iMessage"),
            Self::GroupNeedsImessage => (FailureCode::CarrierRejected, "Groups exist on iMessage only"),
            Self::NoSuchGroup => (FailureCode::InvalidRecipient, "The number is in no such group"),
            Self::NoSuchMessage => (FailureCode::CarrierRejected, "No such iMessage in this thread"),
            Self::NotAPhone => (FailureCode::InvalidRecipient, "Only a phone can receive a text"),
        };
        Failure { code, reason: reason.to_owned() }
    }
}
