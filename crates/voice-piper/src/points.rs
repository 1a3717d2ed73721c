//! Convolutions of a few taps in fewer multiplications (Toom and Cook; Winograd): what ten moments hold, and the taps, are
//! taken for polynomials and valued at ten points; there a convolution is a product, one for each point, instead of one
//! for each moment and tap; and from the products follow the moments that come out, eleven less the taps. The points lie
//! in pairs around zero, so that what is even and what is odd is computed once for both. Which ones they are decides how
//! much is lost by rounding: these lose little (about one millionth of what comes out).

#![expect(
    clippy::inline_always,
    reason = "instructions can be chosen only for what is inlined where they are known"
)]

use std::cell::RefCell;

use rten_simd::Isa;
use rten_simd::ops::{BitOps, FloatOps, NumOps};

use crate::convolution::{Convolution, Run};
use crate::kernel::{MOMENTS, VECTORS, accumulate};
use crate::rows::BLOCK;

const PAIRS: usize = 4;
/// Zero, the pairs, and infinity.
pub const MANY: usize = 2 * PAIRS + 2;
const POINTS: [f64; PAIRS] = [0.4, 0.7, 1.2, 2.7];
/// With fewer or more taps nothing is gained.
const FEWEST: usize = 3;
const MOST: usize = 7;
/// Tiles of ten moments that are computed together: what they hold at the points stays in the cache.
const TILES: usize = 48;

thread_local! {
    /// What the tiles hold at the points, before and after; kept from one convolution to the next.
    static HELD: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// The coefficients, in ascending powers of the square of x, of the product of all x² - point², less one of them.
const fn product(without: usize) -> [f64; PAIRS + 1] {
    let mut product = [0.0; PAIRS + 1];
    product[0] = 1.0;
    let mut pair = 0;
    while pair < PAIRS {
        if pair != without {
            let mut power = PAIRS;
            while power > 0 {
                product[power] = product[power - 1] - product[power] * POINTS[pair] * POINTS[pair];
                power -= 1;
            }
            product[0] *= -POINTS[pair] * POINTS[pair];
        }
        pair += 1;
    }
    product
}

const PRODUCTS: [[f64; PAIRS + 1]; PAIRS + 1] = {
    let mut products = [[0.0; PAIRS + 1]; PAIRS + 1];
    let mut without = 0;
    while without <= PAIRS {
        products[without] = product(without);
        without += 1;
    }
    products
};

/// For each point by how much each of the taps is multiplied; `None` where this is not the way to compute them.
pub fn factors(taps: usize) -> Option<Vec<Vec<f32>>> {
    if !(FEWEST..=MOST).contains(&taps) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "weights are no finer")]
    let powers = |point: f64, share: f64| -> Vec<f32> {
        std::iter::successors(Some(1.0), |it| Some(it * point))
            .map(|it| (it / share) as f32)
            .take(taps)
            .collect()
    };
    let pairs = POINTS.iter().zip(PRODUCTS).flat_map(|(point, product)| {
        let square = point * point;
        let value = product.iter().rev().fold(0.0, |sum, it| sum * square + it);
        [powers(*point, 2.0 * square * value), powers(-point, 2.0 * square * value)]
    });
    let mut infinity = vec![0.0; taps];
    infinity[taps - 1] = 1.0;
    Some([powers(0.0, PRODUCTS[PAIRS][0])].into_iter().chain(pairs).chain([infinity]).collect())
}

#[inline(always)]
pub fn run<I: Isa>(isa: I, run: &mut Run) {
    let Convolution { taps, inputs, outputs, .. } = *run.convolution;
    let apart = taps.apart;
    let moments = (MANY + 1 - taps.count) * apart;
    let (mut before, mut after) = HELD.take();
    let mut at = run.span.start;
    while at < run.span.end {
        let rest = (run.span.end - at).unsigned_abs();
        let groups = rest.div_ceil(moments).min((TILES / apart).max(1));
        let tiles = groups * apart;
        let begin = |tile: usize| at + (tile / apart * moments + tile % apart).cast_signed();
        before.resize(MANY * tiles * inputs, 0.0);
        after.resize(MANY * tiles * outputs, 0.0);
        for tile in 0..tiles {
            enter(isa, run, begin(tile), &mut before[tile * inputs..], tiles * inputs);
        }
        for point in 0..MANY {
            let before = &before[point * tiles * inputs..][..tiles * inputs];
            multiply(isa, run.convolution, point, before, &mut after[point * tiles * outputs..]);
        }
        for tile in 0..tiles {
            leave(isa, run, begin(tile), &after[tile * outputs..], tiles * outputs);
        }
        at += (groups * moments).cast_signed();
    }
    HELD.set((before, after));
}

#[expect(clippy::cast_possible_truncation, reason = "the numbers are no finer")]
#[inline(always)]
fn splat<I: Isa>(isa: I, number: f64) -> I::F32 {
    isa.f32().splat(number as f32)
}

