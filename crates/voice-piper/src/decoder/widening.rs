//! A transposed convolution. Of the moments that come out for one that goes in, each is a convolution of its own; those
//! that look at the same moments are computed together.

use super::residual::Sound;
use crate::convolution::{Convolution, Finish, Taps};
use crate::graph::Layer;
use crate::rows::{Rows, Span, inside, padded};

pub struct Widening {
    pub stride: usize,
    pub outputs: usize,
    parts: Vec<Convolution>,
}

impl Widening {
    /// All weights times `share`.
    pub fn new(layer: &Layer, share: f32) -> Option<Self> {
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
    pub fn taps(&self, span: &Span) -> Span {
        let groups = self.groups(span);
        let seen = || self.parts.iter().map(|part| part.taps.seen(&groups));
        let start = seen().map(|it| it.start).min().unwrap_or(groups.start);
        start..seen().map(|it| it.end).max().unwrap_or(groups.end)
    }

    /// At least the moments of `span`, as they are and past a leaky `ReLU`.
    pub fn run(&self, input: &Rows, span: &Span, sound: Sound) -> (Rows, Rows) {
        let groups = self.groups(span);
        let mut plain = Rows::over(&groups, self.outputs * self.stride);
        let mut leaky = Rows::over(&groups, self.outputs * self.stride);
        for part in &self.parts {
            let finish = Finish {
                plain: Some(&mut plain),
                leaky: Some((&mut leaky, sound.slope)),
                ..Finish::default()
            };
            part.run(input, &inside(&groups, sound.end / self.stride), finish);
        }
        (plain.unfolded(self.stride), leaky.unfolded(self.stride))
    }
}
