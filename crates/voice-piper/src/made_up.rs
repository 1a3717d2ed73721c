//! For tests: a small voice that was never taught anything, as the exporter would write it down.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

/// Numbers between -1 and 1 that have nothing to do with each other.
pub fn numbers(seed: usize, many: usize) -> Vec<f32> {
    let mut state = u32::try_from(seed).unwrap().wrapping_mul(747_796_405).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    (0..many).map(|_| next()).collect()
}

/// Writes a model down, node by node; each method gives the name of what comes out.
#[derive(Default)]
pub struct Writer {
    graph: GraphProto,
}

static COUNT: AtomicUsize = AtomicUsize::new(0);

impl Writer {
    pub fn node(
        &mut self,
        name: &str,
        operator: &str,
        input: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        self.many(name, operator, input, attribute, 1).remove(0)
    }

    fn many(
        &mut self,
        name: &str,
        operator: &str,
        input: &[&str],
        attribute: Vec<AttributeProto>,
        outputs: usize,
    ) -> Vec<String> {
        let output: Vec<String> = (0..outputs).map(|it| format!("{name}_output_{it}")).collect();
        self.graph.node.push(NodeProto {
            name: Some(name.into()),
            op_type: Some(operator.into()),
            input: input.iter().map(|it| (*it).to_owned()).collect(),
            output: output.clone(),
            attribute,
            ..NodeProto::default()
        });
        output
    }

    fn tensor(&mut self, name: &str, shape: &[usize], raw: Vec<u8>, data_type: DataType) {
        self.graph.initializer.push(TensorProto {
            name: Some(name.into()),
            dims: shape.iter().map(|it| i64::try_from(*it).unwrap()).collect(),
            data_type: Some(data_type),
            raw_data: Some(RefCell::new(raw)),
            ..TensorProto::default()
        });
    }

    fn weights(&mut self, name: &str, shape: &[usize], scale: f32) {
        let many = shape.iter().product();
        let numbers = numbers(self.graph.initializer.len(), many);
        let raw = numbers.iter().flat_map(|it| (it * scale).to_le_bytes()).collect();
        self.tensor(name, shape, raw, DataType::FLOAT);
    }

    pub fn whole_numbers(&mut self, name: &str, numbers: &[i64]) {
        let raw = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        self.tensor(name, &[numbers.len()], raw, DataType::INT64);
    }

    pub fn float(&mut self, name: &str, number: f32) {
        self.tensor(name, &[], number.to_le_bytes().to_vec(), DataType::FLOAT);
    }

    /// A convolution of so many inputs, outputs and taps.
    pub fn convolution(
        &mut self,
        name: &str,
        input: &str,
        (inputs, outputs, taps): (usize, usize, usize),
        dilation: usize,
    ) -> String {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.weights(&weight, &[outputs, inputs, taps], 1.0 / root(inputs * taps));
        self.weights(&bias, &[outputs], 0.1);
        let pad = taps / 2 * dilation;
        let attributes =
            vec![ints("dilations", &[dilation]), ints("pads", &[pad, pad]), ints("strides", &[1])];
        self.node(&format!("{name}/Conv"), "Conv", &[input, &weight, &bias], attributes)
    }

    pub fn widening(
        &mut self,
        name: &str,
        input: &str,
        (inputs, outputs, taps): (usize, usize, usize),
        stride: usize,
    ) -> String {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.weights(&weight, &[inputs, outputs, taps], 1.0 / root(inputs));
        self.weights(&bias, &[outputs], 0.1);
        let pad = (taps - stride) / 2;
        let attributes = vec![ints("dilations", &[1]), ints("pads", &[pad, pad]), ints("strides", &[stride])];
        self.node(&format!("{name}/ConvTranspose"), "ConvTranspose", &[input, &weight, &bias], attributes)
    }

    pub fn leaky(&mut self, name: &str, input: &str, alpha: f32) -> String {
        let alpha = AttributeProto { f: Some(alpha), ..named("alpha", AttributeType::FLOAT) };
        self.node(name, "LeakyRelu", &[input], vec![alpha])
    }

    pub fn halves(&mut self, name: &str, input: &str, half: usize) -> (String, String) {
        let sizes = format!("{name}.sizes");
        self.whole_numbers(&sizes, &[i64::try_from(half).unwrap(); 2]);
        let mut both = self.many(name, "Split", &[input, &sizes], vec![int("axis", 1)], 2);
        let second = both.pop().unwrap();
        (both.pop().unwrap(), second)
    }

    pub fn beside(&mut self, name: &str, one: &str, other: &str) -> String {
        self.node(name, "Concat", &[one, other], vec![int("axis", 1)])
    }

    /// A file with the model; the inputs have so many channels.
    pub fn file(mut self, inputs: &[(&str, usize)], output: &str) -> PathBuf {
        self.graph.input = inputs.iter().map(|(name, channels)| value(name, Some(*channels))).collect();
        self.graph.output = vec![value(output, None)];
        let model = ModelProto {
            ir_version: Some(8),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: None, version: Some(15) }],
            ..ModelProto::default()
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("voice-piper-{}-{number}.onnx", std::process::id()));
        std::fs::write(&path, model.write_buf().unwrap()).unwrap();
        path
    }
}

fn root(number: usize) -> f32 {
    f32::from(u16::try_from(number).unwrap()).sqrt()
}

fn named(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(kind), ..AttributeProto::default() }
}

fn ints(name: &str, numbers: &[usize]) -> AttributeProto {
    let ints = numbers.iter().map(|it| i64::try_from(*it).unwrap()).collect();
    AttributeProto { ints, ..named(name, AttributeType::INTS) }
}

fn int(name: &str, number: i64) -> AttributeProto {
    AttributeProto { i: Some(number), ..named(name, AttributeType::INT) }
}

fn value(name: &str, channels: Option<usize>) -> ValueInfoProto {
    let known = |size: i64| Dimension { dim_value: Some(size), ..Dimension::default() };
    let time = Dimension { dim_param: Some("time".into()), ..Dimension::default() };
    let shape = channels.map(|channels| TensorShapeProto {
        dim: vec![known(1), known(i64::try_from(channels).unwrap()), time],
    });
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto {
            tensor_type: Some(TypeProtoTensor { elem_type: Some(DataType::FLOAT), shape }),
            ..TypeProto::default()
        }),
    }
}
