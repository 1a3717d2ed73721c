//! What was heard, put together, and written as the caller wants it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::voice::{Heard, Segment, Word, languages};

/// What was heard so far.
#[derive(Debug, Default)]
pub struct Transcript {
    language: Option<String>,
    text: String,
    segments: Vec<Segment>,
}

/// A transcript as JSON; all but the text with `verbose_json` only.
#[derive(Serialize, ToSchema)]
pub struct TranscriptObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<SegmentObject>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<WordObject>>,
}

/// A stretch of speech. Times in seconds.
#[derive(Serialize, ToSchema)]
pub struct SegmentObject {
    id: usize,
    /// The window it was found in, in hundredths of a second.
    seek: i64,
    start: f64,
    end: f64,
    text: String,
    tokens: Vec<u32>,
    temperature: f32,
    avg_logprob: f32,
    compression_ratio: f32,
    no_speech_prob: f32,
}

/// A word. Times in seconds.
#[derive(Serialize, ToSchema)]
pub struct WordObject {
    word: String,
    start: f64,
    end: f64,
}

impl From<&Word> for WordObject {
    fn from(word: &Word) -> Self {
        Self { word: word.word.trim().to_owned(), start: word.start, end: word.end }
    }
}

/// Seconds of one window of a listener.
const WINDOW: f64 = 30.0;

impl SegmentObject {
    fn new(id: usize, segment: &Segment) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a recording has no 2^63 hundredths of a second")]
        let seek = ((segment.start / WINDOW).floor() * WINDOW * 100.0) as i64;
        Self {
            id,
            seek,
            start: segment.start,
            end: segment.end,
            text: segment.text.clone(),
            tokens: segment.tokens.clone(),
            temperature: segment.temperature,
            avg_logprob: segment.avg_logprob,
            compression_ratio: segment.compression_ratio,
            no_speech_prob: segment.no_speech_prob,
        }
    }
}

impl Transcript {
    /// Adds what was heard; answers what is new of the text.
    pub fn add(&mut self, heard: Heard) -> String {
        let new = match heard {
            Heard::Language(language) => {
                self.language = Some(language);
                return String::new();
            }
            Heard::Text(text) => text,
            Heard::Segment(segment) => {
                let text = segment.text.clone();
                self.segments.push(segment);
                self.parted(text)
            }
        };
        let new = if self.text.is_empty() { new.trim_start().to_owned() } else { new };
        self.text.push_str(&new);
        new
    }

    /// `text` with a space before it, where engines leave out the one between two sentences.
    fn parted(&self, text: String) -> String {
        let before = self.text.chars().next_back().is_some_and(|it| it.is_ascii() && !it.is_whitespace());
        if before && text.starts_with(char::is_alphanumeric) { format!(" {text}") } else { text }
    }

    /// How far it has come in a recording of this length. A text that tells no times may be all there is of it.
    pub fn reached(&self, length: Duration) -> Duration {
        let end = self.segments.last().map_or(0.0, |segment| segment.end);
        let end = Duration::try_from_secs_f64(end).unwrap_or_default();
        if end.is_zero() && !self.text.is_empty() { length } else { end }
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        self.text.trim_end()
    }

    /// `{"text"}`.
    pub fn object(&self) -> TranscriptObject {
        let text = self.text().to_owned();
        TranscriptObject { task: None, language: None, duration: None, text, segments: None, words: None }
    }

    /// With the times of segments, of words, or of both.
    pub fn verbose(&self, seconds: f64, segments: bool, words: bool) -> TranscriptObject {
        let all = self.timed(seconds);
        let numbered = || all.iter().enumerate().map(|(id, it)| SegmentObject::new(id, it)).collect();
        let spoken = || all.iter().flat_map(|it| &it.words).map(WordObject::from).collect();
        TranscriptObject {
            task: Some("transcribe"),
            language: Some(self.language.as_deref().map(languages::name).unwrap_or_default()),
            duration: Some(seconds),
            segments: segments.then(numbered),
            words: words.then(spoken),
            ..self.object()
        }
    }

