//! What people with phones do, and what tests ask for: each wish is checked against the state and then happens. It
//! knows nothing of HTTP; `http` calls it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::carriers::Inbound;
use crate::channel::Channel;
use crate::id::GroupId;

use super::core::Core;
use super::event::{Event, Said};
use super::faults::{FaultChange, Faults};
use super::judge::is_phone;
use super::ledger::{Direction, Name};
use super::phone::{HandsetRow, Screen};
use super::state::Change;
use super::watch::{bubble, row, thread_row};

/// Why a wish was refused, in one sentence.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Bad(String),
    NotFound(String),
    /// The network has stopped.
    Stopped,
    /// The disk would not take it.
    Disk(String),
}

pub type Result<T> = std::result::Result<T, Refused>;

/// `PUT /sim/handsets/{e164}`: what is absent stays.
#[derive(Debug, Default, Deserialize)]
pub struct HandsetChange {
    pub imessage: Option<bool>,
    pub name: Option<String>,
    /// The phone answers the next text it gets with this, by itself.
    pub answer_once: Option<String>,
}

/// `POST /sim/handsets/{e164}/messages`.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Saying {
    /// One of our numbers, or a group.
    pub to: String,
    pub body: Option<String>,
    pub media_urls: Option<Vec<String>>,
    pub reply_to: Option<String>,
    /// A word for this text: the same text under the same word is said once, however often it is asked for.
    pub once: Option<String>,
}

/// `POST /sim/groups`.
#[derive(Debug, Deserialize)]
pub struct NewGroup {
    pub number: String,
    pub members: Vec<String>,
    pub name: Option<String>,
}

/// `PATCH /sim/groups/{id}`: what is absent stays.
#[derive(Debug, Deserialize)]
pub struct GroupChange {
    pub members: Option<Vec<String>>,
    pub name: Option<String>,
    /// Who in the group does it.
    pub by: Option<String>,
}

fn bad<T>(message: impl Into<String>) -> Result<T> {
    Err(Refused::Bad(message.into()))
}

fn not_found<T>(message: impl Into<String>) -> Result<T> {
    Err(Refused::NotFound(message.into()))
}

impl Saying {
    /// The id of a text that is to be said once: from who says it, and all that is said.
    fn id(&self, from: &str) -> Option<String> {
        self.once.as_ref()?;
        let hash = Sha256::digest(json!([from, self]).to_string());
        Some(format!("sim_{}", hex::encode(&hash[..16])))
    }
}

/// Refuses what can be nobody's phone.
pub fn check_phone(number: &str) -> Result<()> {
    if is_phone(number) {
        Ok(())
    } else {
        bad(format!("{number} is not an E.164 number, short code or e-mail"))
    }
}

impl Core {
    pub fn change_handset(&mut self, number: &str, change: HandsetChange) -> Result<Value> {
        check_phone(number)?;
        let HandsetChange { imessage, name, answer_once } = change;
        self.record(Event::Handset { number: number.to_owned(), imessage, name, answer_once });
        Ok(json!(row(&self.state, number)))
    }

    /// Every phone, the one with the latest text first.
    pub fn handsets(&self) -> Value {
        let mut rows: Vec<HandsetRow> =
            self.state.handsets.keys().filter_map(|number| row(&self.state, number)).collect();
        rows.sort_by(|a, b| b.last_at.cmp(&a.last_at).then(a.number.cmp(b.number)));
        json!({ "data": rows })
    }

    /// What a phone shows: the newest `limit` texts, oldest first, and its threads.
    pub fn screen(&self, number: &str, limit: usize) -> Value {
        let Some(handset) = self.state.handsets.get(number) else {
            return json!({ "data": [], "threads": [] });
        };
        let skipped = handset.bubbles.len().saturating_sub(limit);
        let data = handset.bubbles[skipped..].iter().map(|place| bubble(&self.state, *place)).collect();
        let row = |(with, thread)| thread_row(&self.state, with, thread, self.now);
        let mut threads: Vec<_> = handset.threads.iter().map(row).collect();
        threads.sort_by(|a, b| a.with.cmp(b.with));
        json!(Screen { data, threads })
    }

