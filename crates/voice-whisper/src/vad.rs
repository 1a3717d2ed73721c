//! Where people speak. The network of Silero (MIT; the file `silero_vad_16k_sequence.onnx` of their Python package) says
//! for every 32 ms how likely it is speech; the rules that make stretches of that are theirs too. Without that file
//! everything louder than a whisper in the next room counts as speech.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rten::{Model, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use crate::RATE;

/// Samples a verdict is about, and what the network sees of those before.
const FRAME: usize = 512;
const BEFORE: usize = 64;
/// Frames a run: 16 seconds.
const FRAMES: usize = 512;
const MEMORY: usize = 128;

/// Speech begins above the first and ends below the second.
const BEGINS: f32 = 0.5;
const ENDS: f32 = 0.35;
/// Frames: shorter speech is a click (250 ms), a shorter pause belongs to speech (500 ms).
const SHORTEST_SPEECH: usize = 8;
const SHORTEST_PAUSE: usize = 16;
/// Samples that are kept around speech: 300 ms.
const MARGIN: usize = 4_800;
/// The loudness below which there is nothing to hear: −60 dB.
const SILENCE: f32 = 0.001;

/// A stretch of samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

pub enum Vad {
    Network(Box<Network>),
    Loudness,
}

pub struct Network {
    model: Model,
    input: NodeId,
    hidden: NodeId,
    cell: NodeId,
    outputs: [NodeId; 3],
    pool: Arc<ThreadPool>,
}

impl Vad {
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Loudness) };
        let model =
            Model::load_file(path).with_context(|| format!("{} can not be loaded", path.display()))?;
        let node = |name| model.node_id(name).with_context(|| format!("{} is no Silero VAD", path.display()));
        Ok(Self::Network(Box::new(Network {
            input: node("input")?,
            hidden: node("h")?,
            cell: node("c")?,
            outputs: [node("speech_probs")?, node("hn")?, node("cn")?],
            pool: Arc::new(ThreadPool::with_num_threads(1)),
            model,
        })))
    }

    /// Where somebody speaks, in order, apart from each other.
    pub fn speech(&self, samples: &[f32]) -> Result<Vec<Span>> {
        let likely = match self {
            Self::Network(network) => network.likely(samples)?,
            Self::Loudness => {
                samples.chunks(FRAME).map(|frame| f32::from(loudness(frame) > SILENCE)).collect()
            }
        };
        Ok(spans(&likely, samples.len()))
    }
}

impl Network {
    /// How likely each frame is speech.
    fn likely(&self, samples: &[f32]) -> Result<Vec<f32>> {
        let mut likely = Vec::with_capacity(samples.len() / FRAME + 1);
        let mut state = [NdTensor::<f32, 3>::zeros([1, 1, MEMORY]), NdTensor::zeros([1, 1, MEMORY])];
        for first in (0..samples.len().div_ceil(FRAME)).step_by(FRAMES) {
            let many = (samples.len().div_ceil(FRAME) - first).min(FRAMES);
            let mut frames = vec![0.0; many * (BEFORE + FRAME)];
            for (index, frame) in frames.chunks_exact_mut(BEFORE + FRAME).enumerate() {
                let at = (first + index) * FRAME;
                let seen = &samples[at.saturating_sub(BEFORE)..samples.len().min(at + FRAME)];
                let lead = if at == 0 { BEFORE } else { 0 };
                frame[lead..lead + seen.len()].copy_from_slice(seen);
            }
            let [hidden, cell] = state;
            let inputs = vec![
                (self.input, NdTensor::from_data([many, BEFORE + FRAME], frames).into()),
                (self.hidden, hidden.into()),
                (self.cell, cell.into()),
            ];
            let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
            let [heard, hidden, cell] = self.model.run_n(inputs, self.outputs, Some(options))?;
            let heard: NdTensor<f32, 1> = heard.try_into()?;
            likely.extend(heard.iter().copied());
            state = [hidden.try_into()?, cell.try_into()?];
        }
        Ok(likely)
    }
}

fn loudness(frame: &[f32]) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a frame is short")]
    let count = frame.len().max(1) as f32;
    (frame.iter().map(|sample| sample * sample).sum::<f32>() / count).sqrt()
}

/// Stretches of speech from a verdict for each frame.
fn spans(likely: &[f32], length: usize) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let (mut begun, mut quiet_since): (Option<usize>, Option<usize>) = (None, None);
    for (frame, likely) in likely.iter().chain(std::iter::repeat_n(&0.0, SHORTEST_PAUSE + 1)).enumerate() {
        match begun {
            None if *likely >= BEGINS => (begun, quiet_since) = (Some(frame), None),
            None => {}
            Some(_) if *likely >= BEGINS => quiet_since = None,
            Some(start) => {
                if *likely < ENDS {
                    quiet_since.get_or_insert(frame);
                }
                let Some(end) = quiet_since.filter(|since| frame - since >= SHORTEST_PAUSE) else { continue };
                if end - start >= SHORTEST_SPEECH {
                    push(&mut found, start * FRAME, end * FRAME, length);
                }
                (begun, quiet_since) = (None, None);
            }
        }
    }
    found
}

/// Adds a span with its margins; what touches the one before joins it.
fn push(found: &mut Vec<Span>, start: usize, end: usize, length: usize) {
    let span = Span { start: start.saturating_sub(MARGIN), end: (end + MARGIN).min(length) };
    match found.last_mut() {
        Some(last) if last.end >= span.start => last.end = span.end,
        _ => found.push(span),
    }
}

/// Seconds as samples.
pub fn samples(seconds: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive time in a recording"
    )]
    let samples = (seconds.max(0.0) * 16_000.0).round() as usize;
    samples
}

/// Samples as seconds.
pub fn seconds(samples: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 samples")]
    let seconds = samples as f64 / RATE as f64;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_are_no_speech_and_short_pauses_are() {
        let verdict = |parts: &[(usize, f32)]| -> Vec<f32> {
            parts.iter().flat_map(|(many, likely)| std::iter::repeat_n(*likely, *many)).collect()
        };
        let click = verdict(&[(50, 0.0), (5, 0.9), (50, 0.0)]);
        assert_eq!(spans(&click, 105 * FRAME), []);
        let pause = verdict(&[(50, 0.0), (20, 0.9), (10, 0.1), (20, 0.9), (50, 0.0)]);
        let span = Span { start: 50 * FRAME - MARGIN, end: 100 * FRAME + MARGIN };
        assert_eq!(spans(&pause, 150 * FRAME), [span]);
        let to_the_end = verdict(&[(1, 0.0), (30, 0.9)]);
        assert_eq!(spans(&to_the_end, 31 * FRAME), [Span { start: 0, end: 31 * FRAME }]);
    }

    #[test]
    fn without_a_network_silence_is_still_silence() {
        let mut sound = vec![0.0001; RATE];
        assert_eq!(Vad::Loudness.speech(&sound).unwrap(), []);
        sound.extend(std::iter::repeat_n(0.3, RATE));
        let spans = Vad::Loudness.speech(&sound).unwrap();
        assert_eq!(spans.len(), 1);
        assert!(spans[0].start < RATE && spans[0].end == 2 * RATE);
    }
}
