//! One answer on its way: what of it the model has already seen, and what it sees next.

use std::sync::mpsc::Sender;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use crate::Error;
use crate::sampler::Sampler;
use crate::worker::{Event, Reason};

/// What is to be done for one request.
pub(crate) struct Job {
    pub prompt: Vec<LlamaToken>,
    pub sampler: Sampler,
    /// Tokens it may make.
    pub most: usize,
    pub events: Sender<Event>,
    /// Whether nobody waits for it any more; looked at before every step.
    pub is_gone: Box<dyn Fn() -> bool + Send>,
}

pub(crate) struct Sequence {
    job: Job,
    /// Tokens that the model has seen.
    seen: usize,
    /// Tokens that were drawn; the last one the model has not seen.
    made: usize,
    last: Option<LlamaToken>,
    /// Where in the batch its output is.
    output: Option<i32>,
}

impl Sequence {
    pub fn new(job: Job) -> Self {
        Self { job, seen: 0, made: 0, last: None, output: None }
    }

    pub fn is_gone(&self) -> bool {
        (self.job.is_gone)()
    }

    /// Whether it is making tokens and no longer reading its prompt.
    pub fn is_making(&self) -> bool {
        self.last.is_some()
    }

    /// Puts what the model is to see next into `batch`, at most `room` tokens of it.
    pub fn fill(&mut self, batch: &mut LlamaBatch<'_>, id: i32, room: usize) -> Result<(), Error> {
        let end = self.job.prompt.len().min(self.seen + room);
        let next = match &self.last {
            Some(last) => std::slice::from_ref(last),
            None => &self.job.prompt[self.seen..end],
        };
        let is_whole = self.last.is_some() || end == self.job.prompt.len();
        for (index, token) in next.iter().enumerate() {
            let wants_output = is_whole && index + 1 == next.len();
            let position = i32::try_from(self.seen + index).map_err(|_| full())?;
            batch.add(*token, position, &[id], wants_output).map_err(|_| full())?;
        }
        self.seen += next.len();
        self.output = is_whole.then(|| batch.n_tokens() - 1);
        Ok(())
    }

    /// Draws the next token, if the model has come to it. False: this was the end.
    pub fn draw(&mut self, model: &LlamaModel, context: &LlamaContext<'_>) -> bool {
        let Some(output) = self.output.take() else { return true };
        let token = match self.job.sampler.draw(context, output) {
            Ok(token) => token,
            Err(error) => {
                self.end(Reason::Failed(error));
                return false;
            }
        };
        if model.vocab().is_eog(token) {
            self.end(Reason::Stop);
            return false;
        }
        self.made += 1;
        self.last = Some(token);
        if self.job.events.send(Event::Token(token)).is_err() {
            return false;
        }
        if self.made >= self.job.most {
            self.end(Reason::Length);
            return false;
        }
        true
    }

    pub fn end(&self, reason: Reason) {
        // Who waited may have left.
        let _ = self.job.events.send(Event::End(reason));
    }
}

fn full() -> Error {
    Error::Failed("the batch is full".to_owned())
}
