//! How a good answer begins: as much of it as must have come before it is taken for one. Until then another upstream can
//! be asked.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::answer::{Body, BrokenOff};
use super::error::Said;
use super::relay::Form;
use super::signs::First;

/// For what part of the patience with an upstream, and how much of its stream, is held back while no event is whole.
/// Comments are there to keep a caller's connection from looking dead, so they cannot wait forever.
const HELD: u32 = 6;
const MOST_HELD: usize = 1 << 20;

/// Why there is no answer.
pub(super) enum NoAnswer {
    Nonsense,
    BrokenOff(BrokenOff),
    /// The upstream says that it failed, where its first event should be.
    Error(Said),
}

/// The first bytes of an answer, or of a stream of events all up to the first event.
pub(super) async fn opening(body: &mut Body, form: Form, patience: Duration) -> Result<Bytes, NoAnswer> {
    let first = next(body).await?;
    if !form.begins_with(&first) {
        return Err(NoAnswer::Nonsense);
    }
    match form {
        Form::Events => first_event(first, body, patience / HELD).await,
        Form::Json | Form::Transcript | Form::Sound => Ok(first),
    }
}

async fn next(body: &mut Body) -> Result<Bytes, NoAnswer> {
    body.next().await.ok_or(NoAnswer::Nonsense)?.map_err(NoAnswer::BrokenOff)
}

async fn first_event(first: Bytes, body: &mut Body, longest: Duration) -> Result<Bytes, NoAnswer> {
    match First::of(&first) {
        Some(First::Good) => return Ok(first),
        Some(First::Error(said)) => return Err(NoAnswer::Error(said)),
        None => {}
    }
    let mut held = BytesMut::from(first);
    let until = Instant::now() + longest;
    while held.len() < MOST_HELD {
        let Ok(more) = timeout_at(until, next(body)).await else { break };
        let more = more?;
        held.extend_from_slice(&more);
        // Without the end of a line there is no more to see than before.
        let event = if more.contains(&b'\n') { First::of(&held) } else { None };
        match event {
            Some(First::Good) => break,
            Some(First::Error(said)) => return Err(NoAnswer::Error(said)),
            None => {}
        }
    }
    Ok(held.freeze())
}