/// What a tile that begins at this moment holds at the points.
#[inline(always)]
fn enter<I: Isa>(isa: I, run: &Run, at: isize, before: &mut [f32], apart: usize) {
    let ops = isa.f32();
    let Convolution { taps, inputs, .. } = *run.convolution;
    let end = run.input.span().end;
    let rows: [Option<&[f32]>; MANY] = std::array::from_fn(|number| {
        let moment = at + taps.first + (number * taps.apart).cast_signed();
        (moment < end).then(|| &run.input.values()[run.input.place(moment)..][..inputs])
    });
    for channel in (0..inputs).step_by(ops.len()) {
        let mut seen = [ops.zero(); MANY];
        for (seen, row) in seen.iter_mut().zip(rows) {
            if let Some(row) = row {
                *seen = ops.load(&row[channel..]);
            }
        }
        let mut held = [ops.zero(); MANY];
        held[0] = polynomial::<I, 5>(isa, &seen, 0, &PRODUCTS[PAIRS]);
        held[MANY - 1] = polynomial::<I, 5>(isa, &seen, 1, &PRODUCTS[PAIRS]);
        for pair in 0..PAIRS {
            let even = polynomial::<I, PAIRS>(isa, &seen, 2, &PRODUCTS[pair]);
            let odd = polynomial::<I, PAIRS>(isa, &seen, 1, &PRODUCTS[pair]);
            let point = splat(isa, POINTS[pair]);
            held[1 + 2 * pair] = ops.mul_add(odd, point, even);
            held[2 + 2 * pair] = ops.mul_sub_from(odd, point, even);
        }
        for (point, held) in held.into_iter().enumerate() {
            ops.store(held, &mut before[point * apart + channel..]);
        }
    }
}

/// Every other number from the first on, times the first `N` coefficients.
#[inline(always)]
fn polynomial<I: Isa, const N: usize>(
    isa: I,
    seen: &[I::F32; MANY],
    first: usize,
    coefficients: &[f64; PAIRS + 1],
) -> I::F32 {
    let ops = isa.f32();
    let mut sum = ops.mul(seen[first], splat(isa, coefficients[0]));
    for power in 1..N {
        sum = ops.mul_add(seen[first + 2 * power], splat(isa, coefficients[power]), sum);
    }
    sum
}

/// What all tiles give at one point.
#[inline(always)]
fn multiply<I: Isa>(isa: I, convolution: &Convolution, point: usize, before: &[f32], after: &mut [f32]) {
    let tiles = before.len() / convolution.inputs;
    if let Some(last) = tiles.checked_sub(MOMENTS) {
        // What is left at the end is computed with some that are there already.
        for tile in (0..tiles).step_by(MOMENTS) {
            tiles_at::<MOMENTS, I>(isa, convolution, point, tile.min(last), before, after);
        }
    } else {
        for tile in 0..tiles {
            tiles_at::<1, I>(isa, convolution, point, tile, before, after);
        }
    }
}

#[inline(always)]
fn tiles_at<const M: usize, I: Isa>(
    isa: I,
    convolution: &Convolution,
    point: usize,
    tile: usize,
    before: &[f32],
    after: &mut [f32],
) {
    let ops = isa.f32();
    let Convolution { inputs, outputs, .. } = *convolution;
    let rows: [&[f32]; M] = std::array::from_fn(|number| &before[(tile + number) * inputs..][..inputs]);
    for channel in (0..outputs).step_by(VECTORS * ops.len()) {
        let mut sums = [[ops.zero(); VECTORS]; M];
        accumulate(isa, rows, convolution.weights(channel / BLOCK, point), channel % BLOCK, &mut sums);
        for (number, sums) in sums.into_iter().enumerate() {
            let after = &mut after[(tile + number) * outputs + channel..];
            for (vector, sum) in sums.into_iter().enumerate() {
                ops.store(sum, &mut after[vector * ops.len()..]);
            }
        }
    }
}

/// The moments that follow from what a tile gives at the points.
#[inline(always)]
fn leave<I: Isa>(isa: I, run: &mut Run, at: isize, after: &[f32], apart: usize) {
    let ops = isa.f32();
    let Convolution { taps, outputs, .. } = *run.convolution;
    let last = MANY - taps.count;
    for channel in (0..outputs).step_by(ops.len()) {
        let mut held = [ops.zero(); MANY];
        for (point, held) in held.iter_mut().enumerate() {
            *held = ops.load(&after[point * apart + channel..]);
        }
        // Of each pair the sum and the difference, each times the powers of the point.
        let mut sums = [ops.zero(); PAIRS];
        let mut differences = [ops.zero(); PAIRS];
        for pair in 0..PAIRS {
            let (plus, minus) = (held[1 + 2 * pair], held[2 + 2 * pair]);
            sums[pair] = ops.add(plus, minus);
            differences[pair] = ops.mul(ops.sub(plus, minus), splat(isa, POINTS[pair]));
        }
        for number in 0..=last {
            let moment = at + (number * taps.apart).cast_signed();
            if moment >= run.span.end {
                break;
            }
            let mut sum = if number == 0 { held[0] } else { ops.zero() };
            if number == last {
                sum = ops.add(sum, held[MANY - 1]);
            }
            let powers = if number % 2 == 0 { &mut sums } else { &mut differences };
            for (power, point) in powers.iter_mut().zip(POINTS) {
                sum = ops.add(sum, *power);
                *power = ops.mul(*power, splat(isa, point * point));
            }
            run.give(isa, moment, channel, sum);
        }
    }
}
