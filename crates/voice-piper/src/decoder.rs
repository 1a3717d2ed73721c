//! The last stage of a voice, which turns frames into samples: a HiFi-GAN generator. Each of its levels widens the sound in
//! time (a transposed convolution) and then adds up what a few residual blocks, with kernels of different sizes, make of
//! it. Asked for a stretch of samples it computes just what they depend on, level by level from the last to the first:
//! so a piece costs little more than its share of the whole, and is the same to the last bit.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Tanh;

use crate::convolution::{Convolution, Finish, Taps};
use crate::graph::{Graph, Layer};
use crate::rows::{Rows, Span, grown, inside, padded};

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

/// A sound and what convolutions make of it, added up; again, with other convolutions; and so on.
struct Block {
    steps: Vec<Vec<Convolution>>,
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

    /// What the first `number` levels give, past the leaky ReLU that follows.
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
        let mut rows = Rows::over(span, level.widening.outputs);
        let length = (PART / level.widening.outputs).max(level.reach() * SHARE);
        for start in span.clone().step_by(length) {
            let part = start..span.end.min(start + length.cast_signed());
            level.run(&input, &part, many * level.moments, self.slope, (&mut rows, slope));
        }
        rows
    }
}

impl Level {
    fn reach(&self) -> usize {
        self.blocks.iter().map(Block::reach).max().unwrap_or(0)
    }

    /// The moments of `span` in a level that has `end` of them.
    fn run(&self, input: &Rows, span: &Span, end: usize, slope: f32, leaky: (&mut Rows, f32)) {
        let (plain, active) = self.widening.run(input, &grown(span, self.reach()), end, slope);
        let (last, blocks) = self.blocks.split_last().expect("a level has blocks");
        let mut sum = None;
        for block in blocks {
            let mut next = Rows::over(span, plain.width());
            let finish = Finish { add: [sum.as_ref(), None], plain: Some(&mut next), leaky: None };
            block.run((&plain, &active), span, end, slope, finish);
            sum = Some(next);
        }
        let finish = Finish { add: [sum.as_ref(), None], plain: None, leaky: Some(leaky) };
        last.run((&plain, &active), span, end, slope, finish);
    }
}

impl Block {
    /// Two convolutions are two steps; of more, each two are a step.
    fn new(layers: &[Layer], channels: usize) -> Option<Self> {
        let fits = |it: &Layer| it.is_centred() && it.inputs == channels && it.outputs == channels;
        layers.iter().all(fits).then_some(())?;
        let together = if layers.len() > 2 { 2 } else { 1 };
        let steps = layers.chunks(together).map(|it| it.iter().map(Convolution::from_layer).collect());
        Some(Self { steps: steps.collect() })
    }

    fn reach(&self) -> usize {
        self.steps.iter().flatten().map(|it| it.taps.reach()).sum()
    }

    /// `finish` says what to do with the outcome; its second addend is taken here.
    fn run(&self, (plain, leaky): (&Rows, &Rows), span: &Span, end: usize, slope: f32, finish: Finish) {
        let mut wide = self.reach();
        let mut own: Option<(Rows, Rows)> = None;
        let mut finish = Some(finish);
        for (number, step) in self.steps.iter().enumerate() {
            let (before, mut active) = own.as_ref().map_or((plain, leaky), |(plain, leaky)| (plain, leaky));
            let (last, inner) = step.split_last().expect("a step has convolutions");
            let mut between = None;
            for convolution in inner {
                wide -= convolution.taps.reach();
                let span = grown(span, wide);
                let mut rows = Rows::over(&span, convolution.outputs);
                let leaky = Some((&mut rows, slope));
                convolution.run(
                    between.as_ref().unwrap_or(active),
                    &inside(&span, end),
                    Finish { leaky, ..Finish::default() },
                );
                between = Some(rows);
            }
            active = between.as_ref().unwrap_or(active);
            wide -= last.taps.reach();
            let span = grown(span, wide);
            let within = inside(&span, end);
            if number + 1 == self.steps.len() {
                let mut finish = finish.take().expect("the last step comes once");
                finish.add[1] = Some(before);
                last.run(active, &within, finish);
            } else {
                let mut next = (Rows::over(&span, last.outputs), Rows::over(&span, last.outputs));
                let finish = Finish {
                    add: [Some(before), None],
                    plain: Some(&mut next.0),
                    leaky: Some((&mut next.1, slope)),
                };
                last.run(active, &within, finish);
                own = Some(next);
            }
        }
    }
}

/// A transposed convolution. Of the moments that come out for one that goes in, each is a convolution of its own; those
/// that look at the same moments are computed together.
struct Widening {
    stride: usize,
    outputs: usize,
    parts: Vec<Convolution>,
}

