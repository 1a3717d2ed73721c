//! The innermost loop: what a few moments see, times the weights of a few channels, summed up in registers.

#![expect(
    clippy::inline_always,
    reason = "instructions can be chosen only for what is inlined where they are known"
)]

use rten_simd::Isa;
use rten_simd::ops::{BitOps, NumOps};

use crate::rows::BLOCK;

/// Moments and vectors of channels that are kept in registers: with what they are made of they fit the sixteen of AVX2.
pub const MOMENTS: usize = 6;
pub const VECTORS: usize = 2;
/// Channels of the input that are taken together.
const STEP: usize = 4;

pub type Sums<I, const M: usize> = [[<I as Isa>::F32; VECTORS]; M];

/// Adds what the rows of `M` moments give for the channels of a block from `lane` on; for each number of a row the block
/// has a row of weights.
#[inline(always)]
pub fn accumulate<const M: usize, I: Isa>(
    isa: I,
    rows: [&[f32]; M],
    weights: &[f32],
    lane: usize,
    sums: &mut Sums<I, M>,
) {
    let ops = isa.f32();
    let mut columns = rows.map(|row| row.as_chunks::<STEP>().0.iter());
    for weights in weights.as_chunks::<{ STEP * BLOCK }>().0 {
        let inputs: [&[f32; STEP]; M] =
            std::array::from_fn(|moment| columns[moment].next().expect("as many inputs as weights"));
        for step in 0..STEP {
            let mut loaded = [ops.zero(); VECTORS];
            for (vector, loaded) in loaded.iter_mut().enumerate() {
                *loaded = ops.load(&weights[step * BLOCK + lane + vector * ops.len()..]);
            }
            for (sums, input) in sums.iter_mut().zip(inputs) {
                let input = ops.splat(input[step]);
                for (sum, weight) in sums.iter_mut().zip(loaded) {
                    *sum = ops.mul_add(input, weight, *sum);
                }
            }
        }
    }
}
