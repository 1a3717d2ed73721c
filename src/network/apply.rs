//! How events change the state: the same events, in the same order, always give the same state.

use crate::carriers::{MessageRef, Target, Text};
use crate::channel::Channel;

use super::event::{Event, Refusal, Said, Submitted, Verdict};
use super::ledger::{Direction, Draft, Extras, Name};
use super::link::Line;
use super::offers::News;
use super::phone::{Group, Handset, Reaction};
use super::state::{Change, State};

impl State {
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Lines(lines) => lines.into_iter().for_each(|line| self.add_line(line)),
            Event::LineGone(number) => {
                self.lines.remove(number.as_str());
            }
            Event::Handset { number, imessage, name, answer_once } => {
                self.change_handset(&number, imessage, name, answer_once);
            }
            Event::Submitted(submitted) => self.submitted(*submitted),
            Event::Released { at } => self.release(at),
            Event::Faults(faults) => self.faults = faults,
            Event::RefusedOther => self.faults.refuse_next = self.faults.refuse_next.saturating_sub(1),
            Event::Said(said) => self.said(*said),
            Event::Stored(stored) => stored.into_iter().for_each(|(id, became)| self.stored(id, became)),
            Event::TappedByLine { from, message, reaction, part } => {
                let from = self.line(&from);
                self.tap(from, message, reaction, part);
            }
            Event::Tapped { at, id, from, message, reaction } => {
                let from = self.handset(&from);
                self.tap(from.clone(), message, reaction.clone(), 0);
                self.offers.add(News::Reaction { id, from, message, reaction, at }, at);
            }
            Event::Read { at, message } => {
                self.reads.entry(message).or_insert(at);
                self.note_bubble(message);
                self.offers.add(News::Receipt { message, at, read: true }, at);
            }
            Event::Background { from, to, image_url } => self.background(&from, &to, image_url.as_ref()),
            Event::Erased { messages, pictures } => self.erased(&messages, &pictures),
            Event::Group { id, line, members, name, told, at, by } => {
                let by = by.map(Name::from);
                let id = self.set_group(&id, &line, &members, name, (at, by));
                if told {
                    self.offers.add(News::Group(id), 0);
                }
            }
        }
    }

    /// A line that was on iMessage once stays so.
    fn add_line(&mut self, line: Line) {
        *self.lines.entry(Name::from(line.number)).or_default() |= line.imessage;
    }

    /// A server that sends from a number owns it, declared or not.
    fn line(&mut self, number: &str) -> Name {
        if let Some((name, _)) = self.lines.get_key_value(number) {
            return name.clone();
        }
        let name = Name::from(number);
        self.lines.insert(name.clone(), false);
        name
    }

    fn handset(&mut self, number: &str) -> Name {
        if let Some((name, _)) = self.handsets.get_key_value(number) {
            return name.clone();
        }
        let name = Name::from(number);
        self.handsets.insert(name.clone(), Handset::default());
        name
    }

    fn change_handset(
        &mut self,
        number: &str,
        imessage: Option<bool>,
        name: Option<String>,
        answer: Option<String>,
    ) {
        let number = self.handset(number);
        let handset = self.handsets.get_mut(&number).expect("it was made above");
        handset.imessage = imessage.unwrap_or(handset.imessage);
        handset.name = name.or(handset.name.take());
        handset.answer_once = answer.or(handset.answer_once.take());
        self.note(&number, Change::Handset);
    }

    fn submitted(&mut self, Submitted { at, part, parts, verdict, text }: Submitted) {
        let Text { message_id, attempt, from, to, channel, body, media_urls, effect, reply_to } = text;
        let from = self.line(&from);
        if channel == Channel::Imessage
            && let Some(able) = self.lines.get_mut(&from)
        {
            *able = true;
        }
        let (to, to_group) = self.addressee(&from, to, verdict);
        let reply_to = reply_to.map(|quoted| self.name_of(quoted));
        let extras = Extras { media_urls, effect, reply_to };
        let direction = Direction::Out;
        let id = message_id;
        let draft = Draft {
            at,
            id,
            direction,
            part,
            parts,
            attempt,
            from,
            to,
            to_group,
            channel,
            verdict,
            body,
            extras,
        };
        let place = self.ledger.add(draft);
        self.take_effect(place, at, verdict);
    }

    /// A verdict uses up the fault that it came from; an accepted text appears on the phones.
    fn take_effect(&mut self, place: u32, at: i64, verdict: Verdict) {
        match verdict {
            Verdict::Accepted => self.deliver(place, at + millis(self.faults.accept_delay_ms)),
            Verdict::Withheld => {
                self.faults.withhold_next = self.faults.withhold_next.saturating_sub(1);
                self.withheld.push(place);
            }
            Verdict::Refused(Refusal::Fault) => {
                self.faults.refuse_next = self.faults.refuse_next.saturating_sub(1);
            }
            Verdict::Refused(
                Refusal::NotOnImessage
                | Refusal::GroupNeedsImessage
                | Refusal::NoSuchGroup
                | Refusal::NoSuchMessage
                | Refusal::NotAPhone,
            ) => {}
        }
    }

    /// What a quoted message is called here, or by the server if it is unknown.
    fn name_of(&self, quoted: MessageRef) -> String {
        let known = self.ledger.find(&quoted.message_id);
        let known = known.or_else(|| self.ledger.find(quoted.provider_id.as_deref()?));
        known.map_or(quoted.message_id, |place| self.ledger.get(place).id.to_string())
    }

    /// The name of whom a text goes to, and whether that is a group; a new group is made unless it was refused.
    fn addressee(&mut self, from: &Name, to: Target, verdict: Verdict) -> (Name, bool) {
        if let Some((id, _)) = self.group_of(&to) {
            return (id.clone(), true);
        }
        match to {
            Target::Person(number) => (self.handset(&number), false),
            Target::Group { group_id, .. } => (Name::from(group_id), true),
            Target::NewGroup { group_id, members } => match verdict {
                Verdict::Refused(_) => (Name::from(group_id), true),
                Verdict::Accepted | Verdict::Withheld => {
                    (self.set_group(&group_id, from, &members, None, (0, None)), true)
                }
            },
        }
    }

    /// An accepted text appears on the phones; its receipt follows the last part.
    fn deliver(&mut self, place: u32, answered: i64) {
        let entry = self.ledger.get(place);
        let (phones, with) = self.shown_on(entry);
        let last = entry.part + 1 == entry.parts;
        for phone in phones {
            let phone = self.handset(&phone);
            let handset = self.handsets.get_mut(&phone).expect("it was made above");
            handset.bubbles.push(place);
            handset.thread(&with).typing_until = 0;
            if handset.answer_once.is_some() {
                self.answering.push((phone.clone(), with.clone()));
            }
            self.note(&phone, Change::Bubble(place));
        }
        if last {
            let due = answered + millis(self.faults.receipt_delay_ms);
            self.offers.add(News::Receipt { message: place, at: due, read: false }, due);
        }
    }

    fn release(&mut self, at: i64) {
        for place in std::mem::take(&mut self.withheld) {
            self.ledger.settle(place, Verdict::Accepted);
            self.deliver(place, at);
        }
    }

    fn said(&mut self, said: Said) {
        let Said { at, id, from, to, channel, body, media_urls, reply_to, by_itself } = said;
        let from = self.handset(&from);
        let group = self.groups.get_key_value(to.as_str()).map(|(id, _)| id.clone());
        let to_group = group.is_some();
        let to = group.unwrap_or_else(|| self.line(&to));
        let place = self.ledger.add(Draft {
            at,
            id,
            direction: Direction::In,
            part: 0,
            parts: 1,
            attempt: 1,
            from: from.clone(),
            to,
            to_group,
            channel,
            verdict: Verdict::Accepted,
            body,
            extras: Extras { media_urls, effect: None, reply_to },
        });
        if by_itself && let Some(handset) = self.handsets.get_mut(&from) {
            handset.answer_once = None;
        }
        let (phones, with) = self.shown_on(self.ledger.get(place));
        for phone in phones {
            let phone = self.handset(&phone);
            let handset = self.handsets.get_mut(&phone).expect("it was made above");
            handset.bubbles.push(place);
            handset.thread(&with);
            self.note(&phone, Change::Bubble(place));
        }
        self.offers.add(News::Text(place), at);
    }

    fn stored(&mut self, id: u64, became: Option<String>) {
        let Some(offer) = self.offers.remove(id) else { return };
        if let (News::Text(place), Some(became)) = (offer.news, became) {
            self.ledger.rename(place, became);
            self.note_bubble(place);
        }
    }

    fn tap(&mut self, from: Name, message: u32, reaction: Option<String>, part: u32) {
        let standing = self.reactions.entry(message).or_default();
        standing.retain(|other| other.from != from || other.part != part);
        standing.extend(reaction.map(|word| Reaction { from, word, part }));
        self.note_bubble(message);
    }

    fn background(&mut self, from: &str, to: &Target, image_url: Option<&String>) {
        let (phones, with) = self.reached_by(from, to);
        for phone in phones {
            let phone = self.handset(&phone);
            let handset = self.handsets.get_mut(&phone).expect("it was made above");
            handset.thread(&with).background = image_url.cloned();
            self.note(&phone, Change::Thread(with.clone()));
        }
    }

    fn set_group(
        &mut self,
        id: &str,
        line: &str,
        members: &[String],
        name: Option<String>,
        (at, by): (i64, Option<Name>),
    ) -> Name {
        let line = self.line(line);
        let members: Vec<Name> = members.iter().map(|number| self.handset(number)).collect();
        let known = self.groups.get_key_value(id).map(|(id, _)| id.clone());
        let id = known.unwrap_or_else(|| Name::from(id));
        for member in &members {
            self.handsets.get_mut(member).expect("it was made above").thread(&id);
            self.note(member, Change::Thread(id.clone()));
        }
        let log =
            self.groups.remove(&id).map(|before| before.becomes(&members, name.as_ref(), at, by.as_ref()));
        self.groups.insert(id.clone(), Group { line, members, name, log: log.unwrap_or_default() });
        id
    }

    /// Notes a change of a text on every phone that shows it.
    pub(super) fn note_bubble(&mut self, place: u32) {
        if self.watched {
            let (phones, _) = self.shown_on(self.ledger.get(place));
            for phone in &phones {
                self.note(phone, Change::Bubble(place));
            }
        }
    }
}

/// A fault lasts a day at most, in milliseconds.
const MOST_DELAY: u64 = 86_400_000;

/// A duration as it is added to unix milliseconds.
pub(super) fn millis(length: u64) -> i64 {
    i64::try_from(length.min(MOST_DELAY)).unwrap_or_default()
}
