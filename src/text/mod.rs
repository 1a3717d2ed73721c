//! The text of an SMS: which encoding it needs, how many segments it costs, how it is cut into parts. Counts agree
//! with npm `sms-segments-calculator` 1.3.0 without smart encoding, which keeps a visible character in one segment.
//! Knows nothing of bytes on the wire: a carrier encodes each part itself.

mod break_classes;
mod emoji;
mod graphemes;
mod gsm7;
mod letters;
mod terms;

pub use terms::{account_term, terms, words};

use crate::words;
pub use emoji::is_emoji;
use graphemes::{Class, Cluster};

words! {
    /// The alphabet in which an SMS travels (3GPP TS 23.038).
    Encoding {
        Gsm7 = "gsm7",
        Ucs2 = "ucs2",
    }
}

/// What an SMS costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segments {
    pub encoding: Encoding,
    /// At least 1, also for an empty text.
    pub count: i64,
}

impl Encoding {
    /// How many septets (GSM-7) or UTF-16 units (UCS-2) a text may have that travels alone.
    pub const fn alone(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// The same for each part of a longer text, beside the six octets of its header.
    pub const fn joined(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// GSM-7 if every character of `text` is in its default alphabet or extension table.
    pub fn of(text: &str) -> Self {
        if text.chars().all(|character| gsm7::septets(character) > 0) { Self::Gsm7 } else { Self::Ucs2 }
    }

    /// What `character` takes up in this encoding.
    fn units(self, character: char) -> usize {
        match self {
            Self::Gsm7 => gsm7::septets(character),
            Self::Ucs2 => character.len_utf16(),
        }
    }
}

/// The encoding `text` needs and the number of segments it takes.
pub fn segments(text: &str) -> Segments {
    let encoding = Encoding::of(text);
    let mut counter = Counter::new(encoding);
    match encoding {
        Encoding::Gsm7 => text.chars().for_each(|character| counter.add(gsm7::septets(character))),
        Encoding::Ucs2 => Graphemes::new(text).for_each(|grapheme| counter.add(grapheme.units)),
    }
    Segments { encoding, count: counter.count }
}

/// The parts of `text`, each of which fits in one segment; a single one if the whole does. Never cuts an escape
/// or surrogate pair, and cuts a visible character only where it alone is too long for a part.
pub fn split(text: &str) -> Vec<String> {
    let encoding = Encoding::of(text);
    let total: usize = text.chars().map(|character| encoding.units(character)).sum();
    if total <= encoding.alone() {
        return vec![text.to_owned()];
    }
    let mut parts = Vec::with_capacity(total / encoding.joined() + 1);
    let (mut part, mut used) = (String::new(), 0);
    for piece in Graphemes::new(text).flat_map(|grapheme| pieces(grapheme.text, encoding)) {
        let units: usize = piece.chars().map(|character| encoding.units(character)).sum();
        if used + units > encoding.joined() {
            parts.push(std::mem::take(&mut part));
            used = 0;
        }
        part.push_str(piece);
        used += units;
    }
    parts.push(part);
    parts
}

/// The first 100 characters, as a list of conversations shows them.
pub fn preview(text: &str) -> String {
    text.chars().take(100).collect()
}

/// A grapheme whole, or character by character if it is longer than a part.
fn pieces(grapheme: &str, encoding: Encoding) -> impl Iterator<Item = &str> {
    let units: usize = grapheme.chars().map(|character| encoding.units(character)).sum();
    let step = if units > encoding.joined() { 1 } else { usize::MAX };
    let mut rest = grapheme;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(step).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Fills segments with graphemes in the order of the text.
struct Counter {
    encoding: Encoding,
    count: i64,
    /// Units in the last segment; its header, if it has one, not included.
    used: usize,
    /// How much of the first segment would stay beside a header.
    kept: usize,
}

impl Counter {
    fn new(encoding: Encoding) -> Self {
        Self { encoding, count: 1, used: 0, kept: 0 }
    }

    fn add(&mut self, units: usize) {
        let room = if self.count == 1 { self.encoding.alone() } else { self.encoding.joined() };
        if self.used + units > room {
            // The first segment now gets a header too and hands on what no longer fits beside it.
            self.used = if self.count == 1 { self.used - self.kept } else { 0 };
            self.count += 1;
        }
        self.used += units;
        if self.count == 1 && self.used <= self.encoding.joined() {
            self.kept = self.used;
        }
    }
}

/// One visible character, the two of a CR LF apart.
struct Grapheme<'text> {
    text: &'text str,
    /// Its length in UTF-16.
    units: usize,
}

struct Graphemes<'text> {
    rest: &'text str,
}

impl<'text> Graphemes<'text> {
    fn new(text: &'text str) -> Self {
        Self { rest: text }
    }
}

impl<'text> Iterator for Graphemes<'text> {
    type Item = Grapheme<'text>;

