//! Sound on its way from an engine to a caller: encoded chunk by chunk, off the async threads where it costs anything.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::measure::Measure;
use crate::error::Error;
use crate::voice::audio::{self, Encode, Format};
use crate::voice::{Fault, Speech};

/// A speech that is being sent.
pub struct Sound {
    speech: Speech,
    format: Format,
    /// Gone when the last bytes are made.
    encoder: Option<Box<dyn Encode>>,
    /// How many samples were spoken.
    samples: u64,
    measure: Measure,
}

impl Sound {
    /// `speech` in `format`.
    pub fn new(speech: Speech, format: Format, measure: Measure) -> Result<Self, Error> {
        let encoder = audio::encoder(format, speech.rate);
        let encoder = encoder.map_err(|error| Fault::Failed { message: error.to_string() })?;
        Ok(Self { speech, format, encoder: Some(encoder), samples: 0, measure })
    }

    /// The length of what was spoken.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.samples * 1_000_000 / u64::from(self.speech.rate))
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Fault>> {
        loop {
            let encoder = self.encoder.take()?;
            let made = match self.speech.chunks.next().await {
                Some(Ok(samples)) => {
                    self.samples += samples.len() as u64;
                    self.measure.heard(self.length());
                    let (encoder, bytes) = encode(self.format, encoder, move |it| it.push(&samples)).await;
                    self.encoder = encoder;
                    bytes
                }
                Some(Err(fault)) => Err(fault),
                None if self.samples == 0 => {
                    Err(Fault::Failed { message: "The engine said nothing".to_owned() })
                }
                None => encode(self.format, encoder, |it| it.finish()).await.1,
            };
            match made {
                Ok(bytes) if bytes.is_empty() => {}
                made => return Some(made),
            }
        }
    }
}

/// Writing samples down as they are is no work; everything else is done elsewhere.
async fn encode(
    format: Format,
    mut encoder: Box<dyn Encode>,
    work: impl FnOnce(&mut dyn Encode) -> Vec<u8> + Send + 'static,
) -> (Option<Box<dyn Encode>>, Result<Bytes, Fault>) {
    if format == Format::Wav {
        let bytes = work(&mut *encoder);
        return (Some(encoder), Ok(bytes.into()));
    }
    let elsewhere = tokio::task::spawn_blocking(move || {
        let bytes = work(&mut *encoder);
        (encoder, bytes)
    });
    match elsewhere.await {
        Ok((encoder, bytes)) => (Some(encoder), Ok(bytes.into())),
        Err(_) => (None, Err(Fault::Failed { message: "The sound could not be encoded".to_owned() })),
    }
}