    /// The segments; those of a listener that tells no times are one.
    fn timed(&self, seconds: f64) -> Vec<Segment> {
        if self.segments.is_empty() && !self.text.is_empty() {
            return vec![Segment { end: seconds, text: self.text().to_owned(), ..Segment::default() }];
        }
        self.segments.clone()
    }

    /// Subtitles, numbered.
    pub fn srt(&self, seconds: f64) -> String {
        let mut out = String::new();
        for (place, it) in self.timed(seconds).iter().enumerate() {
            let (start, end) = (time(it.start, ','), time(it.end, ','));
            let _ = write!(out, "{}\n{start} --> {end}\n{}\n\n", place + 1, it.text.trim());
        }
        out
    }

    /// Subtitles of the web.
    pub fn vtt(&self, seconds: f64) -> String {
        let mut out = "WEBVTT\n\n".to_owned();
        for it in self.timed(seconds) {
            let (start, end) = (time(it.start, '.'), time(it.end, '.'));
            // An arrow within the text would begin another one.
            let _ = write!(out, "{start} --> {end}\n{}\n\n", it.text.trim().replace("-->", "->"));
        }
        out
    }
}

/// `00:01:02,345`
fn time(seconds: f64, point: char) -> String {
    let millis = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis();
    let (hours, minutes, rest) = (millis / 3_600_000, millis / 60_000 % 60, millis % 60_000);
    format!("{hours:02}:{minutes:02}:{:02}{point}{:03}", rest / 1000, rest % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript() -> Transcript {
        let mut transcript = Transcript::default();
        let segment = |start, end, text: &str| {
            Heard::Segment(Segment { start, end, text: text.to_owned(), ..Segment::default() })
        };
        let heard = [
            Heard::Language("en".to_owned()),
            segment(0.0, 1.5, " Hello there."),
            segment(3661.25, 3662.0, "Bye --> now. "),
        ];
        let new: Vec<String> = heard.into_iter().map(|it| transcript.add(it)).collect();
        assert_eq!(new, ["", "Hello there.", " Bye --> now. "]);
        transcript
    }

    #[test]
    fn segments_become_one_text() {
        let transcript = transcript();
        assert_eq!(transcript.text(), "Hello there. Bye --> now.");
        assert_eq!(transcript.reached(Duration::from_secs(4000)), Duration::from_secs(3662));
    }

    #[test]
    fn subtitles_have_times() {
        let transcript = transcript();
        let srt = "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n\n2\n01:01:01,250 --> 01:01:02,000\nBye --> now.\n\n";
        assert_eq!(transcript.srt(4000.0), srt);
        assert!(
            transcript
                .vtt(4000.0)
                .starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n\n01:01:01.250")
        );
        assert!(transcript.vtt(4000.0).ends_with("Bye -> now.\n\n"));
    }

    #[test]
    fn a_text_without_times_has_come_to_the_end() {
        let length = Duration::from_secs(2);
        let mut plain = Transcript::default();
        plain.add(Heard::Language("en".to_owned()));
        assert_eq!(plain.reached(length), Duration::ZERO, "nothing was heard yet");
        plain.add(Heard::Text("Hello".to_owned()));
        assert_eq!(plain.reached(length), length);
    }

    #[test]
    fn a_text_without_times_is_one_segment_and_silence_is_none() {
        let mut plain = Transcript::default();
        plain.add(Heard::Text("Hello ".to_owned()));
        plain.add(Heard::Text("you".to_owned()));
        assert_eq!(plain.srt(2.0), "1\n00:00:00,000 --> 00:00:02,000\nHello you\n\n");
        assert_eq!(Transcript::default().srt(2.0), "");
        assert_eq!(Transcript::default().vtt(2.0), "WEBVTT\n\n");
    }
}