impl Widening {
    /// All weights times `share`.
    fn new(layer: &Layer, share: f32) -> Option<Self> {
        let Layer { inputs, outputs, taps, stride, padding, .. } = *layer;
        let fits = layer.transposed && layer.dilation == 1 && taps >= stride && taps - stride == 2 * padding;
        fits.then_some(())?;
        // The tap that a phase uses of a moment so far away.
        let tap = |phase: usize, away: isize| -> Option<usize> {
            let tap = (phase + padding).cast_signed() - away * stride.cast_signed();
            usize::try_from(tap).ok().filter(|tap| *tap < taps)
        };
        let far = taps.div_ceil(stride).cast_signed();
        let seen = |phase: usize| {
            let used = (-far..=far).filter(move |away| tap(phase, *away).is_some());
            (used.clone().min(), used.max())
        };
        let phases: Vec<usize> = (0..stride).collect();
        let parts = phases.chunk_by(|one, next| seen(*one) == seen(*next)).map(|phases| {
            let (Some(first), Some(last)) = seen(phases[0]) else { return None };
            let wide = padded(outputs);
            let seen = Taps { count: (last - first + 1).cast_unsigned(), first, apart: 1 };
            let bias: Vec<f32> = (0..phases.len() * wide)
                .map(|it| layer.bias.get(it % wide).copied().unwrap_or(0.0))
                .collect();
            let part = Convolution::new((inputs, bias.len()), seen, &bias, |output, input, number| {
                let tap = tap(phases[output / wide], first + number.cast_signed());
                let weight =
                    |tap| if output % wide < outputs { layer.weight(output % wide, input, tap) } else { 0.0 };
                tap.map_or(0.0, weight) * share
            });
            Some(part.at_column(phases[0] * wide))
        });
        Some(Self { stride, outputs: padded(outputs), parts: parts.collect::<Option<_>>()? })
    }

    /// The moments that go in, for those that come out.
    fn groups(&self, span: &Span) -> Span {
        let stride = self.stride.cast_signed();
        span.start.div_euclid(stride)..-(-span.end).div_euclid(stride)
    }

    /// What is looked at.
    fn taps(&self, span: &Span) -> Span {
        let groups = self.groups(span);
        let seen = || self.parts.iter().map(|part| part.taps.seen(&groups));
        let start = seen().map(|it| it.start).min().unwrap_or(groups.start);
        start..seen().map(|it| it.end).max().unwrap_or(groups.end)
    }

    /// At least the moments of `span`, as they are and past a leaky ReLU; `end` are there in all.
    fn run(&self, input: &Rows, span: &Span, end: usize, slope: f32) -> (Rows, Rows) {
        let groups = self.groups(span);
        let mut plain = Rows::over(&groups, self.outputs * self.stride);
        let mut leaky = Rows::over(&groups, self.outputs * self.stride);
        for part in &self.parts {
            let finish =
                Finish { plain: Some(&mut plain), leaky: Some((&mut leaky, slope)), ..Finish::default() };
            part.run(input, &inside(&groups, end / self.stride), finish);
        }
        (plain.unfolded(self.stride), leaky.unfolded(self.stride))
    }
}

/// The last convolution, which has one channel: the sound.
struct Last {
    taps: usize,
    weights: Vec<f32>,
    bias: f32,
}

impl Last {
    fn new(layer: &Layer, share: f32) -> Option<Self> {
        let wide = padded(layer.inputs);
        let weight = |it: usize| {
            if it % wide < layer.inputs { layer.weight(0, it % wide, it / wide) * share } else { 0.0 }
        };
        (layer.is_centred() && layer.outputs == 1 && layer.dilation == 1).then(|| Self {
            taps: layer.taps,
            weights: (0..layer.taps * wide).map(weight).collect(),
            bias: layer.bias.first().copied().unwrap_or(0.0),
        })
    }

    fn run(&self, rows: &Rows, span: &Span) -> Vec<f32> {
        let seen = span.start - (self.taps / 2).cast_signed();
        let rows = (&rows.values()[rows.place(seen)..], rows.width());
        let mut samples = vec![self.bias; (span.end - span.start).cast_unsigned()];
        Products { rows, weights: &self.weights, sums: &mut samples }.dispatch();
        Tanh {}.map_mut(&mut samples);
        samples
    }
}

/// Adds to each sum the product of the weights and as many numbers, from its row on.
struct Products<'a> {
    rows: (&'a [f32], usize),
    weights: &'a [f32],
    sums: &'a mut [f32],
}

impl SimdOp for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let ops = isa.f32();
        for (sum, row) in
            self.sums.iter_mut().zip(self.rows.0.windows(self.weights.len()).step_by(self.rows.1))
        {
            let mut vector = ops.zero();
            for (numbers, weights) in row.chunks_exact(ops.len()).zip(self.weights.chunks_exact(ops.len())) {
                vector = ops.mul_add(ops.load(numbers), ops.load(weights), vector);
            }
            *sum += ops.sum(vector);
        }
    }
}
