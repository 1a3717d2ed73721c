//! The model of a voice, run in two steps. A Piper voice is a VITS: everything up to the frames of the sound (a small
//! part of the work) needs the whole sentence, the last stage, which turns frames into samples, looks only a few frames
//! to either side. So the frames are made at once, and the samples piece by piece, each piece with so many neighbours
//! that not one sample differs from what the whole would give. The last stages are our own ([`crate::stages`]) where the
//! voice is built as they expect, and `rten`'s where it is not.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rten::{NodeId, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use crate::inference::Inference;
use crate::stages::Stages;

/// What the exporter calls the frames that the last stage begins with.
const FRAMES: &str = "/Mul_7_output_0";
/// Frames to either side that a sample depends on: three of the first convolution, six of the dilated ones at an eighth of
/// a frame, one or two each of the three that widen, rounded up.
const REACH: usize = 16;
/// Frames of the first piece: less than half a second. Each further piece is some times as long, for the neighbours are
/// computed twice.
const FIRST_PIECE: usize = 36;
const LONGER: usize = 6;
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
    inference: Inference,
    input: NodeId,
    lengths: NodeId,
    scales: NodeId,
    speaker: Option<NodeId>,
    last: Last,
}

/// Who turns frames into samples.
enum Last {
    Own(Box<Stages>),
    /// The value that is the frames.
    Rten(NodeId),
    /// The voice was exported in another way: a sentence comes in one piece.
    Whole,
}

impl Synthesis {
    pub fn load(path: &Path, threads: usize, many_speakers: bool) -> Result<Self> {
        let threads = threads.max(1);
        let inference = Inference::load(path, threads)?;
        let model = &inference.model;
        Ok(Self {
            input: model.node_id("input")?,
            lengths: model.node_id("input_lengths")?,
            scales: model.node_id("scales")?,
            speaker: if many_speakers { Some(model.node_id("sid")?) } else { None },
            last: match (Stages::find(path, &inference, threads), model.find_node(FRAMES)) {
                (Some(stages), _) => Last::Own(Box::new(stages)),
                (None, Some(frames)) => Last::Rten(frames),
                (None, None) => Last::Whole,
            },
            inference,
        })
    }

    /// Says one sentence; false: `give` wants no more.
    pub fn run(&self, ids: &[i32], manner: Manner, give: &mut dyn FnMut(&[i16]) -> bool) -> Result<bool> {
        match &self.last {
            Last::Own(stages) => {
                let values: NdTensor<f32, 3> = self.first_stage(ids, manner, stages.begin)?.try_into()?;
                let (many, frames) = (values.size(2), stages.frames(&values));
                pieces(many, &mut |from, to| {
                    Ok(give(&narrow(&stages.samples(&frames, many, &(from.cast_signed()..to.cast_signed())))))
                })
            }
            Last::Rten(node) => {
                let frames: NdTensor<f32, 3> = self.first_stage(ids, manner, *node)?.try_into()?;
                pieces(frames.size(2), &mut |from, to| {
                    Ok(give(&narrow(&self.piece(*node, &frames, from, to)?)))
                })
            }
            Last::Whole => {
                let sound = self.first_stage(ids, manner, self.inference.output)?;
                Ok(give(&narrow(sound.data().context("sound in one piece")?)))
            }
        }
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
        self.inference.compute(inputs, wanted)
    }

    /// The samples of the frames `from..to`, from `rten`.
    fn piece(&self, node: NodeId, frames: &NdTensor<f32, 3>, from: usize, to: usize) -> Result<Vec<f32>> {
        let many = frames.size(2);
        let (begin, end) = (from.saturating_sub(REACH), (to + REACH).min(many));
        let part = frames.slice((.., .., begin..end)).to_tensor();
        let mut inputs = vec![(node, ValueOrView::from(part))];
        inputs.extend(self.speaker.map(|node| (node, NdTensor::from([0_i32]).into())));
        let sound = self.inference.compute(inputs, self.inference.output)?;
        let samples = sound.data().context("sound in one piece")?;
        let hop = samples.len() / (end - begin);
        ensure!(hop * (end - begin) == samples.len(), "the last stage gives no whole frames");
        Ok(samples[(from - begin) * hop..(to - begin) * hop].to_vec())
    }
}

