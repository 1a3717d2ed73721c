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
    /// What happened to it, as its members read it between their texts.
    pub log: Vec<Turn>,
}

/// A line between the texts of a group: who came, who went, what it was called.
#[derive(Clone, Serialize)]
pub struct Turn {
    at: Time,
    /// Who did it, where that is known.
    #[serde(serialize_with = "as_name")]
    by: Option<Name>,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum What {
    Joined {
        #[serde(serialize_with = "as_str")]
        who: Name,
    },
    Left {
        #[serde(serialize_with = "as_str")]
        who: Name,
    },
    Named {
        name: String,
    },
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

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn as_name<S: Serializer>(name: &Option<Name>, serializer: S) -> Result<S::Ok, S::Error> {
    name.as_deref().serialize(serializer)
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
    media_urls: Vec<&'a str>,
    channel: Channel,
    effect: Option<&'a str>,
    reply_to: Option<&'a str>,
    reactions: &'a [Reaction],
    at: Time,
    /// When a person read it and let us know.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Time>,
}

/// A thread in the phone's list: `with` is the number or group at the other end.
#[derive(Serialize)]
pub struct ThreadRow<'a> {
    pub with: &'a str,
    background: Option<&'a str>,
    typing: bool,
    /// Who is in it, of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<GroupView<'a>>,
}

/// A group as people see it.
#[derive(Serialize)]
pub struct GroupView<'a> {
    group_id: &'a str,
    number: &'a str,
    name: Option<&'a str>,
    members: Vec<&'a str>,
    log: &'a [Turn],
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

    /// The thread with `with`, which is `group` if it is one.
    pub fn row<'a>(&'a self, with: &'a str, group: Option<&'a Group>, now: i64) -> ThreadRow<'a> {
        let group = group.map(|group| group.view(with));
        ThreadRow { with, background: self.background.as_deref(), typing: now < self.typing_until, group }
    }
}

/// So many lines about what happened to a group are kept.
const TURNS: usize = 100;

impl Group {
    /// What there is to read about it once its members and its name are these.
    pub fn becomes(
        mut self,
        members: &[Name],
        name: Option<&String>,
        at: i64,
        by: Option<&Name>,
    ) -> Vec<Turn> {
        let came = members.iter().filter(|who| !self.members.contains(who));
        let went = self.members.iter().filter(|who| !members.contains(who));
        let named = name.filter(|name| self.name.as_ref() != Some(name));
        let all = came
            .map(|who| What::Joined { who: who.clone() })
            .chain(went.map(|who| What::Left { who: who.clone() }))
            .chain(named.map(|name| What::Named { name: name.clone() }));
        self.log.extend(all.map(|what| Turn { at: Time::from_millis(at), by: by.cloned(), what }));
        self.log.drain(..self.log.len().saturating_sub(TURNS));
        self.log
    }

    pub fn view<'a>(&'a self, id: &'a str) -> GroupView<'a> {
        let members = self.members.iter().map(|member| &**member).collect();
        GroupView { group_id: id, number: &self.line, name: self.name.as_deref(), members, log: &self.log }
    }
}

impl<'a> Bubble<'a> {
    pub fn of(entry: &'a Entry, reactions: &'a [Reaction], read_at: Option<i64>) -> Self {
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
            read_at: read_at.map(Time::from_millis),
        }
    }
}
