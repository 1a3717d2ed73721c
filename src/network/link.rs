//! What a server and the network say to each other. In one process these values go through channels as they are;
//! between two programs they are JSON text frames of the WebSocket `/sim/link`, each a list of messages. Messages
//! keep their order in either direction. How they travel is the business of `socket` and of the carrier.

use serde::{Deserialize, Serialize};

use crate::carriers::{Answer, Inbound, Outbound, Outcome, Question};

/// How many submits a server may have unanswered on one link.
pub const MOST_OUTSTANDING: usize = 1000;
/// Bytes read from a WebSocket at a time. The buffer is wiped before each read; frames are small.
pub const READ_BUFFER: usize = 16 * 1024;

/// From a server to the network. `seq` is the server's own count; the answer repeats it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToNetwork {
    /// The numbers this server owns. Said after every connecting; adds to what the network knows.
    Lines(Vec<Line>),
    Submit(Box<Submit>),
    Ask {
        seq: u64,
        question: Question,
    },
    /// These offers are stored, those of texts with the `msg_…` id each became.
    Stored(Vec<(u64, Option<String>)>),
    /// Everything this server had sent before [`FromNetwork::Fence`] has been read by now.
    Fenced {
        fence: u64,
    },
}

/// One hand-over. A message of several parts is submitted part by part, each after the answer to the one before.
#[derive(Debug, Serialize, Deserialize)]
pub struct Submit {
    pub seq: u64,
    /// From 0.
    pub part: u16,
    /// How many parts the message has: the delivery receipt follows the last one.
    pub parts: u16,
    pub outbound: Outbound,
}

/// A number of ours.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// E.164.
    pub number: String,
    /// Whether people with iMessage reach it by iMessage.
    pub imessage: bool,
}

/// From the network to a server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromNetwork {
    /// What became of a submit.
    Outcome {
        seq: u64,
        outcome: Outcome,
    },
    Answer {
        seq: u64,
        answer: Answer,
    },
    /// Something arrived. Offered again until [`ToNetwork::Stored`] names it; id 0 is offered once and not answered.
    Offer {
        id: u64,
        inbound: Box<Inbound>,
    },
    /// To be answered with [`ToNetwork::Fenced`].
    Fence {
        fence: u64,
    },
}
