//! Speech from an upstream: WAV or raw PCM, as its samples come.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use hyper::header::HeaderValue;
use serde_json::json;

use super::super::{Fault, Speak, Speech, Utterance};
use super::Model;
use super::answer::Answered;
use super::request::Call;
use super::wav::{Header, Samples};

/// Samples a second of `audio/pcm`, as the protocol has it.
const PCM_RATE: u32 = 24_000;

#[async_trait]
impl Speak for Model {
    async fn speak(&self, utterance: Utterance) -> Result<Speech, Fault> {
        let body = json!({
            "model": self.0.settings.model,
            "input": utterance.text,
            "voice": utterance.voice,
            "response_format": "wav",
            "speed": utterance.speed,
        });
        let json = HeaderValue::from_static("application/json");
        let call = Call::post("/audio/speech", json, "audio/wav", vec![Bytes::from(body.to_string())]);
        let mut answered = self.ask(&call).await?;
        let (rate, first) = match answered.media_type().as_str() {
            "audio/pcm" => (PCM_RATE, Bytes::new()),
            _ => self.header(&mut answered).await?,
        };
        let (model, mut samples) = (self.clone(), Samples::default());
        let chunks = stream::once(future::ready(Ok(first)))
            .chain(answered.body)
            .map(move |chunk| match chunk {
                Ok(bytes) => Ok(samples.push(&bytes)),
                Err(why) => Err(model.broken_off(&why)),
            })
            .boxed();
        Ok(Speech { rate, chunks })
    }
}

impl Model {
    /// Reads as far as the samples begin.
    async fn header(&self, answered: &mut Answered) -> Result<(u32, Bytes), Fault> {
        let mut header = Header::default();
        while let Some(chunk) = answered.body.next().await {
            let chunk = chunk.map_err(|why| self.broken_off(&why))?;
            match header.push(&chunk) {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(why) => return Err(self.failed(&why.to_string())),
            }
        }
        Err(self.failed("its sound ended before it began"))
    }
}
