//! A residual block: a sound and what convolutions make of it, added up; again, with other convolutions; and so on.

use crate::convolution::{Convolution, Finish};
use crate::graph::Layer;
use crate::rows::{Rows, Span, grown, inside};

pub struct Block {
    steps: Vec<Step>,
}

/// What is added to the sound: the sound past a leaky `ReLU` and a convolution, or twice so.
struct Step {
    inner: Option<Convolution>,
    outer: Convolution,
}

/// A sound as it is, and past a leaky `ReLU`.
pub type Both<'a> = (&'a Rows, &'a Rows);

/// How many moments there are, and by how much a leaky `ReLU` multiplies what is negative.
#[derive(Clone, Copy)]
pub struct Sound {
    pub end: usize,
    pub slope: f32,
}

impl Block {
    /// Two convolutions are two steps; of more, each two are a step.
    pub fn new(layers: &[Layer], channels: usize) -> Option<Self> {
        let fits = |it: &Layer| it.is_centred() && it.inputs == channels && it.outputs == channels;
        layers.iter().all(fits).then_some(())?;
        let steps = layers.chunks(if layers.len() > 2 { 2 } else { 1 }).map(|layers| {
            let (outer, inner) = layers.split_last()?;
            Some(Step {
                inner: inner.first().map(Convolution::from_layer),
                outer: Convolution::from_layer(outer),
            })
        });
        Some(Self { steps: steps.collect::<Option<_>>()? })
    }

    pub fn reach(&self) -> usize {
        reach(&self.steps)
    }

    /// The moments of `span`. `finish` says what to do with them; its second addend is taken here.
    pub fn run(&self, input: Both, span: &Span, sound: Sound, finish: Finish) {
        take(&self.steps, input, span, sound, finish);
    }
}

fn reach(steps: &[Step]) -> usize {
    steps
        .iter()
        .map(|step| step.outer.taps.reach() + step.inner.as_ref().map_or(0, |it| it.taps.reach()))
        .sum()
}

fn take(steps: &[Step], input: Both, span: &Span, sound: Sound, finish: Finish) {
    match steps {
        [] => {}
        [step] => step.run(input, span, sound, finish),
        [step, rest @ ..] => {
            let wide = grown(span, reach(rest));
            let (mut plain, mut active) = (step.rows(&wide), step.rows(&wide));
            let both = Finish {
                plain: Some(&mut plain),
                leaky: Some((&mut active, sound.slope)),
                ..Finish::default()
            };
            step.run(input, &wide, sound, both);
            take(rest, (&plain, &active), span, sound, finish);
        }
    }
}

impl Step {
    fn rows(&self, span: &Span) -> Rows {
        Rows::over(span, self.outer.outputs)
    }

    fn run<'a>(&self, (plain, active): Both<'a>, span: &Span, sound: Sound, mut finish: Finish<'a>) {
        finish.add[1] = Some(plain);
        let Some(inner) = &self.inner else {
            return self.outer.run(active, &inside(span, sound.end), finish);
        };
        let wide = grown(span, self.outer.taps.reach());
        let mut between = self.rows(&wide);
        let leaky = Some((&mut between, sound.slope));
        inner.run(active, &inside(&wide, sound.end), Finish { leaky, ..Finish::default() });
        self.outer.run(&between, &inside(span, sound.end), finish);
    }
}
