//! Phones and groups: who has which phone, and what stands on its screen. A phone's texts are places in the ledger.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use crate::channel::Channel;
use crate::clock::Time;

use super::ledger::{Direction, Entry, Name};

/// How long a typing sign stays on the screen if no text follows.
const TYPING_MILLIS: i64 = 5_000;

/// A person's phone. One that nobody set up can SMS and MMS, nothing else.
#[derive(Default)]
pub struct Handset {
    pub imessage: bool,
    pub name: Option<String>,
    /// What it says by itself to the next text that arrives.
    pub answer_once: Option<String>,
    /// Places in the ledger, oldest first.
    pub bubbles: Vec<u32>,
    /// By the number or the group at the other end.
    pub threads: HashMap<Name, Thread>,
}

#[derive(Default)]
pub struct Thread {
    pub background: Option<String>,
    /// Until when the other end seems to type, in unix milliseconds.
    pub typing_until: i64,
}

/// A group thread with one of our numbers in it.
pub struct Group {
    pub line: Name,
    /// Everyone besides our number.
    pub members: Vec<Name>,
    pub name: Option<String>,
}

/// A tapback as it stands.
#[derive(Clone, Serialize)]
pub struct Reaction {
    #[serde(serialize_with = "as_str")]
    pub from: Name,
    /// The word or emoji.
    #[serde(rename = "reaction")]
    pub word: String,
    /// On which picture of a carousel.
    #[serde(skip_serializing_if = "is_first")]
    pub part: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_first(part: &u32) -> bool {
    *part == 0
}

fn as_str<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

/// A text on the screen.
#[derive(Serialize)]
pub struct Bubble<'a> {
    id: &'a str,
    message_id: Option<&'a str>,
    direction: Direction,
    from: &'a str,
    to: &'a str,
    group_id: Option<&'a str>,
    body: &'a str,
    media_urls: &'a [String],
    channel: Channel,
    effect: Option<&'a str>,
    reply_to: Option<&'a str>,
    reactions: &'a [Reaction],
    at: Time,
}

/// A thread in the phone's list: `with` is the number or group at the other end.
#[derive(Serialize)]
pub struct ThreadRow<'a> {
    pub with: &'a str,
    background: Option<&'a str>,
    typing: bool,
}

/// All a phone shows.
#[derive(Serialize)]
pub struct Screen<'a> {
    pub data: Vec<Bubble<'a>>,
    pub threads: Vec<ThreadRow<'a>>,
}

/// A phone in the list of phones.
#[derive(Serialize)]
pub struct HandsetRow<'a> {
    pub number: &'a str,
    pub name: Option<&'a str>,
    pub imessage: bool,
    /// When the last text came or went.
    pub last_at: Option<Time>,
}

impl Handset {
    /// The thread with `with`, made if there was none.
    pub fn thread(&mut self, with: &Name) -> &mut Thread {
        if !self.threads.contains_key(with) {
            self.threads.insert(with.clone(), Thread::default());
        }
        self.threads.get_mut(with).expect("it was made above")
    }
}

impl Thread {
    /// A server types: the sign shows for a few seconds.
    pub fn types(&mut self, now: i64) {
        self.typing_until = now + TYPING_MILLIS;
    }

    pub fn row<'a>(&'a self, with: &'a str, now: i64) -> ThreadRow<'a> {
        ThreadRow { with, background: self.background.as_deref(), typing: now < self.typing_until }
    }
}

impl<'a> Bubble<'a> {
    pub fn of(entry: &'a Entry, reactions: &'a [Reaction]) -> Self {
        Self {
            id: &entry.id,
            message_id: entry.our_id(),
            direction: entry.direction,
            from: &entry.from,
            to: &entry.to,
            group_id: entry.to_group.then_some(&*entry.to),
            body: &entry.body,
            media_urls: entry.media_urls(),
            channel: entry.channel,
            effect: entry.effect(),
            reply_to: entry.reply_to(),
            reactions,
            at: Time::from_millis(entry.at),
        }
    }
}
