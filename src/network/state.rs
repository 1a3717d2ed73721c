//! The state of the network: plain data. It is changed by the events of `apply` alone; what has not happened yet is
//! judged in `judge`, what people ask for is checked in `desk`.

use std::collections::{BTreeMap, HashMap};

use crate::carriers::Target;

use super::faults::Faults;
use super::ledger::{Direction, Entry, Ledger, Name};
use super::offers::Offers;
use super::phone::{Group, Handset, Reaction};

#[derive(Default)]
pub struct State {
    /// A tree, like the ledger's: as many phones may come as there are people to text.
    pub handsets: BTreeMap<Name, Handset>,
    /// Numbers that servers own; whether each is on iMessage.
    pub lines: HashMap<Name, bool>,
    pub groups: HashMap<Name, Group>,
    pub ledger: Ledger,
    pub reactions: HashMap<u32, Vec<Reaction>>,
    /// When a text was first read, in unix milliseconds, if its reader let the sender know.
    pub reads: HashMap<u32, i64>,
    pub offers: Offers,
    pub faults: Faults,
    /// Texts that were taken without an answer.
    pub withheld: Vec<u32>,
    /// Whether anybody looks at a phone, so that changes are worth noting.
    pub watched: bool,
    /// What changed on which phone since somebody last looked.
    pub changes: Vec<(Name, Change)>,
    /// Phones that are to answer by themselves, and whom.
    pub answering: Vec<(Name, Name)>,
}

/// What changed on a phone.
#[derive(Clone)]
pub enum Change {
    /// A text came, went, or got a tapback.
    Bubble(u32),
    /// The thread with this number or group.
    Thread(Name),
    /// Name or abilities of the phone.
    Handset,
    /// Something is gone: whoever looks has to look at the whole phone again.
    Erased,
}

impl State {
    /// The number of ours in the thread of `entry`.
    pub fn line_of<'a>(&'a self, entry: &'a Entry) -> &'a Name {
        match (entry.direction, self.groups.get(&entry.to)) {
            (Direction::Out, _) => &entry.from,
            (Direction::In, Some(group)) => &group.line,
            (Direction::In, None) => &entry.to,
        }
    }

    /// Whose phones show `entry`, and the name of its thread there.
    pub fn shown_on(&self, entry: &Entry) -> (Vec<Name>, Name) {
        match (self.groups.get(&entry.to), entry.direction) {
            (Some(group), _) => (group.members.clone(), entry.to.clone()),
            (None, Direction::Out) => (vec![entry.to.clone()], entry.from.clone()),
            (None, Direction::In) => (vec![entry.from.clone()], entry.to.clone()),
        }
    }

    /// The phones and the thread that `to` means for our number `from`; nobody if there is no such group.
    pub fn reached_by(&self, from: &str, to: &Target) -> (Vec<Name>, Name) {
        match to {
            Target::Person(number) => (vec![Name::from(number.as_str())], Name::from(from)),
            Target::Group { .. } | Target::NewGroup { .. } => match self.group_of(to) {
                Some((id, group)) => (group.members.clone(), id.clone()),
                None => (Vec::new(), Name::from(from)),
            },
        }
    }

    /// The group that a server means.
    pub fn group_of(&self, to: &Target) -> Option<(&Name, &Group)> {
        match to {
            Target::Person(_) => None,
            Target::Group { group_id, provider_id } => {
                let by_ours = || self.groups.get_key_value(group_id.as_str());
                provider_id.as_deref().and_then(|id| self.groups.get_key_value(id)).or_else(by_ours)
            }
            Target::NewGroup { group_id, .. } => self.groups.get_key_value(group_id.as_str()),
        }
    }

    /// Notes a change for whoever looks at that phone.
    pub fn note(&mut self, phone: &Name, change: Change) {
        if self.watched {
            self.changes.push((phone.clone(), change));
        }
    }
}
