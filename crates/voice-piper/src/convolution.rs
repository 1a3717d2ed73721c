//! Convolutions over [`Rows`], without ever writing down a matrix: a few moments times a few channels are kept in
//! registers while all that they depend on goes by. Which instructions do it is chosen where the program runs
//! (`rten-simd`). What follows each convolution of a voice (its bias, what is added, the leaky ReLU of the next one) is done
//! before the numbers leave the registers.

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::graph::Layer;
use crate::rows::{BLOCK, Rows, Span, padded};

/// Moments and vectors of channels that are kept in registers: with what they are made of they fit the sixteen of AVX2.
const MOMENTS: usize = 6;
const VECTORS: usize = 2;
/// Channels of the input that are taken together.
const STEP: usize = 4;

/// Where the taps of a convolution lie: `count` of them, the first so far from the moment itself, then every `apart`.
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    pub count: usize,
    pub first: isize,
    pub apart: usize,
}

impl Taps {
    /// As many to the left as to the right.
    pub fn centred(count: usize, apart: usize) -> Self {
        Self { count, first: -(count / 2 * apart).cast_signed(), apart }
    }

    fn last(self) -> isize {
        self.first + (self.count.saturating_sub(1) * self.apart).cast_signed()
    }

    /// How far is looked, to the farther side.
    pub fn reach(self) -> usize {
        self.first.unsigned_abs().max(self.last().unsigned_abs())
    }

    /// The moments that are looked at for those of `span`.
    pub fn seen(self, span: &Span) -> Span {
        span.start + self.first..span.end + self.last()
    }
}

pub struct Convolution {
    inputs: usize,
    outputs: usize,
    taps: Taps,
    /// Block of outputs by block: for each tap and each input the weights of the block.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Where in a row the outputs begin.
    column: usize,
}

/// What is done with the numbers.
#[derive(Default)]
pub struct Finish<'a> {
    /// What is added to them,
    pub add: [Option<&'a Rows>; 2],
    /// where they go,
    pub plain: Option<&'a mut Rows>,
    /// and where they go when what is negative has been multiplied by so much.
    pub leaky: Option<(&'a mut Rows, f32)>,
}

impl Convolution {
    /// `weight(output, input, tap)`; no bias is a bias of zero.
    pub fn new(
        (inputs, outputs): (usize, usize),
        taps: Taps,
        bias: &[f32],
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let (wide, high) = (padded(inputs), padded(outputs));
        let mut weights = vec![0.0; wide * high * taps.count];
        for output in 0..outputs {
            for tap in 0..taps.count {
                let place = (output / BLOCK * taps.count + tap) * wide * BLOCK + output % BLOCK;
                for input in 0..inputs {
                    weights[place + input * BLOCK] = weight(output, input, tap);
                }
            }
        }
        let bias = bias.iter().copied().chain(std::iter::repeat(0.0)).take(high).collect();
        Self { inputs: wide, outputs: high, taps, weights, bias, column: 0 }
    }

    /// One whose taps lie evenly around the moment.
    pub fn from_layer(layer: &Layer) -> Self {
        let taps = Taps::centred(layer.taps, layer.dilation);
        Self::new((layer.inputs, layer.outputs), taps, &layer.bias, |output, input, tap| {
            layer.weight(output, input, tap)
        })
    }

    /// The same, its outputs written from this column on.
    pub fn at_column(self, column: usize) -> Self {
        Self { column, ..self }
    }

    pub fn taps(&self) -> Taps {
        self.taps
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Computes the moments of `span`; the input has what they look at.
    pub fn run(&self, input: &Rows, span: &Span, finish: Finish) {
        Run { convolution: self, input, span: span.clone(), finish }.dispatch();
    }
}

struct Run<'a> {
    convolution: &'a Convolution,
    input: &'a Rows,
    span: Span,
    finish: Finish<'a>,
}

impl SimdOp for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        let mut at = self.span.start;
        while at < self.span.end {
            let rest = self.span.end - at;
            if rest >= MOMENTS.cast_signed() {
                self.moments::<MOMENTS, I>(isa, at);
                at += MOMENTS.cast_signed();
            } else {
                self.moments::<1, I>(isa, at);
                at += 1;
            }
        }
    }
}

