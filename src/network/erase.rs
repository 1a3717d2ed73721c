//! Forgetting: a server says that messages were deleted, and their content goes from the phones, the ledger, the
//! shelf of pictures and the journal. What stays is that there was a text, when, and between whom.

use serde_json::{Value, json};

use crate::carriers::{Answer, MessageRef};

use super::core::Core;
use super::event::Event;
use super::state::State;

/// Where in the journal the lines stand that have content.
#[derive(Default)]
pub struct Lines {
    /// Of each entry of the ledger, in its order.
    entries: Vec<u64>,
    /// Of tapbacks: the entry, and the line.
    taps: Vec<(u32, u64)>,
}

impl Lines {
    /// Notes that `event` stands at byte `at`.
    pub fn note(&mut self, event: &Event, at: u64) {
        match event {
            Event::Submitted(_) | Event::Said(_) => self.entries.push(at),
            Event::Tapped { message, .. } | Event::TappedByLine { message, .. } => {
                self.taps.push((*message, at));
            }
            Event::Lines(_)
            | Event::LineGone(_)
            | Event::Handset { .. }
            | Event::Released { .. }
            | Event::Faults(_)
            | Event::RefusedOther
            | Event::Stored(_)
            | Event::Read { .. }
            | Event::Background { .. }
            | Event::Group { .. }
            | Event::Erased { .. } => {}
        }
    }

    fn of(&self, places: &[u32]) -> Vec<u64> {
        let entries = places.iter().filter_map(|place| self.entries.get(*place as usize));
        let taps = self.taps.iter().filter(|(place, _)| places.contains(place)).map(|(_, at)| at);
        entries.chain(taps).copied().collect()
    }
}

impl Core {
    /// Forgets what these messages said. Asked again, it does again what is left to do.
    pub fn erase(&mut self, messages: &[MessageRef]) -> Answer {
        let places = self.state.places(messages);
        for url in places.iter().flat_map(|place| self.state.ledger.get(*place).media_urls()) {
            if let Err(error) = self.shelf.remove(url) {
                tracing::warn!(%error, "a picture of a deleted message could not be deleted yet");
                return Answer::CannotTell;
            }
        }
        if places.iter().any(|place| self.state.has_content(*place)) {
            self.record(Event::Erased { messages: places.clone() });
        }
        match self.blot_out(&places) {
            Ok(()) => Answer::Done,
            Err(error) => {
                tracing::warn!(%error, "a deleted message could not be taken out of the journal yet");
                Answer::CannotTell
            }
        }
    }

    fn blot_out(&mut self, places: &[u32]) -> std::io::Result<()> {
        self.journal.write()?;
        self.written.of(places).into_iter().try_for_each(|at| self.journal.change(at, without_content))
    }
}

/// An event as it stands in the journal, without what was said.
fn without_content(mut event: Value) -> Value {
    for text in ["/submitted/text", "/said"] {
        if let Some(text) = event.pointer_mut(text) {
            text["body"] = json!("");
            text["media_urls"] = json!([]);
            for name in ["effect", "reply_to"] {
                if let Some(value) = text.get_mut(name) {
                    *value = Value::Null;
                }
            }
        }
    }
    for reaction in ["/tapped/reaction", "/tapped_by_line/reaction"] {
        if let Some(reaction) = event.pointer_mut(reaction) {
            *reaction = Value::Null;
        }
    }
    event
}

impl State {
    /// The entries of messages that a server names by its own ids or by ours.
    fn places(&self, messages: &[MessageRef]) -> Vec<u32> {
        let mut places: Vec<u32> = messages
            .iter()
            .flat_map(|message| {
                // The further pictures of a carousel have a number behind the name.
                let ours = message.provider_id.as_deref().and_then(|id| id.split('#').next());
                [Some(message.message_id.as_str()), ours].into_iter().flatten()
            })
            .flat_map(|id| self.ledger.places_of(id))
            .collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn has_content(&self, place: u32) -> bool {
        let entry = self.ledger.get(place);
        !entry.body.is_empty() || entry.extras.is_some() || self.reactions.contains_key(&place)
    }

    /// The text goes from the phones that show it, and from the ledger.
    pub fn erased(&mut self, place: u32) {
        let (phones, _) = self.shown_on(self.ledger.get(place));
        for phone in &phones {
            if let Some(handset) = self.handsets.get_mut(phone) {
                handset.bubbles.retain(|bubble| *bubble != place);
            }
        }
        self.reactions.remove(&place);
        self.ledger.erase(place);
        self.note_bubble(place);
    }
}
