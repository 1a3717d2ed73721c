//! One window, heard: the model reads its picture, the reading is judged, and read again with more freedom where it can
//! not be right. The encoder gets a picture as long as the window and two seconds of silence, not the 30 seconds it was taught
//! with: that is most of the work saved for a short recording. It was not taught so, however: a reading that can not be
//! right is first read again from the full picture.

use anyhow::{Context, Result};
use ct2rs::sys::{Device, StorageView, Whisper, WhisperOptions};

use crate::RATE;
use crate::mel::{HOP, Mel};
use crate::quality::{self, Reading, compression_ratio};
use crate::tokens::Tokens;
use crate::vad::seconds;

/// Frames of the picture the model was taught with.
const FULL: usize = 3_000;
/// Frames of silence after a window, and of the shortest picture.
const SILENCE: usize = 200;
const SHORTEST: usize = 300;
/// The mean log-probability below which a reading of a short picture is not trusted. Those of clear speech lie above −0.35;
/// those that had words wrong which the full picture has right lay below −0.42.
const UNSURE: f32 = -0.4;
/// Windows longer than this get the full picture: little would be saved.
const LONGEST_SHORT: usize = 27 * RATE;
/// Beams of the likeliest reading, and readings that are tried by chance (published with the model).
const BEAMS: usize = 5;
const CHANCES: usize = 5;
/// The temperatures that are tried one after the other (published with the model).
const TEMPERATURES: [f32; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
/// Tokens of a prompt and a reading together.
const MOST_TOKENS: usize = 448;

/// What hears.
pub struct Ear<'a> {
    pub model: &'a Whisper,
    pub tokens: &'a Tokens,
    pub mel: &'a Mel,
}

/// A window and what the encoder made of it.
pub struct Window<'a> {
    samples: &'a [f32],
    pub encoded: StorageView<'static>,
    full: bool,
}

/// The tokens a reading begins with.
pub struct Prompt {
    /// What was said before this window; helps with names, and with where sentences begin and end.
    pub before: Vec<u32>,
    /// What the model is to do, and in which language.
    pub task: Vec<u32>,
    /// The token that marks what was said before.
    pub mark: u32,
}

impl Prompt {
    fn tokens(&self) -> Vec<u32> {
        let mark = (!self.before.is_empty()).then_some(self.mark);
        mark.into_iter().chain(self.before.iter().copied()).chain(self.task.iter().copied()).collect()
    }

    /// Forgets what was said before; false if there was nothing to forget.
    fn forget(&mut self) -> bool {
        !std::mem::take(&mut self.before).is_empty()
    }
}

impl Window<'_> {
    pub fn seconds(&self) -> f64 {
        seconds(self.samples.len())
    }
}

impl Ear<'_> {
    pub fn window<'s>(&self, samples: &'s [f32]) -> Result<Window<'s>> {
        let full = samples.len() > LONGEST_SHORT;
        Ok(Window { samples, encoded: self.encode(samples, full)?, full })
    }

    fn encode(&self, samples: &[f32], full: bool) -> Result<StorageView<'static>> {
        let bands = self.model.n_mels();
        let frames = if full { FULL } else { frames(samples.len(), bands) };
        let mut picture = self.mel.picture(samples, frames);
        let view = StorageView::new(&[1, bands, frames], &mut picture, Device::CPU)?;
        self.model.encode(&view, false)
    }

    /// The most credible reading of a window.
    pub fn read(&self, window: &mut Window<'_>, mut prompt: Prompt, temperature: f32) -> Result<Reading> {
        let seconds = window.seconds();
        let mut best: Option<Reading> = None;
        let from = TEMPERATURES.into_iter().filter(|next| *next > temperature);
        for temperature in std::iter::once(temperature).chain(from) {
            let mut reading = self.attempt(window, &prompt.tokens(), temperature)?;
            while !reading.is_silence() && !can_be_trusted(&reading, seconds) {
                // What was said before makes it repeat that, now and then.
                let is_led_astray = !reading.is_credible(seconds) && prompt.forget();
                if !self.look_again(window)? && !is_led_astray {
                    break;
                }
                reading = self.attempt(window, &prompt.tokens(), temperature)?;
            }
            if reading.is_credible(seconds) || reading.is_silence() {
                return Ok(reading);
            }
            if best.as_ref().is_none_or(|best| reading.is_better_than(best, seconds)) {
                best = Some(reading);
            }
        }
        best.context("at least one attempt")
    }

    /// Encodes the window in the full picture; false where it was.
    pub fn look_again(&self, window: &mut Window<'_>) -> Result<bool> {
        if window.full {
            return Ok(false);
        }
        window.encoded = self.encode(window.samples, true)?;
        window.full = true;
        Ok(true)
    }

    fn attempt(&self, window: &Window<'_>, prompt: &[u32], temperature: f32) -> Result<Reading> {
        let by_chance = temperature > 0.0;
        // The model ends a text after half of these, or when they are full. One token too many tells that it was ended.
        let most = quality::most_tokens(window.seconds()) + 1;
        let options = WhisperOptions {
            beam_size: if by_chance { 1 } else { BEAMS },
            num_hypotheses: if by_chance { CHANCES } else { 1 },
            sampling_topk: usize::from(!by_chance),
            sampling_temperature: if by_chance { temperature } else { 1.0 },
            max_length: MOST_TOKENS.min((2 * most).max(most + prompt.len())),
            return_scores: true,
            return_no_speech_prob: true,
            ..WhisperOptions::default()
        };
        let names: Result<Vec<String>> = prompt.iter().map(|token| self.tokens.name(*token)).collect();
        let result = self.model.generate(&window.encoded, &[names?], &options)?;
        let result = result.first().context("the model gives no reading")?;
        let ids = result.sequences_ids.first().context("the model gives no reading")?;
        let tokens = ids.iter().map(|id| u32::try_from(*id)).collect::<Result<Vec<u32>, _>>()?;
        let text = self.tokens.text(&tokens)?;
        // The score is the mean without the token that ends the text.
        #[expect(clippy::cast_precision_loss, reason = "at most 448")]
        let length = tokens.len() as f32;
        let score = result.scores.first().copied().unwrap_or(f32::MIN);
        Ok(Reading {
            compression_ratio: compression_ratio(text.trim()),
            avg_logprob: score * length / (length + 1.0),
            no_speech_prob: result.no_speech_prob,
            temperature,
            tokens,
            text,
        })
    }
}

/// Whether a reading of a short picture will do. A window stands where somebody speaks: no text is not to be trusted.
fn can_be_trusted(reading: &Reading, seconds: f64) -> bool {
    reading.is_credible(seconds)
        && reading.avg_logprob >= UNSURE
        && reading.text.chars().any(char::is_alphanumeric)
}

/// Frames of the picture of so many samples. `CTranslate2` takes an encoded picture for a raw one if it is as long as a raw
/// one has bands.
fn frames(samples: usize, bands: usize) -> usize {
    let frames = (samples.div_ceil(HOP) + SILENCE).clamp(SHORTEST, FULL).next_multiple_of(4);
    if frames / 2 == bands { frames + 4 } else { frames }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_never_as_long_as_it_has_bands() {
        for samples in (0..30 * RATE).step_by(80) {
            for bands in [80, 128, 160] {
                let frames = frames(samples, bands);
                assert!(frames <= FULL && frames * HOP >= samples.min(FULL * HOP), "{samples}");
                assert!(frames.div_ceil(2) != bands, "{samples}");
            }
        }
    }
}
