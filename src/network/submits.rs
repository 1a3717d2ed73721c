//! What servers hand over: it is judged, it happens, and its outcome is said, now or after `accept_delay_ms`.

use crate::carriers::{Outbound, Outcome, Target, Text};

use super::apply::millis;
use super::core::{Core, Due};
use super::event::{Event, Refusal, Submitted, Verdict};
use super::judge::{accepted, refused};
use super::link::{FromNetwork, Submit};
use super::links::LinkId;
use super::state::Change;

impl Core {
    pub fn submit(&mut self, link: LinkId, Submit { seq, part, parts, outbound }: Submit) {
        let outcome = match outbound {
            Outbound::Text(text) => self.submit_text(link, seq, (part, parts), text),
            Outbound::Typing { from, to } => Some(self.typing(&from, &to)),
            Outbound::Reaction { .. } | Outbound::Background { .. } | Outbound::GroupName { .. } => {
                Some(self.submit_other(outbound))
            }
        };
        match outcome {
            Some(outcome) if self.state.faults.accept_delay_ms > 0 => {
                let delay = millis(self.state.faults.accept_delay_ms);
                self.at(self.now + delay, Due::Outcome(link, seq, outcome));
            }
            Some(outcome) => self.links.say(link, FromNetwork::Outcome { seq, outcome }),
            None => {}
        }
    }

    fn submit_text(
        &mut self,
        link: LinkId,
        seq: u64,
        (part, parts): (u16, u16),
        text: Text,
    ) -> Option<Outcome> {
        let verdict = self.state.judge(&text);
        let outcome = match verdict {
            Verdict::Accepted => Some(accepted(&text.to)),
            Verdict::Refused(refusal) => Some(refused(refusal)),
            Verdict::Withheld => None,
        };
        let submitted = Submitted { at: self.now, part, parts, verdict, text };
        self.record_for(Event::Submitted(Box::new(submitted)), Some(link));
        if verdict == Verdict::Withheld
            && let Some(place) = self.state.withheld.last()
        {
            self.links.held.insert(*place, (link, seq));
        }
        outcome
    }

    /// Everything that is neither a text nor typing: refused, or it happens at once.
    fn submit_other(&mut self, outbound: Outbound) -> Outcome {
        match self.judge_other(outbound) {
            Err(refusal) => refused(refusal),
            Ok(_) if self.state.faults.refuse_next > 0 => {
                self.record(Event::RefusedOther);
                refused(Refusal::Fault)
            }
            Ok(event) => {
                self.record(event);
                Outcome::Accepted { provider_id: None, group_provider_id: None }
            }
        }
    }

    fn judge_other(&self, outbound: Outbound) -> Result<Event, Refusal> {
        let possible = |from: &str, to| self.state.why_not_imessage(from, to).map_or(Ok(()), Err);
        match outbound {
            Outbound::Reaction { from, to, message, reaction, .. } => {
                possible(&from, &to)?;
                let part = message.part;
                let message = self.state.quoted(&from, &message).ok_or(Refusal::NoSuchMessage)?;
                Ok(Event::TappedByLine { from, message, reaction, part })
            }
            Outbound::Background { from, to, image_url, .. } => {
                possible(&from, &to)?;
                Ok(Event::Background { from, to, image_url })
            }
            Outbound::GroupName { from, to, name } => {
                possible(&from, &to)?;
                let (id, group) = self.state.group_of(&to).ok_or(Refusal::NoSuchGroup)?;
                let members = group.members.iter().map(ToString::to_string).collect();
                let by = Some(from.clone());
                Ok(Event::Group {
                    id: id.to_string(),
                    line: from,
                    members,
                    name: Some(name),
                    told: false,
                    at: self.now,
                    by,
                })
            }
            Outbound::Text(_) | Outbound::Typing { .. } => Err(Refusal::NoSuchMessage),
        }
    }

    /// Typing leaves no trace: the sign is on the screen for a few seconds, and not in the journal.
    fn typing(&mut self, from: &str, to: &Target) -> Outcome {
        if let Some(refusal) = self.state.why_not_imessage(from, to) {
            return refused(refusal);
        }
        let (phones, with) = self.state.reached_by(from, to);
        for phone in phones {
            if let Some(handset) = self.state.handsets.get_mut(&phone) {
                handset.thread(&with).types(self.now);
            }
            self.state.note(&phone, Change::Thread(with.clone()));
        }
        Outcome::Accepted { provider_id: None, group_provider_id: None }
    }
}
