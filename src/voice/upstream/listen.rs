//! Transcription through an upstream: the recording as a form, and what was heard as it is told.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::super::events::Events;
use super::super::{Fault, Heard, LISTENING_RATE, Listen, Listening};
use super::Model;
use super::multipart::Form as Fields;
use super::relay::{Form, Relay, is_events};
use super::request::Call;
use super::transcript::{Told, Transcript, Trouble};
use crate::voice::audio::wav;

/// The longest transcript that is taken in one piece.
const WHOLE: usize = 32 * 1024 * 1024;

#[async_trait]
impl Listen for Model {
    async fn listen(&self, listening: Listening) -> Result<BoxStream<'static, Result<Heard, Fault>>, Fault> {
        let mut relay = self.ask(&self.form(&listening), Form::Transcript).await?;
        if is_events(&relay.content_type) {
            let hearing = Hearing { relay, events: Events::default(), told: Told::default(), over: false };
            return Ok(stream::unfold(hearing, Hearing::next).boxed());
        }
        let whole = relay.whole(WHOLE).await?;
        let transcript: Transcript = serde_json::from_slice(&whole)
            .map_err(|_| relay.nonsense("the upstream's answer is no transcript"))?;
        Ok(stream::iter(transcript.heard().into_iter().map(Ok)).boxed())
    }
}

impl Model {
    /// Our own child is sent the samples and always tells them as events. Others get the caller's file, and write
    /// events only where times are not wanted: few servers can do both.
    fn form(&self, listening: &Listening) -> Call {
        let is_child = self.0.upstreams.first().is_some_and(|upstream| upstream.server.address.is_child());
        let times = listening.times || listening.words;
        let stream = is_child || (listening.streamed && !times);
        let mut form = Fields::new(&self.0.ids);
        form.field("model", &self.0.settings.model);
        form.optional("language", listening.language.as_deref());
        form.optional("prompt", listening.prompt.as_deref());
        form.optional("temperature", listening.temperature.map(|it| it.to_string()).as_deref());
        form.field("response_format", if times { "verbose_json" } else { "json" });
        if listening.words {
            form.field("timestamp_granularities[]", "segment");
            form.field("timestamp_granularities[]", "word");
        }
        form.optional("stream", stream.then_some("true"));
        let recording = &listening.recording;
        let (content_type, parts) = if is_child {
            let file = wav::file(&recording.samples, LISTENING_RATE);
            form.finish("recording.wav", [Bytes::from(file)])
        } else {
            form.finish(&recording.name, [recording.file.clone()])
        };
        let accept = if stream { "text/event-stream" } else { "application/json" };
        Call::post("/audio/transcriptions", content_type, accept, parts)
    }
}

/// Events on their way.
struct Hearing {
    relay: Relay,
    events: Events,
    told: Told,
    over: bool,
}

impl Hearing {
    async fn next(mut self) -> Option<(Result<Heard, Fault>, Self)> {
        if self.over {
            return None;
        }
        loop {
            if let Some(heard) = self.told.heard.pop_front() {
                return Some((Ok(heard), self));
            }
            match self.more().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(fault) => {
                    self.over = true;
                    return Some((Err(fault), self));
                }
            }
        }
    }

    /// Takes the next event, or bytes for one; `false` at the end.
    async fn more(&mut self) -> Result<bool, Fault> {
        if let Some(event) = self.events.next() {
            return match self.told.take(&event) {
                Ok(()) => Ok(true),
                Err(Trouble::Nonsense) => {
                    Err(self.relay.nonsense("the upstream's transcript makes no sense"))
                }
                Err(Trouble::Error(said)) => Err(self.relay.told_off(said)),
            };
        }
        match self.relay.next().await.transpose()? {
            Some(bytes) => match self.events.push(&bytes) {
                Ok(()) => Ok(true),
                Err(_) => Err(self.relay.nonsense("the upstream's transcript makes no sense")),
            },
            None if self.told.done => Ok(false),
            None => Err(self.relay.nonsense("the upstream broke off in the middle of its answer")),
        }
    }
}