impl Run<'_> {
    /// All channels of `M` moments.
    #[inline(always)]
    fn moments<const M: usize, I: Isa>(&mut self, isa: I, at: isize) {
        let Convolution { inputs, taps, weights, .. } = self.convolution;
        let seen = &self.input.values()[self.input.place(at + taps.first)..];
        for (block, weights) in weights.chunks_exact(taps.count * inputs * BLOCK).enumerate() {
            for lane in (0..BLOCK).step_by(VECTORS * isa.f32().len()) {
                self.tile::<M, I>(isa, at, seen, weights, (block * BLOCK, lane));
            }
        }
    }

    /// As many channels as registers hold.
    #[inline(always)]
    fn tile<const M: usize, I: Isa>(
        &mut self,
        isa: I,
        at: isize,
        seen: &[f32],
        weights: &[f32],
        (block, lane): (usize, usize),
    ) {
        let ops = isa.f32();
        let Convolution { inputs, taps, bias, .. } = self.convolution;
        let bias: [I::F32; VECTORS] =
            std::array::from_fn(|vector| ops.load(&bias[block + lane + vector * ops.len()..]));
        let mut sums = [bias; M];
        for (tap, weights) in weights.chunks_exact(inputs * BLOCK).enumerate() {
            let rows: [&[f32]; M] =
                std::array::from_fn(|moment| &seen[(tap * taps.apart + moment) * inputs..][..*inputs]);
            accumulate(isa, rows, weights, lane, &mut sums);
        }
        self.give(isa, at, block + lane, sums);
    }

    #[inline(always)]
    fn give<const M: usize, I: Isa>(&mut self, isa: I, at: isize, channel: usize, sums: [[I::F32; VECTORS]; M]) {
        let ops = isa.f32();
        let channel = self.convolution.column + channel;
        for (moment, sums) in (at..).zip(sums) {
            for (vector, mut sum) in sums.into_iter().enumerate() {
                let column = channel + vector * ops.len();
                for rows in self.finish.add.iter().flatten() {
                    sum = ops.add(sum, ops.load(&rows.values()[rows.place(moment) + column..]));
                }
                if let Some(plain) = &mut self.finish.plain {
                    let place = plain.place(moment) + column;
                    ops.store(sum, &mut plain.values_mut()[place..]);
                }
                if let Some((leaky, slope)) = &mut self.finish.leaky {
                    let place = leaky.place(moment) + column;
                    let less = ops.mul(sum, ops.splat(*slope));
                    ops.store(ops.max(sum, less), &mut leaky.values_mut()[place..]);
                }
            }
        }
    }
}

/// Adds what the inputs of `M` moments give for the channels from `lane` on.
#[inline(always)]
fn accumulate<const M: usize, I: Isa>(
    isa: I,
    rows: [&[f32]; M],
    weights: &[f32],
    lane: usize,
    sums: &mut [[I::F32; VECTORS]; M],
) {
    let ops = isa.f32();
    let mut columns = rows.map(|row| row.as_chunks::<STEP>().0.iter());
    for weights in weights.as_chunks::<{ STEP * BLOCK }>().0 {
        let inputs: [&[f32; STEP]; M] =
            std::array::from_fn(|moment| columns[moment].next().expect("as many inputs as weights"));
        for step in 0..STEP {
            let weights: [I::F32; VECTORS] =
                std::array::from_fn(|vector| ops.load(&weights[step * BLOCK + lane + vector * ops.len()..]));
            for (sums, input) in sums.iter_mut().zip(inputs) {
                let input = ops.splat(input[step]);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = ops.mul_add(input, weight, *sum);
                }
            }
        }
    }
}
