//! The model of a voice, run in two stages. A Piper voice is a VITS: everything up to the frames of the sound (a small
//! part of the work) needs the whole sentence, the last stage, which turns frames into samples, looks only a few frames
//! to either side. So the frames are made at once, and the samples piece by piece, each piece with so many neighbours
//! that not one sample differs from what the whole would give.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

/// What the exporter calls the frames that the last stage begins with.
const FRAMES: &str = "/Mul_7_output_0";
/// Frames to either side that a sample depends on: three of the first convolution, six of the dilated ones at an eighth of
/// a frame, one or two each of the three that widen, rounded up.
const REACH: usize = 16;
/// Frames of the first piece: a quarter of a second. Each further piece is three times as long, for the neighbours are
/// computed twice.
const FIRST_PIECE: usize = 24;
const LONGEST_PIECE: usize = 640;

/// How it is said.
#[derive(Clone, Copy)]
pub struct Manner {
    pub noise: f32,
    /// 1 is as the voice was taught, 2 is half as fast.
    pub length: f32,
    pub noise_of_lengths: f32,
}

pub struct Synthesis {
    model: Model,
    pool: Arc<ThreadPool>,
    input: NodeId,
    lengths: NodeId,
    scales: NodeId,
    speaker: Option<NodeId>,
    output: NodeId,
    /// `None` where the voice was exported in another way: then a sentence comes in one piece.
    frames: Option<NodeId>,
}

impl Synthesis {
    pub fn load(path: &Path, threads: usize, many_speakers: bool) -> Result<Self> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(path)?;
        let output = *model.output_ids().first().context("the model has no output")?;
        Ok(Self {
            input: model.node_id("input")?,
            lengths: model.node_id("input_lengths")?,
            scales: model.node_id("scales")?,
            speaker: if many_speakers { Some(model.node_id("sid")?) } else { None },
            frames: model.find_node(FRAMES),
            output,
            pool: Arc::new(ThreadPool::with_num_threads(threads.max(1))),
            model,
        })
    }

    /// Says one sentence; false: `give` wants no more.
    pub fn run(&self, ids: &[i32], manner: Manner, give: &mut dyn FnMut(&[i16]) -> bool) -> Result<bool> {
        let Some(frames_node) = self.frames else {
            let sound = self.first_stage(ids, manner, self.output)?;
            return Ok(give(&narrow(sound.data().context("sound in one piece")?)));
        };
        let frames: NdTensor<f32, 3> = self.first_stage(ids, manner, frames_node)?.try_into()?;
        let many = frames.size(2);
        let (mut from, mut length) = (0, FIRST_PIECE);
        while from < many {
            // A rest that is shorter than its neighbours is taken along.
            let to = if many - from < length + REACH { many } else { from + length };
            if !give(&narrow(&self.piece(frames_node, &frames, from, to)?)) {
                return Ok(false);
            }
            (from, length) = (to, (length * 3).min(LONGEST_PIECE));
        }
        Ok(true)
    }

    /// From phonemes to `wanted`.
    fn first_stage(&self, ids: &[i32], manner: Manner, wanted: NodeId) -> Result<Tensor<f32>> {
        let count = i32::try_from(ids.len()).context("a sentence")?;
        let mut inputs = vec![
            (self.input, ValueOrView::from(NdTensor::from_data([1, ids.len()], ids.to_vec()))),
            (self.lengths, NdTensor::from([count]).into()),
            (self.scales, NdTensor::from([manner.noise, manner.length, manner.noise_of_lengths]).into()),
        ];
        inputs.extend(self.speaker.map(|node| (node, NdTensor::from([0_i32]).into())));
        self.compute(inputs, wanted)
    }

    /// The samples of the frames `from..to`.
    fn piece(&self, node: NodeId, frames: &NdTensor<f32, 3>, from: usize, to: usize) -> Result<Vec<f32>> {
        let many = frames.size(2);
        let (begin, end) = (from.saturating_sub(REACH), (to + REACH).min(many));
        let part = frames.slice((.., .., begin..end)).to_tensor();
        let mut inputs = vec![(node, ValueOrView::from(part))];
        inputs.extend(self.speaker.map(|node| (node, NdTensor::from([0_i32]).into())));
        let sound = self.compute(inputs, self.output)?;
        let samples = sound.data().context("sound in one piece")?;
        let hop = samples.len() / (end - begin);
        ensure!(hop * (end - begin) == samples.len(), "the last stage gives no whole frames");
        Ok(samples[(from - begin) * hop..(to - begin) * hop].to_vec())
    }

    fn compute(&self, inputs: Vec<(NodeId, ValueOrView)>, wanted: NodeId) -> Result<Tensor<f32>> {
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let [value] = self.model.run_n(inputs, [wanted], Some(options))?;
        value.into_tensor::<f32>().context("the model gives no sound")
    }
}

fn narrow(samples: &[f32]) -> Vec<i16> {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    let narrow = |sample: &f32| (sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
    samples.iter().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs real weights: script/test --voice"]
    fn pieces_are_what_the_whole_would_be() {
        let models =
            std::env::var("AGENTPHONE_TEST_MODELS").expect("needs real weights: script/test --voice");
        let path = Path::new(&models).join("piper-joe/en_US-joe-medium.onnx");
        let synthesis = Synthesis::load(&path, 2, false).unwrap();
        let manner = Manner { noise: 0.667, length: 1.0, noise_of_lengths: 0.8 };
        let ids: Vec<i32> =
            [1, 0].into_iter().chain((0..60).flat_map(|it| [14 + it % 25, 0])).chain([2]).collect();
        let node = synthesis.frames.expect("a voice in two stages");
        let frames: NdTensor<f32, 3> = synthesis.first_stage(&ids, manner, node).unwrap().try_into().unwrap();
        let many = frames.size(2);
        let whole = synthesis.piece(node, &frames, 0, many).unwrap();
        let pieces: Vec<f32> = (0..many)
            .step_by(50)
            .flat_map(|from| synthesis.piece(node, &frames, from, (from + 50).min(many)).unwrap())
            .collect();
        assert_eq!(whole.len(), pieces.len());
        let difference =
            whole.iter().zip(&pieces).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-3, "{difference}");
    }
}
