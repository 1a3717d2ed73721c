//! The ledger: every text that was handed to the network, each part and each attempt an entry of its own, and every
//! text a person wrote. Nothing is ever merged or removed; only a release changes an entry's verdict, and a deletion
//! takes out what was said. The phones' threads point into it, so a text is in memory once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::channel::Channel;
use crate::clock::Time;

use super::drawers::Drawers;
use super::event::Verdict;

/// A number, a group or a message, shared by everything that names it.
pub type Name = Arc<str>;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// By a server.
    Out,
    /// By a person.
    In,
}

pub struct Entry {
    /// Unix milliseconds.
    pub at: i64,
    /// `msg_…` of ours, `sim_…` of a person's.
    pub id: Name,
    /// The `msg_…` that a person's text became.
    pub became: Option<Name>,
    pub direction: Direction,
    pub part: u16,
    pub parts: u16,
    pub attempt: u32,
    pub from: Name,
    pub to: Name,
    pub to_group: bool,
    pub channel: Channel,
    pub verdict: Verdict,
    pub body: Box<str>,
    /// What most texts do not have.
    pub extras: Option<Box<Extras>>,
    /// The next entry of the same message.
    next: Option<u32>,
}

#[derive(Default)]
pub struct Extras {
    pub media_urls: Vec<String>,
    pub effect: Option<String>,
    /// The quoted message by the name it has here, if it has one, else as the sender named it.
    pub reply_to: Option<String>,
}

/// What is not known of a new entry yet is left to [`Ledger::add`].
pub struct Draft {
    pub at: i64,
    pub id: String,
    pub direction: Direction,
    pub part: u16,
    pub parts: u16,
    pub attempt: i64,
    pub from: Name,
    pub to: Name,
    pub to_group: bool,
    pub channel: Channel,
    pub verdict: Verdict,
    pub body: String,
    pub extras: Extras,
}

#[derive(Default)]
pub struct Ledger {
    entries: Drawers<Entry>,
    /// First and last entry of each message. A tree: it grows without ever moving all that it holds.
    by_id: BTreeMap<Name, (u32, u32)>,
}

impl Ledger {
    pub fn add(&mut self, draft: Draft) -> u32 {
        let place =
            u32::try_from(self.entries.len()).expect("memory ends before four thousand million texts");
        let id = if let Some((id, &(first, last))) = self.by_id.get_key_value(draft.id.as_str()) {
            let id = id.clone();
            self.entries[last as usize].next = Some(place);
            self.by_id.insert(id.clone(), (first, place));
            id
        } else {
            let id = Name::from(draft.id);
            self.by_id.insert(id.clone(), (place, place));
            id
        };
        let Extras { media_urls, effect, reply_to } = &draft.extras;
        let plain = media_urls.is_empty() && effect.is_none() && reply_to.is_none();
        self.entries.push(Entry {
            at: draft.at,
            id,
            became: None,
            direction: draft.direction,
            part: draft.part,
            parts: draft.parts,
            attempt: u32::try_from(draft.attempt).unwrap_or(0),
            from: draft.from,
            to: draft.to,
            to_group: draft.to_group,
            channel: draft.channel,
            verdict: draft.verdict,
            body: draft.body.into_boxed_str(),
            extras: (!plain).then(|| Box::new(draft.extras)),
            next: None,
        });
        place
    }

    pub fn get(&self, place: u32) -> &Entry {
        &self.entries[place as usize]
    }

    pub fn settle(&mut self, place: u32, verdict: Verdict) {
        self.entries[place as usize].verdict = verdict;
    }

    /// A person's text is known by our id of it as well from now on.
    pub fn rename(&mut self, place: u32, became: String) {
        let became = Name::from(became);
        self.by_id.insert(became.clone(), (place, place));
        self.entries[place as usize].became = Some(became);
    }

