//! The stages of a voice that are computed here and not by `rten`: nearly all of the work. They are found in the voice's
//! file, and then tried: what they make of noise must be what `rten` makes of it. A voice that is built in another way,
//! in whatever respect, is so left to `rten`.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use rten::{NodeId, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use crate::decoder::{self, Decoder};
use crate::flow::{self, Flow};
use crate::graph::Graph;
use crate::inference::Inference;
use crate::rows::{Rows, Span, grown};

/// Frames of the noise, and how much of a difference is none.
const TRIAL: usize = 20;
const DIFFERENCE: f32 = 1e-3;
/// A thread is given no fewer frames than these: it also computes their neighbours.
const FEWEST: usize = 12;

pub struct Stages {
    /// The value that they begin with.
    pub begin: NodeId,
    flow: Option<Flow>,
    decoder: Decoder,
    pool: Arc<ThreadPool>,
    threads: usize,
}

impl Stages {
    pub fn find(path: &Path, inference: &Inference, threads: usize) -> Option<Self> {
        let graph = Graph::read(path).ok()?;
        let frames = inference.model.find_node(graph.input(decoder::MODULE)?)?;
        let decoder = Decoder::find(&graph)?;
        let mut stages =
            Self { begin: frames, flow: None, decoder, pool: Arc::clone(&inference.pool), threads };
        let noise = noise(stages.decoder.channels());
        let samples = inference.compute(vec![(frames, noise.view().into())], inference.output).ok()?;
        let own = stages.samples(&stages.frames(&noise), TRIAL, &(0..TRIAL.cast_signed()));
        alike(samples.data()?, &own).then_some(())?;
        if let Some((begin, flow)) = try_flow(&graph, inference, frames) {
            (stages.begin, stages.flow) = (begin, Some(flow));
        }
        Some(stages)
    }

    /// The frames of a whole sentence, with as many around them as their samples look at.
    pub fn frames(&self, values: &NdTensor<f32, 3>) -> Rows {
        let rows = rows(values);
        let span = rows.span();
        let many = span.end.unsigned_abs();
        let rows = match &self.flow {
            None => rows,
            Some(flow) => {
                let parts = self.parts(&span).into_par_iter();
                let run = || parts.map(|part| flow.frames(&rows, many, &part)).collect();
                Rows::joined(self.pool.run(run)).expect("a sentence has parts")
            }
        };
        rows.cut(&grown(&span, self.decoder.margin()))
    }

    /// The samples of these frames of a sentence of `many`.
    pub fn samples(&self, frames: &Rows, many: usize, span: &Span) -> Vec<f32> {
        let parts = self.parts(span).into_par_iter();
        let run = || parts.map(|part| self.decoder.samples(frames, many, &part)).collect::<Vec<_>>();
        self.pool.run(run).concat()
    }

    /// A stretch in as many parts as there are threads.
    fn parts(&self, span: &Span) -> Vec<Span> {
        let many = (span.end - span.start).unsigned_abs();
        let parts = (many / FEWEST).clamp(1, self.threads);
        let edge = |part: usize| span.start + (many * part / parts).cast_signed();
        (0..parts).map(|part| edge(part)..edge(part + 1)).collect()
    }
}

fn try_flow(graph: &Graph, inference: &Inference, frames: NodeId) -> Option<(NodeId, Flow)> {
    let flow = Flow::find(graph)?;
    let begin = inference.model.find_node(graph.input(flow::MODULE)?)?;
    let mask = inference.model.find_node(graph.beside(flow::MODULE, "Mul")?)?;
    let noise = noise(flow.channels());
    let everything = NdTensor::<f32, 3>::full([1, 1, TRIAL], 1.0);
    let wanted = inference
        .compute(vec![(begin, noise.view().into()), (mask, everything.view().into())], frames)
        .ok()?;
    let own = flow.frames(&rows(&noise), TRIAL, &(0..TRIAL.cast_signed()));
    alike(rows(&wanted.try_into().ok()?).values(), own.values()).then_some((begin, flow))
}

fn rows(values: &NdTensor<f32, 3>) -> Rows {
    Rows::from_channels(&values.to_vec(), values.size(1))
}

/// Numbers between -1 and 1 that have nothing to do with each other.
fn noise(channels: usize) -> NdTensor<f32, 3> {
    let mut state = 1_u32;
    let numbers = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "sixteen bits")]
        let number = (state >> 16) as f32 / 32_768.0 - 1.0;
        number
    });
    NdTensor::from_data([1, channels, TRIAL], numbers.take(channels * TRIAL).collect::<Vec<_>>())
}

fn alike(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| (one - other).abs() < DIFFERENCE)
}

#[cfg(test)]
mod tests;
