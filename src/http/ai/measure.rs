//! What one request uses, counted when it ends: well, with a fault half-way, or because its caller left. Dropping is the
//! end, so nothing can be forgotten.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::app::App;
use crate::http::extract::Caller;
use crate::id::UsageId;
use crate::phone::voice_usage::{Counted, Task};
use crate::voice::table::Name;

/// Measures one request from when an engine has taken it.
pub struct Measure {
    app: App,
    caller: Caller,
    task: Task,
    model: String,
    engine: String,
    length: Length,
    usage: Usage,
}

/// What is measured of it.
#[derive(Clone, Copy)]
enum Length {
    /// How long it takes, from then on.
    Time(Instant),
    /// How much sound there was.
    Sound(Duration),
}

/// The tokens of an answer, as engines tell them.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub prompt_tokens: Option<i64>,
    pub completion_tokens: Option<i64>,
}

impl Measure {
    /// Measures time since `begun`.
    pub fn time(app: &App, caller: &Caller, model: &Name, engine: &str, begun: Instant) -> Self {
        Self::new(app, caller, Task::Chat, model, engine, Length::Time(begun))
    }

    /// Measures sound, of which there was none yet.
    pub fn sound(app: &App, caller: &Caller, task: Task, model: &Name, engine: &str) -> Self {
        Self::new(app, caller, task, model, engine, Length::Sound(Duration::ZERO))
    }

    fn new(app: &App, caller: &Caller, task: Task, model: &Name, engine: &str, length: Length) -> Self {
        let (app, caller) = (app.clone(), caller.clone());
        let (model, engine) = (model.id.clone(), engine.to_owned());
        Self { app, caller, task, model, engine, length, usage: Usage::default() }
    }

    /// There was sound of this length in all.
    pub fn heard(&mut self, sound: Duration) {
        self.length = Length::Sound(sound);
    }

    /// The engine told these tokens.
    pub fn used(&mut self, usage: Usage) {
        self.usage = usage;
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        let length = match self.length {
            Length::Time(begun) => begun.elapsed(),
            Length::Sound(length) if length.is_zero() => return,
            Length::Sound(length) => length,
        };
        self.app.meter.count(Counted {
            id: UsageId::new(&self.app.ids),
            account: self.caller.account.clone(),
            task: self.task,
            model: std::mem::take(&mut self.model),
            engine: std::mem::take(&mut self.engine),
            millis: i64::try_from(length.as_millis()).unwrap_or(i64::MAX),
            prompt_tokens: self.usage.prompt_tokens,
            completion_tokens: self.usage.completion_tokens,
            at: self.app.clock.now(),
        });
    }
}
