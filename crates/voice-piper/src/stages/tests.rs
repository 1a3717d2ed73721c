//! Voices that were made up: found in their files, and equal to what `rten` makes of them; or left alone.

use super::*;
use crate::made_up::{Writer, numbers};

const CHANNELS: usize = 6;

/// A last stage with two levels; `blocks` says how a residual block goes on past its first convolution.
fn decoder(file: &mut Writer, frames: &str, second: &[(usize, usize)], apart: bool) -> String {
    let mut sound = file.convolution("/dec/conv_pre", frames, (CHANNELS, 40, 7), 1);
    file.float("many", 2.0);
    let mut channels = 40;
    for (level, (outputs, taps, stride)) in [(20, 6, 2), (12, 9, 3)].into_iter().enumerate() {
        let active = file.leaky(&format!("/dec/LeakyRelu_{level}"), &sound, 0.1);
        let name = format!("/dec/ups.{level}");
        sound = file.widening(&name, &active, (channels, outputs, taps), stride);
        channels = outputs;
        let blocks = second.iter().enumerate().map(|(block, (taps, dilation))| {
            residual(
                file,
                &format!("/dec/resblocks.{level}.{block}"),
                &sound,
                (channels, *taps),
                *dilation,
                apart,
            )
        });
        let blocks: Vec<String> = blocks.collect();
        let sum = file.node(&format!("/dec/Add_{level}"), "Add", &[&blocks[0], &blocks[1]], vec![]);
        sound = file.node(&format!("/dec/Div_{level}"), "Div", &[&sum, "many"], vec![]);
    }
    let active = file.leaky("/dec/LeakyRelu", &sound, 0.01);
    let one = file.convolution("/dec/conv_post", &active, (channels, 1, 7), 1);
    file.node("/dec/Tanh", "Tanh", &[&one], vec![])
}

/// `apart`: two convolutions to a step, as the better voices have it.
fn residual(
    file: &mut Writer,
    name: &str,
    input: &str,
    (channels, taps): (usize, usize),
    dilation: usize,
    apart: bool,
) -> String {
    let mut sound = input.to_owned();
    for (step, dilation) in [1, dilation].into_iter().enumerate() {
        let mut inner = sound.clone();
        for (half, dilation) in [dilation, 1].into_iter().take(if apart { 2 } else { 1 }).enumerate() {
            let active = file.leaky(&format!("{name}/LeakyRelu_{step}_{half}"), &inner, 0.1);
            inner = file.convolution(
                &format!("{name}.{step}.{half}"),
                &active,
                (channels, channels, taps),
                dilation,
            );
        }
        sound = file.node(&format!("{name}/Add_{step}"), "Add", &[&inner, &sound], vec![]);
    }
    sound
}

fn flow(file: &mut Writer, latent: &str) -> String {
    const HIDDEN: usize = 10;
    let mut sound = latent.to_owned();
    for (name, number) in [("channels", 1), ("end", -1), ("begin", i64::MIN)] {
        file.whole_numbers(name, &[number]);
    }
    for coupling in 0..2 {
        let name = format!("/flow/flows.{coupling}");
        let turned = file.node(
            &format!("{name}/Slice"),
            "Slice",
            &[&sound, "end", "begin", "channels", "end"],
            vec![],
        );
        let (one, other) = file.halves(&format!("{name}/Split"), &turned, CHANNELS / 2);
        let before = file.convolution(&format!("{name}/pre"), &one, (CHANNELS / 2, HIDDEN, 1), 1);
        let mut state = file.node(&format!("{name}/Mul"), "Mul", &[&before, "mask"], vec![]);
        let mut skipped = String::new();
        for layer in 0..3 {
            let name = format!("{name}/enc.{layer}");
            let gates = file.convolution(&format!("{name}/in"), &state, (HIDDEN, 2 * HIDDEN, 5), layer + 1);
            let (tanh, sigmoid) = file.halves(&format!("{name}/Split"), &gates, HIDDEN);
            let tanh = file.node(&format!("{name}/Tanh"), "Tanh", &[&tanh], vec![]);
            let sigmoid = file.node(&format!("{name}/Sigmoid"), "Sigmoid", &[&sigmoid], vec![]);
            let acts = file.node(&format!("{name}/Mul"), "Mul", &[&tanh, &sigmoid], vec![]);
            let outputs = if layer == 2 { HIDDEN } else { 2 * HIDDEN };
            let mut skip = file.convolution(&format!("{name}/rest"), &acts, (HIDDEN, outputs, 1), 1);
            if layer < 2 {
                let (next, rest) = file.halves(&format!("{name}/Rest"), &skip, HIDDEN);
                state = file.node(&format!("{name}/Add"), "Add", &[&state, &next], vec![]);
                skip = rest;
            }
            skipped = match layer {
                0 => skip,
                _ => file.node(&format!("{name}/Skip"), "Add", &[&skipped, &skip], vec![]),
            };
        }
        let shift = file.convolution(&format!("{name}/post"), &skipped, (HIDDEN, CHANNELS / 2, 1), 1);
        let shifted = file.node(&format!("{name}/Sub"), "Sub", &[&other, &shift], vec![]);
        sound = file.beside(&format!("{name}/Concat"), &one, &shifted);
    }
    file.node("/Mul_7", "Mul", &[&sound, "mask"], vec![])
}

