//! Sound becomes text with a Whisper model in CTranslate2 form. One synchronous call that gives segments out as they are
//! heard. It knows no containers (samples come in at 16 kHz), no network and no clock.
//!
//! The way of a recording: [`vad`] finds where people speak, [`window`] cuts that into stretches of at most 30 seconds,
//! [`mel`] makes the picture the model looks at, [`hearing`] lets the model read it and judges what it read ([`quality`]),
//! [`segments`] cuts the tokens at their times, [`words`] finds the times of single words.
//!
//! The method, its thresholds and the order of its attempts are those that OpenAI published with the model ("Robust Speech
//! Recognition via Large-Scale Weak Supervision", section 4.5); the names of special tokens come from its tokenizer.

mod hearing;
mod language;
mod mel;
mod model;
mod quality;
mod segments;
mod tokens;
mod vad;
mod window;
mod words;

pub use model::Whisper;

/// Samples a second of what is listened to.
pub const RATE: usize = 16_000;

/// How to listen.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// ISO 639-1; found out where it is not given.
    pub language: Option<String>,
    /// What was said before, or names to expect.
    pub prompt: Option<String>,
    /// Where the first attempt begins: 0 looks for the likeliest text, more takes chances.
    pub temperature: f32,
    /// Whether times of single words are wanted.
    pub words: bool,
}

/// What was heard, in the order of the recording.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// ISO 639-1, before the first segment; not where nobody speaks.
    Language(String),
    Segment(Segment),
}

/// A stretch of speech; times in seconds from the beginning of the recording.
#[derive(Clone, PartialEq, Debug)]
pub struct Segment {
    pub start: f64,
    pub end: f64,
    pub text: String,
    pub tokens: Vec<u32>,
    pub temperature: f32,
    pub avg_logprob: f32,
    pub compression_ratio: f32,
    pub no_speech_prob: f32,
    /// Empty unless they were wanted.
    pub words: Vec<Word>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Word {
    pub word: String,
    pub start: f64,
    pub end: f64,
}
