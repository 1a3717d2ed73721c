//! What one request uses, counted when it ends: well, with a fault half-way, or because its caller left. Dropping is the
//! end, so nothing can be forgotten.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use crate::app::App;
use crate::http::extract::Caller;
use crate::id::UsageId;
use crate::phone::voice_usage::{Counted, Task};
use crate::voice::Fault;
use crate::voice::table::{Name, Ran};

/// Measures one request.
pub struct Measure {
    app: App,
    caller: Caller,
    task: Task,
    model: String,
    engine: String,
    length: Option<Length>,
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
    /// Measures how long `model` generates, from now on.
    pub fn time(app: &App, caller: &Caller, model: &Name) -> Self {
        Self::new(app, caller, Task::Chat, model, Some(Length::Time(Instant::now())))
    }

    /// Measures sound, of which there was none yet.
    pub fn sound(app: &App, caller: &Caller, task: Task, model: &Name) -> Self {
        Self::new(app, caller, task, model, None)
    }

    fn new(app: &App, caller: &Caller, task: Task, model: &Name, length: Option<Length>) -> Self {
        let (app, caller) = (app.clone(), caller.clone());
        let engine = model.label().unwrap_or_default().to_owned();
        Self { app, caller, task, model: model.id.clone(), engine, length, usage: Usage::default() }
    }

    /// Takes down what really ran; if nothing did, nothing is counted.
    pub fn ran<T>(&mut self, asked: Result<Ran<T>, Fault>) -> Result<T, Fault> {
        match asked {
            Ok(Ran { what, label }) => {
                self.engine = label.to_string();
                Ok(what)
            }
            Err(fault) => {
                self.nothing();
                Err(fault)
            }
        }
    }

    /// What really runs.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// There was sound of this length in all.
    pub fn heard(&mut self, sound: Duration) {
        self.length = Some(Length::Sound(sound)).filter(|_| !sound.is_zero());
    }

    /// The engine told these tokens.
    pub fn used(&mut self, usage: Usage) {
        self.usage = usage;
    }

    /// The caller got nothing for it.
    pub fn nothing(&mut self) {
        self.length = None;
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        let length = match self.length {
            None => return,
            Some(Length::Time(begun)) => begun.elapsed(),
            Some(Length::Sound(length)) => length,
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