    /// Where the message stands that is called `id` here or on our side: its first entry.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.by_id.get(id).map(|&(first, _)| first)
    }

    /// Every entry of one message, in order.
    pub fn all_of(&self, id: &str) -> impl Iterator<Item = &Entry> {
        let first = self.find(id).map(|place| self.get(place));
        std::iter::successors(first, |entry| entry.next.map(|place| self.get(place)))
    }

    /// Where every entry of one message stands, in order.
    pub fn places_of(&self, id: &str) -> impl Iterator<Item = u32> {
        std::iter::successors(self.find(id), |place| self.get(*place).next)
    }

    /// Forgets what a text said; that it was there stays.
    pub fn erase(&mut self, place: u32) {
        let entry = &mut self.entries[place as usize];
        entry.body = Box::default();
        entry.extras = None;
    }

    /// Forgets one picture of several, and with the first what was written. The others keep their places.
    pub fn erase_picture(&mut self, place: u32, part: u32) {
        let entry = &mut self.entries[place as usize];
        if part == 0 {
            entry.body = Box::default();
        }
        let pictures = entry.extras.as_mut().map(|extras| &mut extras.media_urls);
        if let Some(url) = pictures.and_then(|pictures| pictures.get_mut(part as usize)) {
            url.clear();
        }
    }

    /// Up to `limit` rows after the `after`th, and the number of the last of them.
    pub fn page(&self, after: usize, limit: usize) -> Page<'_> {
        let start = after.min(self.entries.len());
        let end = start.saturating_add(limit).min(self.entries.len());
        let rows = (start..end).map(|place| Row::of(place + 1, &self.entries[place]));
        Page { data: rows.collect(), next: end.max(after) }
    }
}

/// A page of the ledger as `GET /sim/ledger` gives it.
#[derive(Serialize)]
pub struct Page<'a> {
    data: Vec<Row<'a>>,
    next: usize,
}

#[derive(Serialize)]
struct Row<'a> {
    n: usize,
    at: Time,
    direction: Direction,
    /// Of a person's text the `sim_…` id, which never changes.
    message_id: &'a str,
    part: u16,
    attempt: u32,
    from: &'a str,
    to: &'a str,
    channel: Channel,
    body: &'a str,
    media_urls: Vec<&'a str>,
    effect: Option<&'a str>,
    reply_to: Option<&'a str>,
    outcome: &'static str,
}

impl<'a> Row<'a> {
    fn of(n: usize, entry: &'a Entry) -> Self {
        Self {
            n,
            at: Time::from_millis(entry.at),
            direction: entry.direction,
            message_id: &entry.id,
            part: entry.part,
            attempt: entry.attempt,
            from: &entry.from,
            to: &entry.to,
            channel: entry.channel,
            body: &entry.body,
            media_urls: entry.media_urls(),
            effect: entry.effect(),
            reply_to: entry.reply_to(),
            outcome: match entry.verdict {
                Verdict::Accepted => "accepted",
                Verdict::Withheld => "withheld",
                Verdict::Refused(_) => "refused",
            },
        }
    }
}

impl Entry {
    /// All pictures by their places; one that was erased is empty.
    pub fn pictures(&self) -> &[String] {
        self.extras.as_ref().map_or(&[], |extras| &extras.media_urls)
    }

    /// The pictures that are there.
    pub fn media_urls(&self) -> Vec<&str> {
        self.pictures().iter().map(String::as_str).filter(|url| !url.is_empty()).collect()
    }

    pub fn effect(&self) -> Option<&str> {
        self.extras.as_ref()?.effect.as_deref()
    }

    pub fn reply_to(&self) -> Option<&str> {
        self.extras.as_ref()?.reply_to.as_deref()
    }

    /// Our id of it, where it has one.
    pub fn our_id(&self) -> Option<&str> {
        match self.direction {
            Direction::Out => Some(&self.id),
            Direction::In => self.became.as_deref(),
        }
    }
}
