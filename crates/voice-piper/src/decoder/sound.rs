//! The last convolution, which has one channel: the sound.

#![expect(
    clippy::inline_always,
    reason = "instructions can be chosen only for what is inlined where they are known"
)]

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp, SimdUnaryOp};
use rten_vecmath::Tanh;

use crate::graph::Layer;
use crate::rows::{Rows, Span, padded};

pub struct Last {
    pub taps: usize,
    weights: Vec<f32>,
    bias: f32,
}

impl Last {
    pub fn new(layer: &Layer, share: f32) -> Option<Self> {
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

    pub fn run(&self, rows: &Rows, span: &Span) -> Vec<f32> {
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
