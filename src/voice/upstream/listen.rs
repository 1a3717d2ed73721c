//! Transcription through an upstream: the recording as a form, and what was heard as JSON.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::super::{Fault, Heard, LISTENING_RATE, Listen, Listening, Segment};
use super::Model;
use super::multipart::Form;
use super::request::Call;
use super::wav;

/// The longest transcript that is taken in one piece.
const WHOLE: usize = 32 * 1024 * 1024;

#[async_trait]
impl Listen for Model {
    async fn listen(&self, listening: Listening) -> Result<BoxStream<'static, Result<Heard, Fault>>, Fault> {
        let answered = self.ask(&self.form(&listening)).await?;
        let whole = answered.body.whole(WHOLE).await.map_err(|why| self.broken_off(&why))?;
        let transcript: Transcript =
            serde_json::from_slice(&whole).map_err(|_| self.failed("its transcript is no JSON"))?;
        Ok(stream::iter(transcript.heard().into_iter().map(Ok)).boxed())
    }
}

impl Model {
    fn form(&self, listening: &Listening) -> Call {
        let mut form = Form::new(&self.0.ids);
        form.field("model", &self.0.settings.model);
        if let Some(language) = &listening.language {
            form.field("language", language);
        }
        if let Some(prompt) = &listening.prompt {
            form.field("prompt", prompt);
        }
        if let Some(temperature) = listening.temperature {
            form.field("temperature", &temperature.to_string());
        }
        form.field("response_format", if listening.times || listening.words { "verbose_json" } else { "json" });
        if listening.words {
            form.field("timestamp_granularities[]", "segment");
            form.field("timestamp_granularities[]", "word");
        }
        let recording = &listening.recording;
        let (content_type, parts) = if self.0.servers[0].address.is_child() {
            let file = [wav::header(LISTENING_RATE, recording.samples.len()), samples(&recording.samples)];
            form.finish("recording.wav", file)
        } else {
            form.finish(&recording.name, [recording.file.clone()])
        };
        Call::post("/audio/transcriptions", content_type, "application/json", parts)
    }
}

/// Samples of 16 bits.
fn samples(samples: &[f32]) -> Bytes {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of floats saturates")]
    samples.iter().flat_map(|sample| ((sample * 32_767.0) as i16).to_le_bytes()).collect::<Vec<_>>().into()
}

/// `json` and `verbose_json`.
#[derive(Deserialize)]
struct Transcript {
    text: String,
    #[serde(default)]
    segments: Vec<Segment>,
}

impl Transcript {
    fn heard(self) -> Vec<Heard> {
        if self.segments.is_empty() {
            return vec![Heard::Text(self.text)];
        }
        self.segments.into_iter().map(Heard::Segment).collect()
    }
}
