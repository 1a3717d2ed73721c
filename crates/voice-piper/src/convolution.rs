//! Convolutions over [`Rows`], without ever writing down a matrix: a few moments times a few channels are kept in registers
//! while all that they depend on goes by. The usual ones are computed in fewer steps than they are defined by
//! ([`crate::points`]). Which instructions do it is chosen where the program runs (`rten-simd`). What follows a convolution
//! of a voice (what is added, the leaky `ReLU` of the next one) is done before the numbers leave the registers.

#![expect(
    clippy::inline_always,
    reason = "instructions can be chosen only for what is inlined where they are known"
)]

use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

use crate::graph::Layer;
use crate::kernel::{MOMENTS, VECTORS, accumulate};
use crate::points;
use crate::rows::{BLOCK, Rows, Span, padded};

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
    pub inputs: usize,
    pub outputs: usize,
    pub taps: Taps,
    pub bias: Vec<f32>,
    /// Block of outputs by block: for each tap, or for each point, and for each input the weights of the block.
    weights: Vec<f32>,
    at_points: bool,
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
        Self { inputs: wide, outputs: high, taps, bias, weights, at_points: false, column: 0 }
    }

    /// One whose taps lie evenly around the moment, so far apart; in fewer steps where that is possible.
    pub fn centred(
        channels: (usize, usize),
        (count, apart): (usize, usize),
        bias: &[f32],
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let taps = Taps::centred(count, apart);
        let Some(factors) = points::factors(count) else { return Self::new(channels, taps, bias, weight) };
        let at_points =
            Self::new(channels, Taps { count: points::MANY, ..taps }, bias, |output, input, point| {
                let products =
                    factors[point].iter().enumerate().map(|(tap, it)| it * weight(output, input, tap));
                products.sum()
            });
        Self { taps, at_points: true, ..at_points }
    }

    pub fn from_layer(layer: &Layer) -> Self {
        let weight = |output, input, tap| layer.weight(output, input, tap);
        Self::centred((layer.inputs, layer.outputs), (layer.taps, layer.dilation), &layer.bias, weight)
    }

    /// The same, its outputs written from this column on.
    pub fn at_column(self, column: usize) -> Self {
        Self { column, ..self }
    }

    /// The weights of a block of outputs, for one tap or point.
    #[inline(always)]
    pub fn weights(&self, block: usize, tap: usize) -> &[f32] {
        let (count, length) =
            (if self.at_points { points::MANY } else { self.taps.count }, self.inputs * BLOCK);
        &self.weights[(block * count + tap) * length..][..length]
    }

    /// Computes the moments of `span`; the input has what they look at.
    pub fn run(&self, input: &Rows, span: &Span, finish: Finish) {
        Run { convolution: self, input, span: span.clone(), finish }.dispatch();
    }
}

pub struct Run<'a> {
    pub convolution: &'a Convolution,
    pub input: &'a Rows,
    pub span: Span,
    finish: Finish<'a>,
}

impl SimdOp for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(mut self, isa: I) {
        if self.convolution.at_points {
            return points::run(isa, &mut self);
        }
        let last = self.span.end - MOMENTS.cast_signed();
        if self.span.start > last {
            for at in self.span.clone() {
                self.moments::<1, I>(isa, at);
            }
        } else {
            // What is left at the end is computed with some that are there already.
            for at in self.span.clone().step_by(MOMENTS) {
                self.moments::<MOMENTS, I>(isa, at.min(last));
            }
        }
    }
}

