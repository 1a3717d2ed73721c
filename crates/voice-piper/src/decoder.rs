//! The last stage of a voice, which turns frames into samples: a HiFi-GAN generator. Each of its levels widens the sound in
//! time (a transposed convolution) and then adds up what a few residual blocks, with kernels of different sizes, make of
//! it. Asked for a stretch of samples it computes just what they depend on, level by level from the last to the first:
//! so a piece costs little more than its share of the whole, and is the same.

mod residual;
mod sound;
mod widening;

use crate::convolution::{Convolution, Finish};
use crate::graph::Graph;
use crate::rows::{Rows, Span, grown, inside};
use residual::{Block, Sound};
use sound::Last;
use widening::Widening;

/// The path of the stage in a voice.
pub const MODULE: &str = "/dec/";

/// Numbers that a level computes at a time: a few times as many stay in the cache. But at least so many times as many
/// moments as it looks to the side, which it does anew each time.
const PART: usize = 1 << 16;
const SHARE: usize = 10;

pub struct Decoder {
    channels: usize,
    first: Convolution,
    levels: Vec<Level>,
    last: Last,
    slope: f32,
    last_slope: f32,
}

struct Level {
    widening: Widening,
    blocks: Vec<Block>,
    /// Moments for each frame.
    moments: usize,
}

impl Decoder {
    /// `None`: the stage of this voice is built otherwise.
    pub fn find(graph: &Graph) -> Option<Self> {
        let slopes = graph.slopes(MODULE);
        let (last_slope, slopes) = slopes.split_last()?;
        let slope = *slopes.first()?;
        let usual = slopes.iter().all(|it| it.to_bits() == slope.to_bits()) && (0.0..1.0).contains(&slope);
        let layers = graph.layers(MODULE)?;
        let (first, layers) = layers.split_first()?;
        let (last, layers) = layers.split_last()?;
        let (mut levels, mut moments, mut share) = (Vec::new(), 1, 1.0);
        let mut channels = first.outputs;
        for layers in layers.chunk_by(|_, next| !next.transposed) {
            let (widening, layers) = layers.split_first()?;
            moments *= widening.stride;
            let blocks =
                layers.chunk_by(|one, next| one.taps == next.taps).map(|it| Block::new(it, widening.outputs));
            let blocks = blocks.collect::<Option<Vec<_>>>()?;
            (widening.inputs == channels && !blocks.is_empty()).then_some(())?;
            channels = widening.outputs;
            levels.push(Level { widening: Widening::new(widening, share)?, blocks, moments });
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let many = levels.last().map_or(1.0, |it| it.blocks.len() as f32);
            share = 1.0 / many;
        }
        let fits = usual && first.is_centred() && last.inputs == channels && (0.0..1.0).contains(last_slope);
        let inputs = first.inputs;
        let first = Convolution::from_layer(first);
        let last = Last::new(last, share)?;
        fits.then_some(Self { channels: inputs, first, levels, last, slope, last_slope: *last_slope })
    }

    /// Samples for each frame.
    pub fn hop(&self) -> usize {
        self.levels.last().map_or(1, |level| level.moments)
    }

    /// The samples of a stretch of a sound of `many` frames. The frames stick out of the sound by what
    /// [`margin`](Self::margin) says.
    pub fn samples(&self, frames: &Rows, many: usize, span: &Span) -> Vec<f32> {
        let hop = self.hop().cast_signed();
        let span = span.start * hop..span.end * hop;
        let rows = self.level(self.levels.len(), frames, many, &grown(&span, self.last.taps / 2));
        self.last.run(&rows, &span)
    }

    /// Numbers that make a frame.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames around the sound that are looked at.
    pub fn margin(&self) -> usize {
        self.first.taps.reach()
    }

    /// What the first `number` levels give, past the leaky `ReLU` that follows.
    fn level(&self, number: usize, frames: &Rows, many: usize, span: &Span) -> Rows {
        let Some(before) = number.checked_sub(1) else {
            let mut rows = Rows::over(span, self.first.outputs);
            let leaky = Some((&mut rows, self.slope));
            self.first.run(frames, &inside(span, many), Finish { leaky, ..Finish::default() });
            return rows;
        };
        let level = &self.levels[before];
        let slope = if number == self.levels.len() { self.last_slope } else { self.slope };
        let input = self.level(before, frames, many, &level.widening.taps(&grown(span, level.reach())));
        let sound = Sound { end: many * level.moments, slope: self.slope };
        let mut rows = Rows::over(span, level.widening.outputs);
        let length = (PART / level.widening.outputs).max(level.reach() * SHARE);
        for start in span.clone().step_by(length) {
            let part = start..span.end.min(start + length.cast_signed());
            level.run(&input, &part, sound, (&mut rows, slope));
        }
        rows
    }
}

impl Level {
    fn reach(&self) -> usize {
        self.blocks.iter().map(Block::reach).max().unwrap_or(0)
    }

    /// The moments of `span`, past a leaky `ReLU` that is not always that of the level.
    fn run(&self, input: &Rows, span: &Span, sound: Sound, leaky: (&mut Rows, f32)) {
        let (plain, active) = self.widening.run(input, &grown(span, self.reach()), sound);
        let (last, blocks) = self.blocks.split_last().expect("a level has blocks");
        let mut sum = None;
        for block in blocks {
            let mut next = Rows::over(span, plain.width());
            let finish = Finish { add: [sum.as_ref(), None], plain: Some(&mut next), leaky: None };
            block.run((&plain, &active), span, sound, finish);
            sum = Some(next);
        }
        let finish = Finish { add: [sum.as_ref(), None], plain: None, leaky: Some(leaky) };
        last.run((&plain, &active), span, sound, finish);
    }
}
