//! What was heard, in the forms in which upstreams write it: one JSON object (`json`, `verbose_json`) or events.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::Value;

use super::super::{Heard, Segment, Word, languages};
use super::error::Said;

/// `json` and `verbose_json`. Servers write `null` for what they do not tell.
#[derive(Deserialize)]
pub(super) struct Transcript {
    text: String,
    language: Option<String>,
    segments: Option<Vec<Wire>>,
    /// Some put words here, others into the segments.
    words: Option<Vec<Word>>,
}

/// A segment as servers write it.
#[derive(Deserialize)]
struct Wire {
    start: f64,
    end: f64,
    text: String,
    tokens: Option<Vec<u32>>,
    temperature: Option<f32>,
    avg_logprob: Option<f32>,
    compression_ratio: Option<f32>,
    no_speech_prob: Option<f32>,
    words: Option<Vec<Word>>,
}

impl From<Wire> for Segment {
    fn from(wire: Wire) -> Self {
        Self {
            start: wire.start,
            end: wire.end,
            text: wire.text,
            tokens: wire.tokens.unwrap_or_default(),
            temperature: wire.temperature.unwrap_or_default(),
            avg_logprob: wire.avg_logprob.unwrap_or_default(),
            compression_ratio: wire.compression_ratio.unwrap_or_default(),
            no_speech_prob: wire.no_speech_prob.unwrap_or_default(),
            words: wire.words.unwrap_or_default(),
        }
    }
}

impl Transcript {
    pub fn heard(self) -> Vec<Heard> {
        let mut heard: Vec<Heard> =
            self.language.iter().map(|language| Heard::Language(languages::code(language))).collect();
        let mut segments: Vec<Segment> =
            self.segments.unwrap_or_default().into_iter().map(Segment::from).collect();
        let words = self.words.unwrap_or_default();
        if let (true, Some(first), Some(last)) = (segments.is_empty(), words.first(), words.last()) {
            let (start, end) = (first.start, last.end);
            segments.push(Segment { start, end, text: self.text.clone(), ..Segment::default() });
        }
        if segments.is_empty() {
            heard.push(Heard::Text(self.text));
            return heard;
        }
        if segments.iter().all(|segment| segment.words.is_empty()) {
            share(words, &mut segments);
        }
        heard.extend(segments.into_iter().map(Heard::Segment));
        heard
    }
}

/// Gives each word to the segment in which its middle lies, or to the nearest one.
fn share(words: Vec<Word>, segments: &mut [Segment]) {
    let mut at = 0;
    for word in words {
        let middle = f64::midpoint(word.start, word.end);
        while at + 1 < segments.len() && middle >= segments[at].end {
            at += 1;
        }
        segments[at].words.push(word);
    }
}

/// What events say, one after the other.
#[derive(Default)]
pub(super) struct Told {
    pub heard: VecDeque<Heard>,
    /// Whether the end was announced.
    pub done: bool,
    any: bool,
}

/// An event that cannot be understood, or that says what went wrong.
pub(super) enum Trouble {
    Nonsense,
    Error(Said),
}

impl Told {
    pub fn take(&mut self, event: &[u8]) -> Result<(), Trouble> {
        if event == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let event: Value = serde_json::from_slice(event).map_err(|_| Trouble::Nonsense)?;
        let text = |name: &str| event[name].as_str().map(str::to_owned).ok_or(Trouble::Nonsense);
        let heard = match event["type"].as_str() {
            Some("transcript.language") => Some(Heard::Language(languages::code(&text("language")?))),
            Some("transcript.text.delta") => Some(Heard::Text(text("delta")?)),
            Some("transcript.text.segment") => {
                let wire: Wire = serde_json::from_value(event).map_err(|_| Trouble::Nonsense)?;
                Some(Heard::Segment(wire.into()))
            }
            Some("transcript.text.done") => {
                self.done = true;
                let text = text("text")?;
                (!self.any && !text.is_empty()).then_some(Heard::Text(text))
            }
            _ if !event["error"].is_null() => return Err(Trouble::Error(Said::of(&event))),
            // Others may be new; what has no type but a text is an older server's delta.
            Some(_) => None,
            None => {
                self.done = true;
                Some(Heard::Text(text("text")?))
            }
        };
        self.any |= matches!(heard, Some(Heard::Text(_) | Heard::Segment(_)));
        self.heard.extend(heard);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(transcript: Value) -> Vec<Heard> {
        serde_json::from_value::<Transcript>(transcript).unwrap().heard()
    }

    #[test]
    fn words_find_their_segments() {
        let word = |word: &str, start: f64| json!({"word": word, "start": start, "end": start + 0.4});
        let heard = heard(json!({
            "task": "transcribe", "language": "english", "duration": 4.0, "text": "One two. Three.",
            "segments": [
                {"id": 0, "seek": 0, "start": 0.0, "end": 2.0, "text": "One two.", "tokens": [1], "words": null},
                {"id": 1, "seek": 0, "start": 2.0, "end": 4.0, "text": " Three."}],
            "words": [word("One", 0.1), word("two", 1.5), word("Three", 2.2)],
        }));
        let [Heard::Language(language), Heard::Segment(first), Heard::Segment(second)] = &heard[..] else {
            panic!("{heard:?}");
        };
        assert_eq!(language, "en");
        let words = |segment: &Segment| segment.words.iter().map(|it| it.word.clone()).collect::<Vec<_>>();
        assert_eq!(
            (words(first), words(second)),
            (vec!["One".into(), "two".into()], vec!["Three".to_owned()])
        );
    }

    #[test]
    fn text_alone_is_text_and_words_alone_are_a_segment() {
        assert_eq!(heard(json!({"text": "hi"})), [Heard::Text("hi".into())]);
        let only_words = heard(json!({"text": "hi", "words": [{"word": "hi", "start": 1.0, "end": 1.5}]}));
        assert!(matches!(&only_words[..], [Heard::Segment(it)] if it.end > 1.4 && it.words.len() == 1));
    }

    #[test]
    fn events_tell_text_once() {
        let mut told = Told::default();
        for event in [
            json!({"type": "transcript.text.delta", "delta": "Hello"}),
            json!({"type": "transcript.text.brand_new"}),
            json!({"type": "transcript.text.delta", "delta": " you"}),
            json!({"type": "transcript.text.done", "text": "Hello you"}),
        ] {
            assert!(told.take(event.to_string().as_bytes()).is_ok());
        }
        assert!(told.done);
        assert_eq!(told.heard, [Heard::Text("Hello".into()), Heard::Text(" you".into())]);
        let mut only_done = Told::default();
        assert!(only_done.take(br#"{"type":"transcript.text.done","text":"All"}"#).is_ok());
        assert_eq!(only_done.heard, [Heard::Text("All".into())]);
        assert!(matches!(Told::default().take(br#"{"error":{"message":"x"}}"#), Err(Trouble::Error(_))));
        assert!(matches!(Told::default().take(b"<html>"), Err(Trouble::Nonsense)));
    }
}