impl Run<'_> {
    /// All channels of `M` moments.
    #[inline(always)]
    fn moments<const M: usize, I: Isa>(&mut self, isa: I, at: isize) {
        let ops = isa.f32();
        let convolution = self.convolution;
        let Convolution { inputs, outputs, taps, .. } = *convolution;
        let seen = &self.input.values()[self.input.place(at + taps.first)..];
        for channel in (0..outputs).step_by(VECTORS * ops.len()) {
            let mut sums = [[ops.zero(); VECTORS]; M];
            for tap in 0..taps.count {
                let rows: [&[f32]; M] =
                    std::array::from_fn(|moment| &seen[(tap * taps.apart + moment) * inputs..][..inputs]);
                accumulate(isa, rows, convolution.weights(channel / BLOCK, tap), channel % BLOCK, &mut sums);
            }
            for (moment, sums) in (at..).zip(sums) {
                for (vector, sum) in sums.into_iter().enumerate() {
                    self.give(isa, moment, channel + vector * ops.len(), sum);
                }
            }
        }
    }

    /// Some channels of one moment are done.
    #[inline(always)]
    pub fn give<I: Isa>(&mut self, isa: I, moment: isize, channel: usize, sum: I::F32) {
        let ops = isa.f32();
        let mut sum = ops.add(sum, ops.load(&self.convolution.bias[channel..]));
        let column = self.convolution.column + channel;
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

#[cfg(test)]
mod tests {
    use rten_simd::isa::GenericIsa;

    use super::*;
    use crate::made_up::numbers;
    use crate::rows::inside;

    /// Where it runs: as the machine would choose, and as any machine can.
    #[derive(Clone, Copy, Debug)]
    enum Way {
        Chosen,
        Generic,
        #[cfg(target_arch = "x86_64")]
        Avx2,
    }

    fn go(way: Way, run: Run) {
        match way {
            Way::Chosen => run.dispatch(),
            Way::Generic => run.eval(GenericIsa::new()),
            #[cfg(target_arch = "x86_64")]
            Way::Avx2 => {
                if let Some(isa) = rten_simd::isa::Avx2Isa::new() {
                    run.eval(isa);
                } else {
                    run.dispatch();
                }
            }
        }
    }

    #[test]
    fn it_is_the_plain_sum() {
        let shapes =
            [(1, 1, 1, 1), (5, 3, 3, 1), (32, 32, 7, 12), (33, 70, 5, 6), (64, 31, 3, 2), (40, 96, 11, 5)];
        for (number, (inputs, outputs, taps, dilation)) in shapes.into_iter().enumerate() {
            for many in [1, 5, 6, 17, 50] {
                for way in [
                    Way::Chosen,
                    Way::Generic,
                    #[cfg(target_arch = "x86_64")]
                    Way::Avx2,
                ] {
                    for quick in [false, true] {
                        compare(number, (inputs, outputs), Taps::centred(taps, dilation), many, (way, quick));
                    }
                }
            }
        }
    }

    fn compare(
        seed: usize,
        (inputs, outputs): (usize, usize),
        taps: Taps,
        many: usize,
        (way, quick): (Way, bool),
    ) {
        let weights = numbers(seed, inputs * outputs * taps.count);
        let weight = |output, input, tap| weights[(output * inputs + input) * taps.count + tap];
        let bias = numbers(seed + 1, outputs);
        let sound = numbers(seed + 2, inputs * many);
        let more = Rows::from_channels(&numbers(seed + 3, outputs * many), outputs);
        let convolution = if quick {
            Convolution::centred((inputs, outputs), (taps.count, taps.apart), &bias, weight)
        } else {
            Convolution::new((inputs, outputs), taps, &bias, weight)
        };
        let span = 0..many.cast_signed();
        let input = Rows::from_channels(&sound, inputs).cut(&taps.seen(&span));
        let (mut plain, mut leaky) = (Rows::over(&span, padded(outputs)), Rows::over(&span, padded(outputs)));
        let finish =
            Finish { add: [Some(&more), None], plain: Some(&mut plain), leaky: Some((&mut leaky, 0.1)) };
        go(way, Run { convolution: &convolution, input: &input, span: inside(&span, many), finish });
        for at in span {
            for (output, bias) in bias.iter().enumerate() {
                let mut sum = f64::from(bias + more.values()[more.place(at) + output]);
                for tap in 0..taps.count {
                    let place = at + taps.first + (tap * taps.apart).cast_signed();
                    let Some(moment) = usize::try_from(place).ok().filter(|it| *it < many) else { continue };
                    let products =
                        (0..inputs).map(|it| f64::from(weight(output, it, tap) * sound[it * many + moment]));
                    sum += products.sum::<f64>();
                }
                let place = plain.place(at) + output;
                let far = (f64::from(plain.values()[place]) - sum).abs();
                assert!(far < 1e-4, "{far}: {inputs} {outputs} {taps:?} {many} {way:?} {quick}");
                let wanted = if sum < 0.0 { sum * 0.1 } else { sum };
                assert!((f64::from(leaky.values()[place]) - wanted).abs() < 1e-4);
            }
        }
    }
}
