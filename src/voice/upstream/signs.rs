//! What a stream of events says of itself while it passes by: that it failed, that the answer is whole, that it is over.
//! Events are searched for the few words that matter and not taken apart; only one that may tell of an error is read.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::Said;

/// What the events so far have said.
#[derive(Default)]
pub(super) struct Signs {
    /// The beginning of a line whose end has not come yet.
    broken: Vec<u8>,
    /// Whether a choice came to its end: then nothing of the answer is missing, even if nobody says `[DONE]`.
    pub finished: bool,
    /// Whether `[DONE]` was said.
    pub done: bool,
}

/// An error that an upstream tells in its stream, and where in the bytes its event begins.
pub(super) struct Error {
    pub at: usize,
    pub said: Said,
}

/// The first event of a stream.
pub(super) enum First {
    Good,
    Error(Said),
}

impl First {
    /// `None` while no event is whole. Comments are none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let is_event = |line: &&[u8]| line.starts_with(b"data:") || line.starts_with(b"error:");
        let line = bytes.split_inclusive(|byte| *byte == b'\n').find(is_event)?;
        let text = line.ends_with(b"\n").then(|| std::str::from_utf8(line))?;
        Some(text.ok().and_then(error).map_or(Self::Good, Self::Error))
    }
}

impl Signs {
    /// Looks at what came next. Behind an error nothing matters.
    pub fn read(&mut self, bytes: &[u8]) -> Option<Error> {
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let (lines, rest) = bytes.split_at(end);
        let found = if lines.is_empty() || self.broken.is_empty() {
            self.look(lines)
        } else {
            let mut whole = std::mem::take(&mut self.broken);
            let before = whole.len();
            whole.extend_from_slice(lines);
            self.look(&whole).map(|it| Error { at: it.at.saturating_sub(before), said: it.said })
        };
        if found.is_none() {
            self.broken.extend_from_slice(rest);
            // Some leave out the end of the last line.
            self.done = self.done || is_end(&self.broken);
        }
        found
    }

    fn look(&mut self, lines: &[u8]) -> Option<Error> {
        // What is no text is refused by whoever reads it.
        let text = std::str::from_utf8(lines).ok()?;
        // One search rules out nearly every event.
        if text.contains("error") {
            let mut at = 0;
            for line in text.split_inclusive('\n') {
                if let Some(said) = error(line) {
                    return Some(Error { at, said });
                }
                at += line.len();
            }
        }
        self.finished = self.finished || finishes(text);
        self.done = self.done || is_end(lines);
        None
    }
}

/// What a line says that tells of an error: `{"error": ..}`, `{"object": "error", ..}`, or a field of its own, which is
/// what older llama.cpp writes.
fn error(line: &str) -> Option<Said> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
        #[serde(borrow, default)]
        object: Option<&'a RawValue>,
    }
    if let Some(told) = line.strip_prefix("error:") {
        return Some(Said::read(told.as_bytes()));
    }
    // Within an answer's words the quotes would be escaped.
    let data = line.strip_prefix("data:").filter(|data| data.contains("\"error\""))?;
    let event: Event<'_> = serde_json::from_str(data).ok()?;
    let is_error = event.error.is_some() || event.object.is_some_and(|object| object.get() == "\"error\"");
    is_error.then(|| Said::read(data.as_bytes()))
}

/// Whether a `finish_reason` is told. Some write an empty one as long as there is none.
fn finishes(text: &str) -> bool {
    text.match_indices("\"finish_reason\"").any(|(at, name)| {
        let value = text[at + name.len()..].trim_start().strip_prefix(':').map(str::trim_start);
        value.is_some_and(|value| !value.starts_with("null") && !value.starts_with("\"\""))
    })
}

/// Whether the last line that is not empty says that the stream is over.
fn is_end(lines: &[u8]) -> bool {
    let Some(before) = lines.trim_ascii_end().strip_suffix(b"[DONE]") else { return false };
    let last = before.rsplit(|byte| *byte == b'\n').next();
    last.is_some_and(|line| line == b"data: " || line == b"data:")
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::*;

    /// The signs of `stream` that comes in pieces of `size` bytes, and the error in it with its place in the stream.
    fn seen(stream: &[u8], size: usize) -> (Signs, Option<(usize, String)>) {
        let mut signs = Signs::default();
        for (number, piece) in stream.chunks(size).enumerate() {
            if let Some(error) = signs.read(piece) {
                return (signs, Some((number * size + error.at, error.said.message.unwrap_or_default())));
            }
        }
        (signs, None)
    }

    #[test]
    fn words_are_not_taken_for_signs() {
        for words in [
            r#"{"content":"they write data: [DONE]"#,
            "{\"content\":\"they write \\\"error\\\":1 and \\\"finish_reason\\\":\\\"stop\\\"\"}\n",
            "{\"error\":null,\"choices\":[{\"finish_reason\": null}]}\n",
            "{\"choices\":[{\"delta\":{\"content\":\"error\"},\"finish_reason\":\"\"}]}\n",
            "{\"token\":\"finish_reason\",\"then\":\"stop\"}\n",
        ] {
            let (signs, error) = seen(format!("data: {words}").as_bytes(), 1000);
            assert!(!signs.done && !signs.finished && error.is_none(), "{words}");
        }
    }

    #[test]
    fn the_end_is_seen_however_it_is_cut() {
        let stream =
            b"data: {\"choices\":[{\"finish_reason\" : \"stop\"}]}\n\n: \xc3\xa9\n\ndata: [DONE]\r\n\r\n";
        let end = stream.len() - b"\r\n\r\n".len();
        for size in 1..=stream.len() {
            assert!(!seen(&stream[..end - 1], size).0.done, "pieces of {size}");
            assert!(seen(&stream[..end], size).0.done, "pieces of {size}");
            let (signs, error) = seen(stream, size);
            assert!(signs.done && signs.finished && error.is_none(), "pieces of {size}");
        }
    }

    #[test]
    fn an_error_is_seen_however_it_is_cut_and_what_came_before_it_is_kept() {
        let good = "data: {\"choices\":[]}\n\n";
        for error in [
            "data: {\"error\": {\"message\":\"no\",\"code\":400}}\n\n",
            "data:{\"object\": \"error\",\"message\":\"no\",\"code\":400}\r\n\r\n",
            "data: {\"choices\":[{\"finish_reason\":\"error\"}],\"error\":\"no\"}\n\n",
            "error: {\"code\":400,\"message\":\"no\"}\n\n",
        ] {
            let stream = format!("{good}{error}data: [DONE]\n\n");
            for size in 1..=stream.len() {
                let (signs, found) = seen(stream.as_bytes(), size);
                let (at, said) = found.unwrap();
                assert!(at >= good.len() && at < good.len() + error.len(), "{at} in pieces of {size}");
                assert!(said == "no" && !signs.done, "pieces of {size}");
            }
            assert_eq!(seen(stream.as_bytes(), stream.len()).1.unwrap().0, good.len());
            assert!(matches!(First::of(error.as_bytes()), Some(First::Error(_))), "{error}");
            assert!(matches!(First::of(stream.as_bytes()), Some(First::Good)));
        }
    }

    #[test]
    fn the_first_event_is_waited_for() {
        let stream = b": comment\n\nevent: x\ndata: {\"error\":{\"code\":\"rate_limit_exceeded\"}}\n";
        for length in 0..stream.len() {
            assert!(First::of(&stream[..length]).is_none(), "{length} bytes");
        }
        let Some(First::Error(said)) = First::of(stream) else { panic!("an error") };
        assert_eq!(said.status(), StatusCode::TOO_MANY_REQUESTS);
    }
}
