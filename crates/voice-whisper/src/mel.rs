//! The picture Whisper looks at: the energy in bands of the Slaney mel scale, every 10 ms over 25 ms, as a logarithm.
//! Numbers as published with the model: Hann window of 400 samples, hop of 160, log10 floored at 10^-10 and at eight below
//! the loudest, then (x + 4) / 4.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex};

use crate::RATE;

const WINDOW: usize = 400;
/// Samples a frame.
pub const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;

pub struct Mel {
    bands: Vec<Band>,
    hann: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
}

/// One triangle over the bins of a spectrum.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Mel {
    pub fn new(bands: usize) -> Self {
        let hann = (0..WINDOW)
            .map(|index| 0.5 - 0.5 * (std::f32::consts::TAU * as_f32(index) / as_f32(WINDOW)).cos())
            .collect();
        Self { bands: triangles(bands), hann, fft: RealFftPlanner::new().plan_fft_forward(WINDOW) }
    }

    /// The picture of `frames` frames, band by band; where the samples end there is silence.
    pub fn picture(&self, samples: &[f32], frames: usize) -> Vec<f32> {
        let mut picture = vec![0.0; self.bands.len() * frames];
        let (mut piece, mut spectrum) = (self.fft.make_input_vec(), self.fft.make_output_vec());
        let mut scratch = self.fft.make_scratch_vec();
        let mut powers = [0.0; BINS];
        let mut loudest = f32::MIN;
        for frame in 0..frames {
            self.piece(samples, frame, &mut piece);
            self.fft
                .process_with_scratch(&mut piece, &mut spectrum, &mut scratch)
                .expect("the lengths it made");
            for (power, value) in powers.iter_mut().zip(&spectrum) {
                *power = value.norm_sqr();
            }
            for (index, band) in self.bands.iter().enumerate() {
                let energy: f32 = band
                    .weights
                    .iter()
                    .zip(&powers[band.first..])
                    .map(|(weight, power)| weight * power)
                    .sum();
                let level = energy.max(1e-10).log10();
                loudest = loudest.max(level);
                picture[index * frames + frame] = level;
            }
        }
        for level in &mut picture {
            *level = (level.max(loudest - 8.0) + 4.0) / 4.0;
        }
        picture
    }

    /// The samples around the middle of a frame, faded in and out; mirrored at the beginning.
    fn piece(&self, samples: &[f32], frame: usize, piece: &mut [f32]) {
        let begin = frame * HOP;
        for (index, (value, fade)) in piece.iter_mut().zip(&self.hann).enumerate() {
            let at = (begin + index).abs_diff(WINDOW / 2);
            *value = samples.get(at).copied().unwrap_or(0.0) * fade;
        }
    }
}

/// The triangles of the Slaney mel scale, each of the same area.
fn triangles(bands: usize) -> Vec<Band> {
    let top = hertz_to_mel(as_f32(RATE) / 2.0);
    let edge = |index: usize| mel_to_hertz(top * as_f32(index) / as_f32(bands + 1));
    (0..bands)
        .map(|band| {
            let (low, middle, high) = (edge(band), edge(band + 1), edge(band + 2));
            let weight = |bin: usize| {
                let hertz = as_f32(bin * RATE) / as_f32(WINDOW);
                let slope = ((hertz - low) / (middle - low)).min((high - hertz) / (high - middle));
                slope.max(0.0) * 2.0 / (high - low)
            };
            let all: Vec<f32> = (0..BINS).map(weight).collect();
            let first = all.iter().position(|weight| *weight > 0.0).unwrap_or(0);
            let end = all.iter().rposition(|weight| *weight > 0.0).map_or(first, |last| last + 1);
            Band { first, weights: all[first..end].to_vec() }
        })
        .collect()
}

/// Linear to 1 kHz (15 mel), then 27 mel for each factor of 6.4.
fn hertz_to_mel(hertz: f32) -> f32 {
    if hertz < 1000.0 { hertz * 3.0 / 200.0 } else { 15.0 + (hertz / 1000.0).ln() * 27.0 / 6.4_f32.ln() }
}

fn mel_to_hertz(mel: f32) -> f32 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f32.ln() / 27.0).exp() }
}

fn as_f32(number: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "numbers of samples a window")]
    let number = number as f32;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_stands_in_its_band() {
        let mel = Mel::new(80);
        let tone = |hertz: f32| -> Vec<f32> {
            (0..RATE)
                .map(|index| (std::f32::consts::TAU * hertz * as_f32(index) / as_f32(RATE)).sin())
                .collect()
        };
        let loudest = |hertz: f32| {
            let picture = mel.picture(&tone(hertz), 100);
            let level = |band: &usize| picture[band * 100 + 50];
            (0..80).max_by(|one, other| level(one).total_cmp(&level(other))).unwrap()
        };
        // The scale has 45.25 mel to 8 kHz, cut in 81 steps: 440 Hz is 6.6 mel, 3 kHz is 30.98.
        assert_eq!((loudest(440.0), loudest(3_000.0)), (11, 54));
    }

    #[test]
    fn silence_is_flat_and_what_is_beyond_the_end_is_silence() {
        let mel = Mel::new(80);
        let picture = mel.picture(&[0.0; 1_600], 20);
        assert!(picture.iter().all(|level| (level - -1.5).abs() < 1e-6));
    }

    #[test]
    fn every_band_hears_something() {
        for bands in [80, 128] {
            assert!(triangles(bands).iter().all(|band| band.weights.iter().sum::<f32>() > 0.0), "{bands}");
        }
    }
}
