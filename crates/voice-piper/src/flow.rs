//! The stage before the last, which makes frames out of what the text encoder and chance give: a few couplings, each of
//! which shifts one half of the channels by what a net of gated convolutions makes of the other half, and turns the order of the channels
//! around. Nothing is turned around here: the weights are.

use rten_simd::SimdUnaryOp;
use rten_vecmath::{Sigmoid, Tanh};

use crate::convolution::{Convolution, Finish, Taps};
use crate::graph::{Graph, Layer};
use crate::rows::{Rows, Span, grown, inside};

/// The path of the stage in a voice.
pub const MODULE: &str = "/flow/";

pub struct Flow {
    couplings: Vec<Coupling>,
    channels: usize,
}

struct Coupling {
    before: Convolution,
    layers: Vec<Gated>,
    after: Convolution,
}

/// One layer of such a net.
struct Gated {
    tanh: Convolution,
    sigmoid: Convolution,
    /// What goes on to the next layer; the last has none.
    next: Option<Convolution>,
    skip: Convolution,
}

impl Flow {
    /// `None`: the stage of this voice is built otherwise.
    pub fn find(graph: &Graph) -> Option<Self> {
        let layers = graph.layers(MODULE)?;
        let channels = 2 * layers.first()?.inputs;
        let mut layers = layers.as_slice();
        let mut couplings = Vec::new();
        while !layers.is_empty() {
            couplings.push(Coupling::find(&mut layers, channels, couplings.len() % 2 == 0)?);
        }
        // An odd number of them would leave the channels turned around.
        (couplings.len() % 2 == 0).then_some(Self { couplings, channels })
    }

    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The frames of a stretch of a sound of `many` frames.
    pub fn frames(&self, latent: &Rows, many: usize, span: &Span) -> Rows {
        self.coupled(self.couplings.len(), latent, many, span)
    }

    /// What the first `number` couplings give.
    fn coupled(&self, number: usize, latent: &Rows, many: usize, span: &Span) -> Rows {
        let Some(before) = number.checked_sub(1) else { return latent.cut(span) };
        let coupling = &self.couplings[before];
        let rows = self.coupled(before, latent, many, &grown(span, coupling.reach()));
        coupling.run(&rows, many, span)
    }
}

impl Coupling {
    fn find(layers: &mut &[Layer], channels: usize, turned: bool) -> Option<Self> {
        let mut take = || {
            let (layer, rest) = layers.split_first()?;
            *layers = rest;
            layer.is_centred().then_some(layer)
        };
        let half = channels / 2;
        let place = |channel: usize| if turned { channels - 1 - channel } else { channel };
        let first = take()?;
        let hidden = first.outputs;
        (first.taps == 1 && first.inputs == half).then_some(())?;
        let before =
            Convolution::new((channels, hidden), Taps::centred(1, 1), &first.bias, |output, input, _| {
                let input = place(input);
                if input < half { first.weight(output, input, 0) } else { 0.0 }
            });
        let mut gated = Vec::new();
        loop {
            let layer = Gated::new(take()?, take()?, hidden)?;
            let last = layer.next.is_none();
            gated.push(layer);
            if last {
                break;
            }
        }
        let shift = take()?;
        (shift.taps == 1 && shift.inputs == hidden && shift.outputs == half).then_some(())?;
        let shifted = |output: usize| place(output).checked_sub(half);
        let bias: Vec<f32> = (0..channels)
            .map(|it| shifted(it).and_then(|it| shift.bias.get(it)).map_or(0.0, |it| -it))
            .collect();
        let after = Convolution::new((hidden, channels), Taps::centred(1, 1), &bias, |output, input, _| {
            shifted(output).map_or(0.0, |output| -shift.weight(output, input, 0))
        });
        Some(Self { before, layers: gated, after })
    }

    fn reach(&self) -> usize {
        self.layers.iter().map(|layer| layer.tanh.taps.reach()).sum()
    }

    fn run(&self, rows: &Rows, many: usize, span: &Span) -> Rows {
        let mut wide = self.reach();
        let area = grown(span, wide);
        let mut state = Rows::over(&area, self.before.outputs);
        self.before.run(rows, &inside(&area, many), into(&mut state));
        let mut skipped: Option<Rows> = None;
        for layer in &self.layers {
            wide -= layer.tanh.taps.reach();
            let area = grown(span, wide);
            let within = inside(&area, many);
            let mut acts = Rows::over(&area, layer.tanh.outputs);
            let mut gates = Rows::over(&area, layer.tanh.outputs);
            layer.tanh.run(&state, &within, into(&mut acts));
            layer.sigmoid.run(&state, &within, into(&mut gates));
            Tanh {}.map_mut(acts.values_mut());
            Sigmoid {}.map_mut(gates.values_mut());
            for (act, gate) in acts.values_mut().iter_mut().zip(gates.values()) {
                *act *= gate;
            }
            if let Some(next) = &layer.next {
                let mut sum = Rows::over(&area, next.outputs);
                next.run(&acts, &within, Finish { add: [Some(&state), None], ..into(&mut sum) });
                state = sum;
            }
            let mut sum = Rows::over(span, layer.skip.outputs);
            let add = [skipped.as_ref(), None];
            layer.skip.run(&acts, &inside(span, many), Finish { add, ..into(&mut sum) });
            skipped = Some(sum);
        }
        let skipped = skipped.expect("a coupling has layers");
        let mut frames = Rows::over(span, self.after.outputs);
        self.after.run(
            &skipped,
            &inside(span, many),
            Finish { add: [Some(rows), None], ..into(&mut frames) },
        );
        frames
    }
}

fn into(rows: &mut Rows) -> Finish<'_> {
    Finish { plain: Some(rows), ..Finish::default() }
}

impl Gated {
    fn new(gates: &Layer, rest: &Layer, hidden: usize) -> Option<Self> {
        let last = rest.outputs == hidden;
        let fits =
            gates.inputs == hidden && gates.outputs == 2 * hidden && rest.inputs == hidden && rest.taps == 1;
        (fits && (last || rest.outputs == 2 * hidden)).then_some(())?;
        let part = |layer: &Layer, from: usize| {
            let bias = layer.bias.get(from..from + hidden).unwrap_or_default();
            Convolution::centred(
                (hidden, hidden),
                (layer.taps, layer.dilation),
                bias,
                |output, input, tap| layer.weight(from + output, input, tap),
            )
        };
        Some(Self {
            tanh: part(gates, 0),
            sigmoid: part(gates, hidden),
            next: (!last).then(|| part(rest, 0)),
            skip: part(rest, if last { 0 } else { hidden }),
        })
    }
}