    fn next(&mut self) -> Option<Grapheme<'text>> {
        let mut characters = self.rest.chars();
        let first = characters.next()?;
        let (mut bytes, mut units) = (first.len_utf8(), first.len_utf16());
        let mut cluster = Cluster::new(Class::of(first));
        if first != '\r' {
            for character in characters.take_while(|next| cluster.take(Class::of(*next))) {
                bytes += character.len_utf8();
                units += character.len_utf16();
            }
        }
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        Some(Grapheme { text, units })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(text: &str) -> (&'static str, i64) {
        let Segments { encoding, count } = segments(text);
        (encoding.as_str(), count)
    }

    #[test]
    fn limits_are_those_of_the_standard() {
        let a = |count| "a".repeat(count);
        assert_eq!([160, 161, 306, 307].map(|count| counted(&a(count)).1), [1, 2, 2, 3]);
        assert_eq!([80, 81].map(|count| counted(&"€".repeat(count))), [("gsm7", 1), ("gsm7", 2)]);
        assert_eq!([35, 36].map(|count| counted(&"😀".repeat(count))), [("ucs2", 1), ("ucs2", 2)]);
        assert_eq!([70, 71].map(|count| counted(&"я".repeat(count))), [("ucs2", 1), ("ucs2", 2)]);
        assert_eq!(counted(""), ("gsm7", 1));
        assert_eq!(counted("a\r\nb"), ("gsm7", 1));
        assert_eq!(counted("“quoted”"), ("ucs2", 1));
        assert_eq!(counted(&"👨‍👩‍👧‍👦".repeat(7)), ("ucs2", 2));
        assert_eq!(counted(&format!("a{}", "😀".repeat(40))), ("ucs2", 2));
    }

    #[test]
    fn the_alphabet_is_gsm_7() {
        let single = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
        assert!(single.chars().all(|character| gsm7::septets(character) == 1));
        assert!("\u{c}^{}\\[~]|€".chars().all(|character| gsm7::septets(character) == 2));
        assert_eq!(
            (0..=0x0010_ffff).filter_map(char::from_u32).filter(|it| gsm7::septets(*it) > 0).count(),
            137
        );
    }

    #[test]
    fn pairs_stay_together() {
        let escape = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        assert_eq!(split(&escape), ["a".repeat(152), format!("€{}", "b".repeat(20))]);
        let family = format!("{}👨‍👩‍👧‍👦", "я".repeat(60));
        assert_eq!(split(&family), ["я".repeat(60), "👨‍👩‍👧‍👦".to_owned()]);
        let overlong = format!("e{}", "\u{301}".repeat(100));
        assert_eq!(split(&overlong).iter().map(|part| part.chars().count()).collect::<Vec<_>>(), [67, 34]);
    }

    #[test]
    fn a_preview_counts_characters() {
        assert_eq!(preview(&"é".repeat(101)), "é".repeat(100));
        assert_eq!(preview("short"), "short");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn parts_are_the_text_and_as_many_as_counted(text in "([a-z€^\r\n]|[a-zя😀\u{301}👩‍🇫🇷\u{ac00}\u{11a8}]){0,400}") {
            let parts = split(&text);
            prop_assert_eq!(parts.concat(), text.clone());
            let Segments { encoding, count } = segments(&text);
            let room = if parts.len() == 1 { encoding.alone() } else { encoding.joined() };
            let units = |part: &String| part.chars().map(|it| encoding.units(it)).sum::<usize>();
            prop_assert!(parts.iter().all(|part| units(part) <= room));
            if Graphemes::new(&text).all(|grapheme| grapheme.units <= 32) {
                prop_assert_eq!(i64::try_from(parts.len()).unwrap(), count);
            }
        }
    }
}