    pub fn say(&mut self, from: &str, saying: Saying) -> Result<Value> {
        check_phone(from)?;
        let id = saying.id(from).unwrap_or_else(|| format!("sim_{}", self.ids.secret()));
        if let Some(place) = self.state.ledger.find(&id) {
            return Ok(json!(bubble(&self.state, place)));
        }
        let Saying { to, body, media_urls, reply_to, once: _ } = saying;
        let (body, media_urls) = (body.unwrap_or_default(), media_urls.unwrap_or_default());
        if body.is_empty() && media_urls.is_empty() {
            return bad("body or media_urls is required");
        }
        let channel = self.channel(from, &to, !media_urls.is_empty())?;
        let reply_to = reply_to.map(|id| self.quote(from, &to, &id)).transpose()?;
        let (at, from, by_itself) = (self.now, from.to_owned(), false);
        let said = Said { at, id: id.clone(), from, to, channel, body, media_urls, reply_to, by_itself };
        self.record(Event::Said(Box::new(said)));
        let place = self.state.ledger.find(&id).expect("it has just been written there");
        Ok(json!(bubble(&self.state, place)))
    }

    /// A phone with `answer_once` has got a text from `with`.
    pub fn answer_by_itself(&mut self, phone: &Name, with: &Name) {
        let answer = self.state.handsets.get(phone).and_then(|handset| handset.answer_once.clone());
        let (Some(body), Ok(channel)) = (answer, self.channel(phone, with, false)) else { return };
        let id = format!("sim_{}", self.ids.secret());
        let (at, from, to, by_itself) = (self.now, phone.to_string(), with.to_string(), true);
        let (media_urls, reply_to) = (Vec::new(), None);
        let said = Said { at, id, from, to, channel, body, media_urls, reply_to, by_itself };
        self.record(Event::Said(Box::new(said)));
    }

    pub fn tap(&mut self, from: &str, message_id: &str, reaction: Option<String>) -> Result<Value> {
        let message = self.imessage(from, message_id)?;
        if reaction.as_deref().is_some_and(|reaction| !is_reaction(reaction)) {
            return bad("reaction must be love, like, dislike, laugh, emphasize, question, an emoji or null");
        }
        let id = format!("sim_{}", self.ids.secret());
        self.record(Event::Tapped { at: self.now, id, from: from.to_owned(), message, reaction });
        Ok(json!(bubble(&self.state, message)))
    }

    pub fn read(&mut self, from: &str, message_id: &str) -> Result<Value> {
        let message = self.imessage(from, message_id)?;
        if self.state.ledger.get(message).direction == Direction::In {
            return bad("a person reads what a server sent, not what people wrote");
        }
        self.record(Event::Read { at: self.now, message });
        Ok(json!({}))
    }

    /// A person types. Groups are not told.
    pub fn type_to(&mut self, from: &str, to: &str) -> Result<Value> {
        check_phone(from)?;
        self.channel(from, to, false)?;
        if !self.state.groups.contains_key(to) {
            self.pass_on(Inbound::Typing { from: from.to_owned(), to: to.to_owned() });
        }
        Ok(json!({}))
    }

    pub fn make_group(&mut self, group: NewGroup) -> Result<Value> {
        let NewGroup { number: line, members, name } = group;
        if !self.state.lines.contains_key(line.as_str()) {
            return not_found(format!("No server owns {line}"));
        }
        self.check_members(&line, &members)?;
        let id = GroupId::new(&self.ids).to_string();
        let (at, by) = (self.now, None);
        self.record(Event::Group { id: id.clone(), line, members, name, told: true, at, by });
        Ok(json!({ "group_id": id }))
    }

