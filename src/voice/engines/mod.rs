//! The built-in engines, as the child process `agentphone engines` runs them: models in this machine's memory, served
//! by the `OpenAI` protocol on a unix socket. C++ may crash here, or be killed for memory; messaging goes on. What
//! starts and watches this process is `voice/child.rs`, in the other one.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Fault, Heard, Listening, Utterance};
use crate::config::voice::EngineKind;

mod chat;
mod health;
#[cfg(feature = "llama")]
mod llama;
#[cfg(feature = "orpheus")]
mod orpheus;
#[cfg(feature = "piper")]
mod piper;
mod queue;
mod serve;
mod speech;
mod transcriptions;
#[cfg(feature = "whisper")]
mod whisper;

pub use health::{Health, ModelHealth};
pub use serve::run;

/// What the parent says on standard input, in one line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// Threads one request may compute with; 0: half of the cores, at least two.
    pub threads: usize,
    /// Whether models are loaded at once.
    pub preload: bool,
    pub models: Vec<Ordered>,
}

/// A model to serve.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ordered {
    pub name: String,
    pub engine: EngineKind,
    pub path: PathBuf,
    /// Requests it works at together; none: as many as the engine is good for.
    pub concurrency: Option<usize>,
    /// Tokens that an answer may be long, its question included; none: what the engine thinks best.
    pub context: Option<usize>,
}

/// What is to be done, checked as far as every engine agrees.
pub enum Work {
    Listen(Listening),
    Speak(Utterance),
    Chat(Asked),
}

/// A question, and what its answer is called.
pub struct Asked {
    /// The caller's JSON object.
    pub body: Bytes,
    pub id: String,
    /// Unix seconds.
    pub created: i64,
}

/// Something an engine has made.
#[derive(Debug)]
pub enum Piece {
    Heard(Heard),
    /// Samples a second; before the first of them.
    Rate(u32),
    Samples(Vec<i16>),
    /// Of a chat answer, as it goes over the wire.
    Bytes(Bytes),
}

/// Who takes what an engine makes.
pub struct Taker(mpsc::Sender<Result<Piece, Fault>>);

/// Nobody wants the rest: stop.
#[derive(Debug)]
pub struct Gone;

impl Taker {
    /// Hands a piece over; waits while the one before is still being sent.
    pub fn give(&self, piece: Piece) -> Result<(), Gone> {
        self.0.blocking_send(Ok(piece)).map_err(|_| Gone)
    }

    /// Whether the caller has left. Engines look between steps that take longer than a blink.
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }

    /// The same question, for an engine that asks it on a thread of its own. It does not keep the taker waiting for
    /// more.
    pub fn watch(&self) -> impl Fn() -> bool + Send + use<> {
        let weak = self.0.downgrade();
        move || weak.upgrade().is_none_or(|sender| sender.is_closed())
    }
}

/// A loaded model.
pub trait Loaded: Send + Sync {
    /// Does the work on the calling thread and hands out what it makes as it comes. The number is how much was done:
    /// seconds of sound, or tokens. Leaving early because the taker is gone is no fault.
    fn work(&self, work: Work, taker: &Taker) -> Result<f64, Fault>;
}

/// Why this build cannot run an engine; `None` if it can.
pub const fn missing(kind: EngineKind) -> Option<&'static str> {
    match kind {
        EngineKind::Openai => None,
        EngineKind::Piper if cfg!(feature = "piper") => None,
        EngineKind::Whisper if cfg!(feature = "whisper") => None,
        EngineKind::Llama if cfg!(feature = "llama") => None,
        EngineKind::Orpheus if cfg!(feature = "orpheus") => None,
        EngineKind::Piper => {
            Some("this build of agentphone has no such engine: build it with `--features piper`")
        }
        EngineKind::Whisper | EngineKind::Llama => {
            Some("this build of agentphone has no such engine: build it with `--features engines`")
        }
        EngineKind::Orpheus => {
            Some("this build of agentphone has no such engine: build it with `--features orpheus`")
        }
    }
}

/// How many requests an engine works at together: more would only take turns.
const fn together(kind: EngineKind) -> usize {
    match kind {
        EngineKind::Llama => 4,
        EngineKind::Openai | EngineKind::Whisper | EngineKind::Piper | EngineKind::Orpheus => 1,
    }
}

/// Loads a model. The one place where engines are chosen.
#[cfg_attr(
    not(any(feature = "piper", feature = "llama", feature = "whisper")),
    expect(unused_variables, reason = "there is nothing to load")
)]
fn open(ordered: &Ordered, threads: usize) -> anyhow::Result<Arc<dyn Loaded>> {
    match ordered.engine {
        EngineKind::Openai => bail!("it is not built in"),
        #[cfg(feature = "piper")]
        EngineKind::Piper => Ok(Arc::new(piper::Piper::open(ordered, threads)?)),
        #[cfg(not(feature = "piper"))]
        EngineKind::Piper => bail!("this build has no Piper"),
        #[cfg(feature = "llama")]
        EngineKind::Llama => Ok(Arc::new(llama::Llama::open(ordered, threads)?)),
        #[cfg(not(feature = "llama"))]
        EngineKind::Llama => bail!("this build has no llama.cpp"),
        #[cfg(feature = "whisper")]
        EngineKind::Whisper => Ok(Arc::new(whisper::Whisper::open(ordered, threads)?)),
        #[cfg(not(feature = "whisper"))]
        EngineKind::Whisper => bail!("this build has no Whisper"),
        #[cfg(feature = "orpheus")]
        EngineKind::Orpheus => Ok(Arc::new(orpheus::Orpheus::open(ordered, threads)?)),
        #[cfg(not(feature = "orpheus"))]
        EngineKind::Orpheus => bail!("this build has no Orpheus"),
    }
}

/// For a request at the wrong door.
#[cfg(any(feature = "piper", feature = "llama", feature = "whisper"))]
fn other_task(model: &str) -> Fault {
    Fault::Refused { code: None, message: format!("The model {model:?} does something else") }
}
