//! Speech by a Piper voice.

use anyhow::Context;
use voice_piper::Voice;

use super::{Fault, Loaded, Ordered, Piece, Taker, Work};

pub(super) struct Piper {
    name: String,
    voice: Voice,
}

impl Piper {
    pub fn open(ordered: &Ordered, threads: usize) -> anyhow::Result<Self> {
        let voice = Voice::load(&ordered.path, threads).context("loading a Piper voice")?;
        Ok(Self { name: ordered.name.clone(), voice })
    }
}

impl Loaded for Piper {
    fn work(&self, work: Work, taker: &Taker) -> Result<f64, Fault> {
        let Work::Speak(utterance) = work else { return Err(super::other_task(&self.name)) };
        if taker.give(Piece::Rate(self.voice.rate())).is_err() {
            return Ok(0.0);
        }
        let mut samples = 0;
        let mut give = |sound: &[i16]| {
            samples += sound.len();
            taker.give(Piece::Samples(sound.to_vec())).is_ok()
        };
        let spoken = self.voice.speak(&utterance.text, utterance.speed, &mut give);
        spoken.map_err(|error| Fault::Failed { message: format!("{}: {error:#}", self.name) })?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 samples")]
        let seconds = samples as f64 / f64::from(self.voice.rate());
        Ok(seconds)
    }
}
