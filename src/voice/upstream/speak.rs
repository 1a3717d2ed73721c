//! Speech from an upstream: WAV or raw PCM, as its samples come.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hyper::header::HeaderValue;
use serde_json::json;

use super::super::{Fault, Speak, Speech, Utterance};
use super::Model;
use super::relay::{Form, Relay};
use super::request::Call;
use super::wav::{Header, NoWav, Samples};

/// Samples a second of raw sound that does not say it, as the protocol has it.
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
        let mut relay = self.ask(&call, Form::Sound).await?;
        let (rate, first) = match raw_rate(&relay.content_type) {
            Some(rate) => (rate, Bytes::new()),
            None => self.header(&mut relay).await?,
        };
        let sounding =
            Sounding { relay, samples: Samples::default(), first: Some(first), any: false, over: false };
        Ok(Speech { rate, chunks: stream::unfold(sounding, Sounding::next).boxed() })
    }
}

/// The rate of sound without a header, if it is that.
fn raw_rate(content_type: &str) -> Option<u32> {
    let mut parts = content_type.split(';').map(str::trim);
    let is_raw = matches!(parts.next(), Some("audio/pcm" | "audio/x-pcm" | "audio/l16"));
    let told = parts.find_map(|part| part.strip_prefix("rate=")?.parse().ok());
    is_raw.then(|| told.filter(|rate| *rate > 0).unwrap_or(PCM_RATE))
}

impl Model {
    /// Reads as far as the samples begin.
    async fn header(&self, relay: &mut Relay) -> Result<(u32, Bytes), Fault> {
        let mut header = Header::default();
        while let Some(chunk) = relay.next().await.transpose()? {
            match header.push(&chunk) {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => {}
                Err(why @ NoWav::Form { .. }) => {
                    relay.nonsense("the upstream's sound is not mono with 16 bits");
                    return Err(self.failed(&why.to_string()));
                }
                Err(NoWav::Other) => {
                    return Err(relay.nonsense("the upstream's sound is neither WAV nor PCM"));
                }
            }
        }
        Err(relay.nonsense("the upstream's sound ended before it began"))
    }
}

/// Sound on its way.
struct Sounding {
    relay: Relay,
    samples: Samples,
    /// What came with the header.
    first: Option<Bytes>,
    /// Whether there was a sample yet.
    any: bool,
    over: bool,
}

impl Sounding {
    async fn next(mut self) -> Option<(Result<Vec<i16>, Fault>, Self)> {
        while !self.over {
            let bytes = match self.first.take() {
                Some(first) => Some(Ok(first)),
                None => self.relay.next().await,
            };
            let samples = match bytes {
                Some(Ok(bytes)) => Ok(self.samples.push(&bytes)),
                Some(Err(fault)) => Err(fault),
                None if self.any => return None,
                None => Err(self.relay.nonsense("the upstream's sound is empty")),
            };
            self.over = samples.is_err();
            if samples.as_ref().is_ok_and(Vec::is_empty) {
                continue;
            }
            self.any = true;
            return Some((samples, self));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::raw_rate;

    #[test]
    fn raw_sound_tells_its_rate_or_has_the_protocols() {
        for (content_type, rate) in [
            ("audio/pcm", Some(24_000)),
            ("audio/pcm; rate=16000", Some(16_000)),
            ("audio/l16;channels=1;rate=22050", Some(22_050)),
            ("audio/pcm;rate=0", Some(24_000)),
            ("audio/wav", None),
        ] {
            assert_eq!(raw_rate(content_type), rate, "{content_type}");
        }
    }
}