    pub fn change_group(&mut self, id: &str, change: GroupChange) -> Result<Value> {
        let Some(group) = self.state.groups.get(id) else {
            return not_found(format!("No group {id}"));
        };
        let (line, standing) = (group.line.to_string(), group.name.clone());
        let before: Vec<Name> = group.members.clone();
        let members = change.members.unwrap_or_else(|| before.iter().map(ToString::to_string).collect());
        self.check_members(&line, &members)?;
        if let Some(by) = change.by.as_deref().filter(|by| !before.iter().any(|member| &**member == *by)) {
            return bad(format!("{by} is not in the group {id}"));
        }
        let (at, by, name) = (self.now, change.by, change.name.or(standing));
        self.record(Event::Group { id: id.to_owned(), line, members, name, told: true, at, by });
        for member in &before {
            self.state.note(member, Change::Thread(Name::from(id)));
        }
        self.group(id)
    }

    pub fn group(&self, id: &str) -> Result<Value> {
        match self.state.groups.get(id) {
            Some(group) => Ok(json!(group.view(id))),
            None => not_found(format!("No group {id}")),
        }
    }

    pub fn change_faults(&mut self, change: FaultChange) -> Value {
        let faults = self.state.faults.changed_by(change);
        self.record(Event::Faults(faults));
        if change.release == Some(true) {
            self.release();
        }
        if faults.link_down {
            self.drop_links();
        }
        self.faults()
    }

    pub fn faults(&self) -> Value {
        let Faults { accept_delay_ms, refuse_next, withhold_next, receipt_delay_ms, link_down } =
            self.state.faults;
        json!({
            "accept_delay_ms": accept_delay_ms, "refuse_next": refuse_next, "withhold_next": withhold_next,
            "withheld": self.state.withheld.len(), "receipt_delay_ms": receipt_delay_ms, "link_down": link_down,
        })
    }

    /// By which channel `from` reaches `to`, one of our numbers or a group it is in.
    fn channel(&self, from: &str, to: &str, has_media: bool) -> Result<Channel> {
        if let Some(group) = self.state.groups.get(to) {
            let inside = group.members.iter().any(|member| &**member == from);
            return if inside {
                Ok(Channel::Imessage)
            } else {
                bad(format!("{from} is not in the group {to}"))
            };
        }
        match self.state.lines.get_key_value(to) {
            Some((line, _)) => Ok(self.state.channel_to(from, line, has_media)),
            None => not_found(format!("No server owns {to}, and no group is called so")),
        }
    }

    /// The name here of a message that `from` quotes in its thread with `to`.
    fn quote(&self, from: &str, to: &str, id: &str) -> Result<String> {
        let Some(place) = self.state.shown(from, id) else {
            return not_found(format!("{from} shows no message {id}"));
        };
        let entry = self.state.ledger.get(place);
        let (_, with) = self.state.shown_on(entry);
        if &*with == to { Ok(entry.id.to_string()) } else { bad(format!("{id} is in another thread")) }
    }

    /// An iMessage that the phone of `from` shows.
    fn imessage(&self, from: &str, id: &str) -> Result<u32> {
        let Some(place) = self.state.shown(from, id) else {
            return not_found(format!("{from} shows no message {id}"));
        };
        match self.state.ledger.get(place).channel {
            Channel::Imessage => Ok(place),
            Channel::Sms | Channel::Mms => bad("only an iMessage can be tapped on or reported as read"),
        }
    }

    fn check_members(&self, line: &str, members: &[String]) -> Result<()> {
        if members.is_empty() {
            return bad("members must not be empty");
        }
        for member in members {
            check_phone(member)?;
            if member == line {
                return bad("members are the people besides our number");
            }
            if !self.state.is_on_imessage(member) {
                return bad(format!(
                    "{member} is not on iMessage; PUT the handset with \"imessage\": true first"
                ));
            }
        }
        Ok(())
    }
}

fn is_reaction(reaction: &str) -> bool {
    let words = ["love", "like", "dislike", "laugh", "emphasize", "question"];
    words.contains(&reaction)
        || (!reaction.is_empty() && reaction.chars().count() <= 16 && !reaction.is_ascii())
}
