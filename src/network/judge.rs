//! What the network makes of a hand-over or a question, from the state as it is. Judging changes nothing.

use crate::carriers::{Answer, MessageRef, Outcome, Target, Text};
use crate::channel::Channel;

use super::event::{Refusal, Verdict};
use super::ledger::Name;
use super::state::State;

/// Whether `identifier` can be somebody's phone: E.164, a short code, or an e-mail address (iMessage only).
pub fn is_phone(identifier: &str) -> bool {
    is_cellular(identifier)
        || (identifier.len() <= 254 && identifier.contains('@') && !identifier.contains('/'))
}

fn is_cellular(identifier: &str) -> bool {
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    match identifier.strip_prefix('+') {
        Some(digits) => (7..=15).contains(&digits.len()) && !digits.starts_with('0') && all_digits(digits),
        None => (3..=6).contains(&identifier.len()) && all_digits(identifier),
    }
}

impl State {
    /// What becomes of a text.
    pub fn judge(&self, text: &Text) -> Verdict {
        let refusal = match text.channel {
            Channel::Imessage => self.why_not_imessage(&text.from, &text.to),
            Channel::Sms | Channel::Mms => match &text.to {
                Target::Person(number) => (!is_cellular(number)).then_some(Refusal::NotAPhone),
                Target::Group { .. } | Target::NewGroup { .. } => Some(Refusal::GroupNeedsImessage),
            },
        };
        match refusal {
            Some(refusal) => Verdict::Refused(refusal),
            None if self.faults.refuse_next > 0 => Verdict::Refused(Refusal::Fault),
            None if self.faults.withhold_next > 0 => Verdict::Withheld,
            None => Verdict::Accepted,
        }
    }

    /// Why `from` cannot reach `to` by iMessage, if it cannot.
    pub fn why_not_imessage(&self, from: &str, to: &Target) -> Option<Refusal> {
        let able = |number: &String| self.is_on_imessage(number);
        match to {
            Target::Person(number) if !is_phone(number) => Some(Refusal::NotAPhone),
            Target::Person(number) => (!able(number)).then_some(Refusal::NotOnImessage),
            Target::Group { .. } => match self.group_of(to) {
                Some((_, group)) if &*group.line == from => None,
                Some(_) | None => Some(Refusal::NoSuchGroup),
            },
            Target::NewGroup { members, .. } => (!members.iter().all(able)).then_some(Refusal::NotOnImessage),
        }
    }

    pub fn is_on_imessage(&self, number: &str) -> bool {
        self.handsets.get(number).is_some_and(|handset| handset.imessage)
    }

    /// The iMessage that a server means, if it is in a thread of its number `from`.
    pub fn quoted(&self, from: &str, message: &MessageRef) -> Option<u32> {
        let by_provider = || self.ledger.find(message.provider_id.as_deref()?);
        let place = self.ledger.find(&message.message_id).or_else(by_provider)?;
        let entry = self.ledger.get(place);
        (entry.channel == Channel::Imessage && &**self.line_of(entry) == from).then_some(place)
    }

    /// What became of a message by one channel; `None` if it was never seen.
    pub fn fate(&self, message_id: &str, channel: Channel) -> Option<Answer> {
        let entries = || self.ledger.all_of(message_id).filter(|entry| entry.channel == channel);
        let first = entries().next()?;
        let accepted =
            |part: u16| entries().any(|entry| entry.part == part && entry.verdict == Verdict::Accepted);
        if (0..first.parts).all(accepted) {
            let group_provider_id = first.to_group.then(|| first.to.to_string());
            return Some(Answer::Message(Outcome::Accepted { provider_id: None, group_provider_id }));
        }
        let mut refusal = None;
        for entry in entries() {
            match entry.verdict {
                Verdict::Accepted | Verdict::Withheld => return Some(Answer::CannotTell),
                Verdict::Refused(why) => refusal = Some(why),
            }
        }
        refusal.map(|refusal| Answer::Message(refused(refusal)))
    }

    /// Whether the phone of `number` shows the message called `id`, and where that stands.
    pub fn shown(&self, number: &str, id: &str) -> Option<u32> {
        let place = self.ledger.find(id)?;
        let entry = self.ledger.get(place);
        if entry.verdict != Verdict::Accepted {
            return None;
        }
        let (phones, _) = self.shown_on(entry);
        phones.iter().any(|phone| &**phone == number).then_some(place)
    }

    /// By which channel the phone of `from` texts our number `line`.
    pub fn channel_to(&self, from: &str, line: &Name, has_media: bool) -> Channel {
        let both = self.is_on_imessage(from) && self.lines.get(line).copied().unwrap_or(false);
        if both || !is_cellular(from) { Channel::Imessage } else { Channel::cellular(has_media) }
    }
}

/// The outcome of an accepted hand-over to `to`.
pub fn accepted(to: &Target) -> Outcome {
    let group_provider_id = match to {
        Target::Person(_) => None,
        Target::Group { group_id, provider_id } => Some(provider_id.as_ref().unwrap_or(group_id).clone()),
        Target::NewGroup { group_id, .. } => Some(group_id.clone()),
    };
    Outcome::Accepted { provider_id: None, group_provider_id }
}

pub fn refused(refusal: Refusal) -> Outcome {
    let failure = refusal.failure();
    match refusal {
        Refusal::NotOnImessage => Outcome::NotOnChannel { reason: failure.reason },
        Refusal::Fault
        | Refusal::GroupNeedsImessage
        | Refusal::NoSuchGroup
        | Refusal::NoSuchMessage
        | Refusal::NotAPhone => Outcome::Refused(failure),
    }
}

/// The answer about a message that the network surely never got.
pub fn never_seen() -> Answer {
    let reason = "The network never got this message".to_owned();
    Answer::Message(Outcome::Later { after: None, reason })
}
