//! Voice AI: sound becomes text, text becomes sound, a model answers. This is the seam: what goes in and what comes
//! out, as plain data and streams, the same for a server far away and for the engines in our own child process. It
//! knows no accounts, no HTTP doors and no database; `http/ai/` does.

pub mod audio;
pub mod child;
pub mod engine;
pub mod engines;
pub mod events;
pub mod hearing;
pub mod languages;
pub mod table;
pub mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

/// Samples a second of everything that is listened to.
pub const LISTENING_RATE: u32 = 16_000;

/// What went wrong at an engine, in words that a caller may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nobody answers for this task: the setting that is missing.
    NotConfigured { setting: String },
    /// The engine looked at the request and refused it (an upstream's 4xx): its sentence, and its code where it has one.
    Refused { code: Option<String>, message: String },
    /// More waits than is sensible to accept; try again after so many seconds.
    Busy { seconds: u64 },
    /// The engine is away, broke off, took too long or spoke nonsense. The sentence names no address.
    Failed { message: String },
}

/// A recording, decoded once, for whoever listens to it.
#[derive(Debug)]
pub struct Recording {
    /// Mono, −1 to 1, [`LISTENING_RATE`] samples a second.
    pub samples: Vec<f32>,
    /// The bytes it was decoded from, and a file name whose ending tells their format.
    pub file: Bytes,
    pub name: String,
}

impl Recording {
    /// Its length in seconds, counted in samples and not believed from a header.
    pub fn seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 samples")]
        let samples = self.samples.len() as f64;
        samples / f64::from(LISTENING_RATE)
    }
}

/// What is to be listened to, and how.
#[derive(Clone, Debug)]
pub struct Listening {
    pub recording: Arc<Recording>,
    /// ISO 639-1, if the caller knows it.
    pub language: Option<String>,
    pub prompt: Option<String>,
    pub temperature: Option<f32>,
    /// Whether times are wanted, and not only text.
    pub times: bool,
    /// Whether times of single words are wanted as well.
    pub words: bool,
    /// Whether the caller takes text piece by piece. Engines that can may do so anyway.
    pub streamed: bool,
}

/// One thing that was heard, in the order of the recording.
#[derive(Clone, PartialEq, Debug)]
pub enum Heard {
    /// ISO 639-1; at most once, before the first segment.
    Language(String),
    /// More text: for listeners that tell no times.
    Text(String),
    Segment(Segment),
}

/// A stretch of speech. Times in seconds from the beginning of the recording.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Segment {
    pub start: f64,
    pub end: f64,
    pub text: String,
    pub tokens: Vec<u32>,
    pub temperature: f32,
    pub avg_logprob: f32,
    pub compression_ratio: f32,
    pub no_speech_prob: f32,
    pub words: Vec<Word>,
}

#[derive(Clone, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[expect(clippy::struct_field_names, reason = "the protocol calls it so")]
pub struct Word {
    pub word: String,
    pub start: f64,
    pub end: f64,
}

/// What is to be said.
#[derive(Clone, PartialEq, Debug)]
pub struct Utterance {
    pub text: String,
    /// The voice's id.
    pub voice: String,
    /// 0.25 to 4; 1 is as the voice speaks.
    pub speed: f32,
}

/// Sound as it comes into being.
pub struct Speech {
    /// Samples a second.
    pub rate: u32,
    /// Mono, 16 bits.
    pub chunks: BoxStream<'static, Result<Vec<i16>, Fault>>,
}

/// A question in the form of the `OpenAI` protocol, checked as far as every model agrees.
#[derive(Clone, Debug)]
pub struct Question {
    /// The caller's JSON object, without `model`.
    pub body: Bytes,
    /// Whether the answer is to come piece by piece.
    pub streamed: bool,
}

/// An answer in the form of the `OpenAI` protocol, as its bytes come in: one JSON object, or events of a stream.
pub struct Answer {
    /// Headers of the engine that callers may see (`x-request-id`, rate limits).
    pub headers: Vec<(String, String)>,
    pub bytes: BoxStream<'static, Result<Bytes, Fault>>,
}

/// Makes text of sound. Dropping the stream stops the work.
#[async_trait]
pub trait Listen: Send + Sync {
    async fn listen(&self, listening: Listening) -> Result<BoxStream<'static, Result<Heard, Fault>>, Fault>;
}

/// Makes sound of text. Dropping the stream stops the work.
#[async_trait]
pub trait Speak: Send + Sync {
    async fn speak(&self, utterance: Utterance) -> Result<Speech, Fault>;
}

/// Lets a model answer. Dropping the stream stops the work.
#[async_trait]
pub trait Chat: Send + Sync {
    async fn chat(&self, question: Question) -> Result<Answer, Fault>;
}

/// What can be asked for any of the three: who it is asked of decides what it can do.
pub trait Engine: Listen + Speak + Chat {}

impl<T: Listen + Speak + Chat> Engine for T {}
