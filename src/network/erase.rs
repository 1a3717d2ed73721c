//! Forgetting: a server says that messages were deleted, and their content goes from the phones, the ledger, the
//! shelf of pictures and the journal. What stays is that there was a text, when, and between whom.

use serde_json::{Value, json};

use crate::carriers::{Answer, MessageRef};
use crate::channel::PICTURES;

use super::core::Core;
use super::event::Event;
use super::ledger::{Direction, Name};
use super::state::{Change, State};

/// Where in the journal the lines stand that have content.
#[derive(Default)]
pub struct Lines {
    /// Of each entry of the ledger, in its order.
    entries: Vec<u64>,
    /// Of tapbacks: the entry, the picture of it, and the line.
    taps: Vec<(u32, u32, u64)>,
}

/// What of an entry goes: all of it, or one picture of a carousel that came, and with the first what was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wanted {
    All(u32),
    Picture(u32, u32),
}

impl Wanted {
    const fn place(self) -> u32 {
        match self {
            Self::All(place) | Self::Picture(place, _) => place,
        }
    }

    const fn all(self) -> Option<u32> {
        match self {
            Self::All(place) => Some(place),
            Self::Picture(..) => None,
        }
    }

    const fn picture(self) -> Option<(u32, u32)> {
        match self {
            Self::All(_) => None,
            Self::Picture(place, part) => Some((place, part)),
        }
    }

    /// Whether what is said of this picture goes too.
    const fn includes(self, picture: u32) -> bool {
        match self {
            Self::All(_) => true,
            Self::Picture(_, part) => part == picture,
        }
    }
}

impl Lines {
    /// Notes that `event` stands at byte `at`.
    pub fn note(&mut self, event: &Event, at: u64) {
        match event {
            Event::Submitted(_) | Event::Said(_) => self.entries.push(at),
            // People tap on the whole.
            Event::Tapped { message, .. } => self.taps.push((*message, 0, at)),
            Event::TappedByLine { message, part, .. } => self.taps.push((*message, *part, at)),
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

    fn of(&self, wanted: Wanted) -> Vec<u64> {
        let entry = self.entries.get(wanted.place() as usize);
        let taps =
            self.taps.iter().filter(|(place, part, _)| *place == wanted.place() && wanted.includes(*part));
        entry.into_iter().chain(taps.map(|(_, _, at)| at)).copied().collect()
    }
}

impl Core {
    /// Forgets what these messages said. Asked again, it does again what is left to do.
    pub fn erase(&mut self, messages: &[MessageRef]) -> Answer {
        let wanted = self.state.wanted(messages);
        for url in wanted.iter().flat_map(|wanted| self.state.pictures(*wanted)) {
            if let Err(error) = self.shelf.remove(url) {
                tracing::warn!(%error, "a picture of a deleted message could not be deleted yet");
                return Answer::CannotTell;
            }
        }
        if wanted.iter().any(|wanted| self.state.has_content(*wanted)) {
            self.record(Event::Erased {
                messages: wanted.iter().filter_map(|wanted| wanted.all()).collect(),
                pictures: wanted.iter().filter_map(|wanted| wanted.picture()).collect(),
            });
        }
        // Of a carousel whose last picture has just gone, nothing may be left.
        match self.blot_out(&self.state.wanted(messages)) {
            Ok(()) => Answer::Done,
            Err(error) => {
                tracing::warn!(%error, "a deleted message could not be taken out of the journal yet");
                Answer::CannotTell
            }
        }
    }

    fn blot_out(&mut self, wanted: &[Wanted]) -> std::io::Result<()> {
        self.journal.write()?;
        for wanted in wanted {
            for at in self.written.of(*wanted) {
                self.journal.change(at, |event| without_content(event, *wanted))?;
            }
        }
        Ok(())
    }
}

/// An event as it stands in the journal, without what was said.
fn without_content(mut event: Value, wanted: Wanted) -> Value {
    for text in ["/submitted/text", "/said"] {
        let Some(text) = event.pointer_mut(text) else { continue };
        if wanted.includes(0) {
            text["body"] = json!("");
        }
        match wanted {
            Wanted::All(_) => {
                text["media_urls"] = json!([]);
                for name in ["effect", "reply_to"] {
                    if let Some(value) = text.get_mut(name) {
                        *value = Value::Null;
                    }
                }
            }
            Wanted::Picture(_, part) => {
                if let Some(url) = text["media_urls"].get_mut(part as usize) {
                    *url = json!("");
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
    /// What goes of messages that a server names by its own ids or by ours.
    fn wanted(&self, messages: &[MessageRef]) -> Vec<Wanted> {
        let mut wanted: Vec<Wanted> = messages
            .iter()
            .flat_map(|message| {
                let ids = [Some(message.message_id.as_str()), message.provider_id.as_deref()];
                let places = ids.into_iter().flatten().flat_map(|id| self.ledger.places_of(id));
                places.map(|place| self.wanted_of(place, message.part))
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// A server makes a message of each picture that a person sends; of its own it names the whole.
    fn wanted_of(&self, place: u32, part: u32) -> Wanted {
        let entry = self.ledger.get(place);
        let is_carousel = entry.direction == Direction::In && entry.pictures().len() > 1;
        if is_carousel { Wanted::Picture(place, part) } else { Wanted::All(place) }
    }

    fn pictures(&self, wanted: Wanted) -> impl Iterator<Item = &String> {
        let pictures = self.ledger.get(wanted.place()).pictures();
        (0..).zip(pictures).filter(move |(part, _)| wanted.includes(*part)).map(|(_, url)| url)
    }

    fn has_content(&self, wanted: Wanted) -> bool {
        let entry = self.ledger.get(wanted.place());
        let taps = self.reactions.get(&wanted.place());
        self.pictures(wanted).any(|url| !url.is_empty())
            || wanted.includes(0) && !entry.body.is_empty()
            || matches!(wanted, Wanted::All(_)) && entry.extras.is_some()
            || taps.is_some_and(|taps| taps.iter().any(|tap| wanted.includes(tap.part)))
    }

    /// These texts are gone, and these pictures of others.
    pub fn erased(&mut self, messages: &[u32], pictures: &[(u32, u32)]) {
        for place in messages {
            self.text_erased(*place);
        }
        for (place, part) in pictures {
            self.picture_erased(*place, *part);
        }
    }

    /// The text goes from the phones that show it, and from the ledger.
    fn text_erased(&mut self, place: u32) {
        let (phones, _) = self.shown_on(self.ledger.get(place));
        for phone in &phones {
            if let Some(handset) = self.handsets.get_mut(phone) {
                handset.bubbles.retain(|bubble| *bubble != place);
            }
        }
        self.reactions.remove(&place);
        self.ledger.erase(place);
        self.note_erased(&phones);
    }

    /// One picture of a carousel goes, and the whole with the last that a server has made a message of.
    fn picture_erased(&mut self, place: u32, part: u32) {
        self.ledger.erase_picture(place, part);
        let entry = self.ledger.get(place);
        if entry.body.is_empty() && entry.pictures().iter().take(PICTURES).all(String::is_empty) {
            return self.text_erased(place);
        }
        if let Some(taps) = self.reactions.get_mut(&place) {
            taps.retain(|tap| tap.part != part);
        }
        let (phones, _) = self.shown_on(self.ledger.get(place));
        self.note_erased(&phones);
    }

    fn note_erased(&mut self, phones: &[Name]) {
        for phone in phones {
            self.note(phone, Change::Erased);
        }
    }
}
