//! A streamed answer on its way from the engine to the caller: events go on as they come. Of each only the places are
//! looked up that matter here: the model's name, which becomes the public one, what was used, and how it ends.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::measure::{Measure, Usage};
use crate::voice::Fault;

/// No event is longer.
const LONGEST: usize = 8 << 20;

/// What is looked up in an answer or in one event of it; the rest is passed on unread.
#[derive(Deserialize)]
pub struct Seen<'a> {
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

impl<'a> Seen<'a> {
    /// Looks into `text`; an answer is an object.
    pub fn read(text: &'a str) -> Result<Self, Fault> {
        let seen = serde_json::from_str(text).ok().filter(|_| text.trim_start().starts_with('{'));
        seen.ok_or_else(|| Fault::Failed { message: "The engine's answer makes no sense".to_owned() })
    }

    /// Writes `text`, in which this was seen, with `model` (JSON) as the model's name.
    pub fn renamed(&self, text: &str, model: &str, out: &mut BytesMut) {
        let Some(found) = self.model.map(RawValue::get) else { return out.put_slice(text.as_bytes()) };
        let begin = found.as_ptr().addr() - text.as_ptr().addr();
        out.put_slice(&text.as_bytes()[..begin]);
        out.put_slice(model.as_bytes());
        out.put_slice(&text.as_bytes()[begin + found.len()..]);
    }
}

/// What came, as text.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes)
        .map_err(|_| Fault::Failed { message: "The engine's answer is no text".to_owned() })
}

/// An answer that is being relayed.
#[expect(clippy::struct_excessive_bools, reason = "four things that are true or not, each on its own")]
struct Relay {
    engine: BoxStream<'static, Result<Bytes, Fault>>,
    /// The beginning of a line whose end has not come yet.
    broken: BytesMut,
    /// The public name, as JSON.
    model: String,
    wants_usage: bool,
    measure: Measure,
    /// Whether the caller has got anything.
    begun: bool,
    /// Whether a choice has come to its end.
    finished: bool,
    ended: bool,
}

/// The events of `engine` as the caller shall see them. Ends without `[DONE]` and with a fault if the engine did not come
/// to its own end.
pub fn relay(
    engine: BoxStream<'static, Result<Bytes, Fault>>,
    model: String,
    wants_usage: bool,
    measure: Measure,
) -> impl Stream<Item = Result<Bytes, Fault>> + Send + Unpin + 'static {
    let broken = BytesMut::new();
    let relay =
        Relay { engine, broken, model, wants_usage, measure, begun: false, finished: false, ended: false };
    stream::unfold(relay, async |mut relay| Some((relay.next().await?, relay))).boxed()
}

impl Relay {
    /// What there is to say next; `None` at the end.
    async fn next(&mut self) -> Option<Result<Bytes, Fault>> {
        if self.ended {
            // The end behind `[DONE]` is read too, so that the engine's connection can be used again.
            self.engine.next().await;
        }
        while !self.ended {
            let said = match self.engine.next().await {
                Some(Ok(bytes)) => self.take(&bytes),
                Some(Err(fault)) => Err(fault),
                None => self.end(),
            };
            match said {
                Ok(said) if said.is_empty() => {}
                Ok(said) => {
                    self.begun = true;
                    return Some(Ok(said));
                }
                Err(fault) => {
                    self.ended = true;
                    if !self.begun {
                        self.measure.nothing();
                    }
                    return Some(Err(fault));
                }
            }
        }
        None
    }

    /// Takes in what came; answers the events that are complete with it.
    fn take(&mut self, bytes: &[u8]) -> Result<Bytes, Fault> {
        let mut out = BytesMut::with_capacity(bytes.len() + 64);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.ended {
                break;
            }
            if !piece.ends_with(b"\n") {
                self.broken.put_slice(piece);
            } else if self.broken.is_empty() {
                self.line(piece, &mut out)?;
            } else {
                self.broken.put_slice(piece);
                let line = self.broken.split();
                self.line(&line, &mut out)?;
            }
        }
        if self.broken.len() > LONGEST {
            return Err(Fault::Failed { message: "The engine's answer has no end".to_owned() });
        }
        Ok(out.freeze())
    }

    /// One line: each event of this protocol is one.
    fn line(&mut self, line: &[u8], out: &mut BytesMut) -> Result<(), Fault> {
        let line = text(line)?.trim_end();
        if line.starts_with(':') {
            // A comment, which keeps the connection from looking dead.
            out.put_slice(line.as_bytes());
            out.put_slice(b"\n\n");
            return Ok(());
        }
        let Some(data) = line.strip_prefix("data:").map(str::trim_start) else { return Ok(()) };
        if data == "[DONE]" {
            self.done(out);
            return Ok(());
        }
        let seen = Seen::read(data)?;
        if seen.error.is_some() {
            // Engines read the errors of their streams themselves; what they say may name what callers must not know.
            return Err(Fault::Failed { message: "The engine failed".to_owned() });
        }
        let choices = seen.choices.as_deref().unwrap_or_default();
        self.finished |= choices.iter().any(|it| it.finish_reason.is_some());
        if let Some(usage) = seen.usage {
            self.measure.used(usage);
            if choices.is_empty() && !self.wants_usage {
                return Ok(());
            }
        }
        out.put_slice(b"data: ");
        seen.renamed(data, &self.model, out);
        out.put_slice(b"\n\n");
        Ok(())
    }

    fn done(&mut self, out: &mut BytesMut) {
        self.ended = true;
        out.put_slice(b"data: [DONE]\n\n");
    }

    /// The engine closed without `[DONE]`: some do, once every choice has come to its end.
    fn end(&mut self) -> Result<Bytes, Fault> {
        if !self.finished {
            return Err(Fault::Failed { message: "The engine broke off".to_owned() });
        }
        let mut out = BytesMut::new();
        self.done(&mut out);
        Ok(out.freeze())
    }
}
