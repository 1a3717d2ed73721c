//! Fresh numbers: of any area code, always with the exchange 555, so that they are nobody's.

use super::core::Core;
use super::event::Event;
use super::link::Line;

/// Area codes to choose from when none was wished for.
const AMERICAN: &[&str] = &["206", "415", "212", "312", "512", "617", "702", "303"];
const CANADIAN: &[&str] = &["604", "416", "514", "403", "613", "902"];

/// How many numbers an area code has.
const PER_AREA: usize = 10_000;

impl Core {
    /// Makes a number that is nobody's yet; `None` when the wish cannot be met.
    pub fn fresh_number(&mut self, country: &str, area_code: Option<&str>, imessage: bool) -> Option<String> {
        let areas = match (area_code, country) {
            (Some(code), "US" | "CA") => vec![code],
            (None, "US") => AMERICAN.to_vec(),
            (None, "CA") => CANADIAN.to_vec(),
            (_, _) => Vec::new(),
        };
        let number =
            areas.into_iter().filter(|code| is_area_code(code)).find_map(|code| self.free_in(code))?;
        self.record(Event::Lines(vec![Line { number: number.clone(), imessage }]));
        Some(number)
    }

    /// Begins at a random place, so that numbers do not tell how many there are.
    fn free_in(&self, code: &str) -> Option<String> {
        let start = usize::from(u16::from_le_bytes(self.ids.bytes()));
        (0..PER_AREA).find_map(|step| {
            let number = format!("+1{code}555{:04}", (start + step) % PER_AREA);
            let known = self.state.lines.contains_key(number.as_str());
            (!known && !self.state.handsets.contains_key(number.as_str())).then_some(number)
        })
    }
}

fn is_area_code(code: &str) -> bool {
    matches!(code.as_bytes(), [b'2'..=b'9', b'0'..=b'9', b'0'..=b'9'])
}
