//! What an ONNX file says of the convolutions of a voice: shapes, weights, strides and dilations, in the order in which
//! they are computed. It knows the format, and nothing of what the parts of a voice mean.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use rten_onnx::onnx::{AttributeProto, DataType, ModelProto, NodeProto, TensorProto};

pub struct Graph {
    nodes: Vec<NodeProto>,
    tensors: HashMap<String, TensorProto>,
}

/// A convolution, or one that is transposed, as it is written down.
#[derive(Clone, Debug)]
pub struct Layer {
    pub transposed: bool,
    pub inputs: usize,
    pub outputs: usize,
    pub taps: usize,
    pub stride: usize,
    pub dilation: usize,
    pub padding: usize,
    weights: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Layer {
    pub fn weight(&self, output: usize, input: usize, tap: usize) -> f32 {
        let row = if self.transposed { input * self.outputs + output } else { output * self.inputs + input };
        self.weights[row * self.taps + tap]
    }

    /// That it gives as many moments as it takes, and looks as far back as ahead.
    pub fn is_centred(&self) -> bool {
        !self.transposed
            && self.stride == 1
            && self.taps % 2 == 1
            && self.padding == self.taps / 2 * self.dilation
    }
}

impl Graph {
    pub fn read(path: &Path) -> Result<Self> {
        Self::new(ModelProto::parse_file(File::open(path)?)?)
    }

    pub fn new(model: ModelProto) -> Result<Self> {
        let graph = model.graph.context("the model has no graph")?;
        let named = |it: TensorProto| it.name.clone().map(|name| (name, it));
        Ok(Self { nodes: graph.node, tensors: graph.initializer.into_iter().filter_map(named).collect() })
    }

    /// The nodes of a module of the voice: the exporter names them by their path.
    fn module(&self, path: &'static str) -> impl Iterator<Item = &NodeProto> {
        self.nodes.iter().filter(move |node| node.name.as_ref().is_some_and(|name| name.starts_with(path)))
    }

    /// The name of what a module is given.
    pub fn input(&self, path: &'static str) -> Option<&str> {
        self.module(path).next()?.input.first().map(String::as_str)
    }

    /// The name of what the first operation of this kind in a module takes beside its first input.
    pub fn beside(&self, path: &'static str, operator: &str) -> Option<&str> {
        let node = self.module(path).find(|node| node.op_type.as_deref() == Some(operator))?;
        node.input.get(1).map(String::as_str)
    }

    /// By how much each leaky `ReLU` of a module multiplies what is negative, in order.
    pub fn slopes(&self, path: &'static str) -> Vec<f32> {
        let leaky = self.module(path).filter(|node| node.op_type.as_deref() == Some("LeakyRelu"));
        leaky.map(|node| attribute(node, "alpha").and_then(|it| it.f).unwrap_or(0.01)).collect()
    }

    /// The convolutions of a module; `None` where one of them is none that could be computed here.
    pub fn layers(&self, path: &'static str) -> Option<Vec<Layer>> {
        self.module(path)
            .filter_map(|node| match node.op_type.as_deref() {
                Some("Conv") => Some(self.layer(node, false)),
                Some("ConvTranspose") => Some(self.layer(node, true)),
                _ => None,
            })
            .collect()
    }

    fn layer(&self, node: &NodeProto, transposed: bool) -> Option<Layer> {
        let (shape, weights) = self.floats(node.input.get(1)?)?;
        let &[first, second, taps] = shape.as_slice() else { return None };
        let (inputs, outputs) = if transposed { (first, second) } else { (second, first) };
        let bias = match node.input.get(2) {
            Some(name) => self.floats(name)?.1,
            None => Vec::new(),
        };
        let number = |name, usual| number(node, name, usual);
        let pads = attribute(node, "pads").map_or(&[0, 0][..], |it| &it.ints);
        let usual = number("group", 1)? == 1
            && attribute(node, "output_padding").is_none()
            && attribute(node, "auto_pad").is_none()
            && pads.iter().all(|pad| *pad == pads[0]);
        let padding = usize::try_from(*pads.first()?).ok()?;
        let (stride, dilation) = (number("strides", 1)?, number("dilations", 1)?);
        usual.then_some(Layer { transposed, inputs, outputs, taps, stride, dilation, padding, weights, bias })
    }

    fn floats(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let tensor = self.tensors.get(name)?;
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|it| usize::try_from(*it).ok()).collect();
        let shape = shape?;
        let values = match &tensor.raw_data {
            Some(raw) => raw.borrow().as_chunks().0.iter().map(|it| f32::from_le_bytes(*it)).collect(),
            None => tensor.float_data.clone(),
        };
        let whole =
            tensor.data_type == Some(DataType::FLOAT) && values.len() == shape.iter().product::<usize>();
        whole.then_some((shape, values))
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|it| it.name.as_deref() == Some(name))
}

/// A number, or a list of just one.
fn number(node: &NodeProto, name: &str, usual: usize) -> Option<usize> {
    match attribute(node, name) {
        None => Some(usual),
        Some(AttributeProto { i: Some(number), .. }) => usize::try_from(*number).ok(),
        Some(AttributeProto { ints, .. }) => match ints.as_slice() {
            [number] => usize::try_from(*number).ok(),
            _ => None,
        },
    }
}
