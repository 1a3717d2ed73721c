//! What the network has for servers and no server has stored yet: texts, receipts, tapbacks, changes of groups. Ids
//! count up in the order of events, so a replay gives every offer the id it had.

use std::collections::BTreeMap;

use crate::carriers::{Group, Inbound, InboundText, Member, Receipt, ReceiptState};
use crate::clock::Time;

use super::ledger::Name;
use super::state::State;

/// What an offer says; it is put into words when it is offered.
pub enum News {
    /// A person's text, by its place in the ledger.
    Text(u32),
    Receipt {
        message: u32,
        at: i64,
        read: bool,
    },
    Reaction {
        id: String,
        from: Name,
        message: u32,
        reaction: Option<String>,
        at: i64,
    },
    Group(Name),
}

pub struct Offer {
    pub news: News,
    /// Not before this moment.
    pub due: i64,
}

/// The offers that are not stored yet.
#[derive(Default)]
pub struct Offers {
    open: BTreeMap<u64, Offer>,
    last: u64,
    /// Those added since they were last taken note of.
    fresh: Vec<u64>,
}

impl Offers {
    pub fn add(&mut self, news: News, due: i64) {
        self.last += 1;
        self.open.insert(self.last, Offer { news, due });
        self.fresh.push(self.last);
    }

    pub fn get(&self, id: u64) -> Option<&Offer> {
        self.open.get(&id)
    }

    pub fn remove(&mut self, id: u64) -> Option<Offer> {
        self.open.remove(&id)
    }

    /// The ids added since the last call, with the moment each is due.
    pub fn take_fresh(&mut self, mut each: impl FnMut(u64, i64)) {
        for id in self.fresh.drain(..) {
            if let Some(offer) = self.open.get(&id) {
                each(id, offer.due);
            }
        }
    }

    /// After a replay everything still open is fresh again.
    pub fn all_fresh(&mut self) {
        self.fresh = self.open.keys().copied().collect();
    }
}

/// The offer as a server gets it.
pub fn inbound(state: &State, news: &News) -> Inbound {
    match news {
        News::Text(place) => text(state, *place),
        News::Receipt { message, at, read } => {
            let entry = state.ledger.get(*message);
            Inbound::Receipt(Receipt {
                provider_id: None,
                message_id: Some(entry.id.to_string()),
                state: if *read { ReceiptState::Read } else { ReceiptState::Delivered },
                channel: Some(entry.channel),
                at: Time::from_millis(*at),
            })
        }
        News::Reaction { id, from, message, reaction, at } => {
            let entry = state.ledger.get(*message);
            Inbound::Reaction {
                provider_id: id.clone(),
                from: from.to_string(),
                to: state.line_of(entry).to_string(),
                group: entry.to_group.then(|| group(state, &entry.to)),
                message_id: entry.our_id().unwrap_or(&entry.id).to_owned(),
                reaction: reaction.clone(),
                at: Time::from_millis(*at),
            }
        }
        News::Group(id) => {
            let to = state.groups.get(id).map(|group| group.line.to_string()).unwrap_or_default();
            Inbound::Group { to, group: group(state, id) }
        }
    }
}

fn text(state: &State, place: u32) -> Inbound {
    let entry = state.ledger.get(place);
    let quoted = entry.reply_to().map(|id| {
        state.ledger.find(id).map_or(id, |place| {
            let quoted = state.ledger.get(place);
            quoted.our_id().unwrap_or(&quoted.id)
        })
    });
    Inbound::Text(InboundText {
        provider_id: entry.id.to_string(),
        from: entry.from.to_string(),
        to: state.line_of(entry).to_string(),
        group: entry.to_group.then(|| group(state, &entry.to)),
        channel: entry.channel,
        body: entry.body.to_string(),
        media_urls: entry.pictures().to_vec(),
        reply_to: quoted.map(str::to_owned),
        at: Time::from_millis(entry.at),
    })
}

/// The group as it is now.
fn group(state: &State, id: &Name) -> Group {
    let known = state.groups.get(id);
    let member = |number: &Name| Member {
        identifier: number.to_string(),
        name: state.handsets.get(number).and_then(|handset| handset.name.clone()),
    };
    Group {
        provider_id: id.to_string(),
        name: known.and_then(|group| group.name.clone()),
        members: known.map(|group| group.members.iter().map(member).collect()).unwrap_or_default(),
    }
}
