//! From the bytes of tokens to text that may be shown: whole characters only, nothing that could still turn out to be
//! the beginning of a stop text, and nothing after one.

/// Turns pieces of bytes into pieces of text.
#[derive(Debug)]
pub(crate) struct Stops {
    texts: Vec<String>,
    /// Bytes of a character that is not whole yet.
    bytes: Vec<u8>,
    /// Text that is held back.
    held: String,
    pub is_stopped: bool,
}

impl Stops {
    pub fn new(texts: Vec<String>) -> Self {
        Self { texts, bytes: Vec::new(), held: String::new(), is_stopped: false }
    }

    /// What may be shown now that `piece` has come.
    pub fn push(&mut self, piece: &[u8]) -> String {
        if self.is_stopped {
            return String::new();
        }
        self.bytes.extend_from_slice(piece);
        self.held.push_str(&take_text(&mut self.bytes));
        let first = self.texts.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = first {
            self.is_stopped = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let kept = self.texts.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        std::mem::replace(&mut self.held, rest)
    }

    /// What was held back, now that nothing more comes.
    pub fn finish(mut self) -> String {
        self.held.push_str(&String::from_utf8_lossy(&self.bytes));
        if self.is_stopped { String::new() } else { self.held }
    }
}

/// The whole characters at the beginning of `bytes`; what can never become one is shown as U+FFFD.
fn take_text(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    loop {
        match std::str::from_utf8(bytes) {
            Ok(all) => {
                text.push_str(all);
                bytes.clear();
                return text;
            }
            Err(error) => {
                let valid = error.valid_up_to();
                text.push_str(std::str::from_utf8(&bytes[..valid]).expect("valid up to here"));
                let Some(wrong) = error.error_len() else {
                    bytes.drain(..valid);
                    return text;
                };
                text.push(char::REPLACEMENT_CHARACTER);
                bytes.drain(..valid + wrong);
            }
        }
    }
}

/// How many bytes at the end of `text` are a beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let cuts = stop.char_indices().map(|(at, _)| at).skip(1);
    cuts.filter(|at| text.ends_with(&stop[..*at])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stops: &[&str], text: &str, size: usize) -> (String, bool) {
        let mut stops = Stops::new(stops.iter().map(|&stop| stop.to_owned()).collect());
        let mut shown: String = text.as_bytes().chunks(size).map(|piece| stops.push(piece)).collect();
        let is_stopped = stops.is_stopped;
        shown.push_str(&stops.finish());
        (shown, is_stopped)
    }

    #[test]
    fn any_cut_shows_the_same() {
        for size in 1..9 {
            assert_eq!(shown(&["END", "ü!"], "Grüße 🎉 EN E", size), ("Grüße 🎉 EN E".to_owned(), false));
            assert_eq!(shown(&["END", "e!"], "Grüße EENDe!", size), ("Grüße E".to_owned(), true));
            assert_eq!(shown(&["aab"], "aaaab", size), ("aa".to_owned(), true));
        }
    }

    #[test]
    fn nothing_is_held_back_without_need() {
        let mut stops = Stops::new(vec!["\n\n".to_owned()]);
        assert_eq!(stops.push(b"one"), "one");
        assert_eq!(stops.push(b" two\n"), " two");
        assert_eq!(stops.push(b"three"), "\nthree");
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_rest() {
        let mut stops = Stops::new(Vec::new());
        assert_eq!(stops.push(b"a\xff\xe2\x82"), "a\u{fffd}");
        assert_eq!(stops.push(b"\xac"), "€");
        assert_eq!(stops.push(b"\xe2"), "");
        assert_eq!(stops.finish(), "\u{fffd}");
    }
}
