//! The one thread that computes: it advances all answers that are under way together, a token each at a time, so that
//! none waits for another to end. New prompts are read in slices in between.

use std::sync::mpsc::{Receiver, TryRecvError};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use crate::Error;
use crate::sequence::{Job, Sequence};

/// Tokens in one computation.
pub(crate) const BATCH: usize = 256;
/// Tokens of prompts in one computation while others are making theirs: longer ones would make those stutter.
const SLICE: usize = 64;

/// A token's number in the model's vocabulary.
pub type Token = i32;

/// What a request cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    pub prompt_tokens: usize,
    pub completion_tokens: usize,
}

pub(crate) enum Event {
    Token(LlamaToken),
    End(Reason),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// The model came to an end.
    Stop,
    /// It may make no more tokens.
    Length,
    Failed(Error),
}

/// Works until nobody can ask any more.
pub(crate) fn work(model: &LlamaModel, mut context: LlamaContext<'_>, jobs: &Receiver<Job>, together: usize) {
    let mut places: Vec<Option<Sequence>> = (0..together).map(|_| None).collect();
    let mut batch = LlamaBatch::new(BATCH, 1);
    while admit(&mut places, jobs) {
        for (id, place) in places.iter_mut().enumerate() {
            if place.as_ref().is_some_and(Sequence::is_gone) {
                leave(place, id, &mut context);
            }
        }
        batch.clear();
        let outcome = fill(&mut places, &mut batch).and_then(|()| {
            if batch.n_tokens() == 0 {
                return Ok(());
            }
            context
                .decode(&mut batch)
                .map_err(|error| Error::Failed(format!("the model cannot compute: {error}")))
        });
        for (id, place) in places.iter_mut().enumerate() {
            let Some(sequence) = place else { continue };
            let goes_on = match &outcome {
                Ok(()) => sequence.draw(model, &context),
                Err(error) => {
                    sequence.end(Reason::Failed(error.clone()));
                    false
                }
            };
            if !goes_on {
                leave(place, id, &mut context);
            }
        }
    }
}

/// Gives free places to those who wait; without any work it waits for some. False: nobody can come any more.
fn admit(places: &mut [Option<Sequence>], jobs: &Receiver<Job>) -> bool {
    if places.iter().all(Option::is_none) {
        match jobs.recv() {
            Ok(job) => places[0] = Some(Sequence::new(job)),
            Err(_) => return false,
        }
    }
    for place in places.iter_mut().filter(|place| place.is_none()) {
        match jobs.try_recv() {
            Ok(job) => *place = Some(Sequence::new(job)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    true
}

/// First a token for everyone who makes some, then as much of the prompts as does no harm to those.
fn fill(places: &mut [Option<Sequence>], batch: &mut LlamaBatch<'_>) -> Result<(), Error> {
    let mut making = 0;
    for (id, sequence) in numbered(places).filter(|(_, sequence)| sequence.is_making()) {
        sequence.fill(batch, id, 1)?;
        making += 1;
    }
    let most = if making == 0 { BATCH } else { SLICE };
    let reading = numbered(places).filter(|(_, sequence)| !sequence.is_making()).count();
    let each = (most / reading.max(1)).max(1);
    for (id, sequence) in numbered(places).filter(|(_, sequence)| !sequence.is_making()) {
        sequence.fill(batch, id, each)?;
    }
    Ok(())
}

/// The sequences with the numbers under which the model remembers them.
fn numbered(places: &mut [Option<Sequence>]) -> impl Iterator<Item = (i32, &mut Sequence)> {
    (0..).zip(places).filter_map(|(id, place)| Some((id, place.as_mut()?)))
}

/// Frees a place, and what the model remembers of it: nothing of one request is left for the next.
fn leave(place: &mut Option<Sequence>, id: usize, context: &mut LlamaContext<'_>) {
    *place = None;
    let id = u32::try_from(id).ok();
    if !context.clear_kv_cache_seq(id, None, None).unwrap_or(false) {
        // Some kinds of model can only forget everything or nothing of a sequence; this is everything.
        tracing::debug!("a sequence could not be forgotten in part");
    }
}