const USUAL: [(usize, usize); 2] = [(3, 2), (5, 6)];

fn found(file: Writer, output: &str) -> (Inference, Option<Stages>) {
    let path = file.file(&[("latent", CHANNELS), ("mask", 1)], output);
    let inference = Inference::load(&path, 2).unwrap();
    let stages = Stages::find(&path, &inference, 2);
    std::fs::remove_file(path).unwrap();
    (inference, stages)
}

/// A sound of `many` frames, by the model and by the stages.
fn both(inference: &Inference, stages: &Stages, many: usize) -> (Vec<f32>, Vec<f32>) {
    let latent = NdTensor::from_data([1, CHANNELS, many], numbers(many, CHANNELS * many));
    let mask = NdTensor::<f32, 3>::full([1, 1, many], 1.0);
    let id = |name| inference.model.node_id(name).unwrap();
    let inputs = vec![(id("latent"), latent.view().into()), (id("mask"), mask.view().into())];
    let theirs = inference.compute(inputs, inference.output).unwrap().to_vec();
    (theirs, stages.samples(&stages.frames(&latent), many, &(0..many.cast_signed())))
}

fn assert_close(one: &[f32], other: &[f32]) {
    assert_eq!(one.len(), other.len());
    let far = one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(far < 1e-5, "{far}");
}

#[test]
fn a_voice_is_found_and_sounds_the_same() {
    for apart in [false, true] {
        let mut file = Writer::default();
        let frames = flow(&mut file, "latent");
        let output = decoder(&mut file, &frames, &USUAL, apart);
        let (inference, stages) = found(file, &output);
        let stages = stages.expect("a usual voice");
        assert!(stages.flow.is_some());
        for many in [1, 2, 7, 24, 61] {
            let (theirs, ours) = both(&inference, &stages, many);
            assert_eq!(ours.len(), many * 6);
            assert_close(&theirs, &ours);
        }
    }
}

#[test]
fn pieces_are_what_the_whole_would_be() {
    let mut file = Writer::default();
    let output = decoder(&mut file, "latent", &USUAL, false);
    let (_, stages) = found(file, &output);
    let stages = stages.expect("a usual last stage");
    assert!(stages.flow.is_none());
    let latent = NdTensor::from_data([1, CHANNELS, 83], numbers(1, CHANNELS * 83));
    let frames = stages.frames(&latent);
    let whole = stages.samples(&frames, 83, &(0..83));
    for length in [1, 5, 30] {
        let starts = (0..83).step_by(length);
        let pieces =
            starts.flat_map(|it| stages.samples(&frames, 83, &(it..(it + length.cast_signed()).min(83))));
        assert_close(&whole, &pieces.collect::<Vec<_>>());
    }
}

#[test]
fn what_is_built_otherwise_is_left_alone() {
    let unknown: [fn(&mut Writer, &str) -> String; 4] = [
        |file, sound| file.node("/dec/Relu", "Relu", &[sound], vec![]),
        |file, sound| file.node("/dec/Neg", "Neg", &[sound], vec![]),
        |file, sound| file.leaky("/dec/Leaky", sound, 0.3),
        |file, sound| file.convolution("/dec/more", sound, (1, 1, 3), 1),
    ];
    for change in unknown {
        let mut file = Writer::default();
        let output = decoder(&mut file, "latent", &USUAL, false);
        let output = change(&mut file, &output);
        assert!(found(file, &output).1.is_none());
    }
    // Kernels of one size can not be told apart.
    let mut file = Writer::default();
    let output = decoder(&mut file, "latent", &[(3, 1), (3, 2)], false);
    assert!(found(file, &output).1.is_none());
    // No last stage at all.
    let mut file = Writer::default();
    let output = file.convolution("/other", "latent", (CHANNELS, 1, 3), 1);
    assert!(found(file, &output).1.is_none());
}

#[test]
fn an_unknown_flow_is_left_to_rten_and_the_last_stage_is_not() {
    let mut file = Writer::default();
    let frames = flow(&mut file, "latent");
    let doubled = file.node("/flow/Double", "Add", &[&frames, &frames], vec![]);
    let output = decoder(&mut file, &doubled, &USUAL, false);
    let (inference, stages) = found(file, &output);
    let stages = stages.expect("a usual last stage");
    assert!(stages.flow.is_none());
    assert_eq!(stages.begin, inference.model.node_id(&doubled).unwrap());
}