/// Goes through `many` frames piece by piece, until `give` wants no more: then false.
fn pieces(many: usize, give: &mut dyn FnMut(usize, usize) -> Result<bool>) -> Result<bool> {
    let (mut from, mut length) = (0, FIRST_PIECE);
    while from < many {
        // A rest that is shorter than its neighbours is taken along.
        let to = if many - from < length + REACH { many } else { from + length };
        if !give(from, to)? {
            return Ok(false);
        }
        (from, length) = (to, (length * LONGER).min(LONGEST_PIECE));
    }
    Ok(true)
}

fn narrow(samples: &[f32]) -> Vec<i16> {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    let narrow = |sample: &f32| (sample * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16;
    samples.iter().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synthesis() -> Synthesis {
        let models =
            std::env::var("AGENTPHONE_TEST_MODELS").expect("needs real weights: script/test --voice");
        Synthesis::load(&Path::new(&models).join("piper-joe/en_US-joe-medium.onnx"), 2, false).unwrap()
    }

    fn ids() -> Vec<i32> {
        [1, 0].into_iter().chain((0..60).flat_map(|it| [14 + it % 25, 0])).chain([2]).collect()
    }

    #[test]
    #[ignore = "needs real weights: script/test --voice"]
    fn pieces_of_rten_are_what_the_whole_would_be() {
        let synthesis = synthesis();
        let manner = Manner { noise: 0.667, length: 1.0, noise_of_lengths: 0.8 };
        let ids = ids();
        let node = synthesis.inference.model.find_node(FRAMES).expect("a voice in two stages");
        let frames: NdTensor<f32, 3> = synthesis.first_stage(&ids, manner, node).unwrap().try_into().unwrap();
        let many = frames.size(2);
        let whole = synthesis.piece(node, &frames, 0, many).unwrap();
        let pieces: Vec<f32> = (0..many)
            .step_by(50)
            .flat_map(|from| synthesis.piece(node, &frames, from, (from + 50).min(many)).unwrap())
            .collect();
        assert_eq!(whole.len(), pieces.len());
        assert_close(&whole, &pieces);
    }

    #[test]
    #[ignore = "needs real weights: script/test --voice"]
    fn our_own_stages_give_what_rten_gives() {
        let synthesis = synthesis();
        let Last::Own(stages) = &synthesis.last else { panic!("a usual voice") };
        let manner = Manner { noise: 0.667, length: 1.0, noise_of_lengths: 0.8 };
        let values: NdTensor<f32, 3> =
            synthesis.first_stage(&ids(), manner, stages.begin).unwrap().try_into().unwrap();
        let many = values.size(2);
        let mask = NdTensor::<f32, 3>::full([1, 1, many], 1.0);
        let inference = &synthesis.inference;
        let inputs = vec![
            (stages.begin, values.view().into()),
            (inference.model.node_id("/Cast_2_output_0").unwrap(), mask.view().into()),
        ];
        let theirs = inference.compute(inputs, inference.output).unwrap().to_vec();
        let frames = stages.frames(&values);
        assert_close(&theirs, &stages.samples(&frames, many, &(0..many.cast_signed())));
        let mut pieced = Vec::new();
        let give = &mut |from: usize, to: usize| {
            pieced.extend(stages.samples(&frames, many, &(from.cast_signed()..to.cast_signed())));
            Ok(true)
        };
        assert!(pieces(many, give).unwrap());
        assert_close(&theirs, &pieced);
    }

    fn assert_close(one: &[f32], other: &[f32]) {
        assert_eq!(one.len(), other.len());
        let far = one.iter().zip(other).map(|(one, other)| (one - other).abs());
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let mean = far.clone().sum::<f32>() / one.len() as f32;
        let most = far.fold(0.0, f32::max);
        println!("of {} samples the mean difference is {mean:.2e}, the greatest {most:.2e}", one.len());
        assert!(most < 1e-3 && mean < 1e-5, "{most} {mean}");
    }
}
