//! A voice's ONNX file as `rten` runs it: from values that are given to one that is wanted.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rten::{Model, ModelOptions, NodeId, OpRegistry, RunOptions, ThreadPool, ValueOrView, op_registry};
use rten_tensor::Tensor;

/// What the graphs of voices consist of, and a little more: the rest of `rten` need not be in the program.
#[rustfmt::skip]
fn operators() -> OpRegistry {
    op_registry!(
        Abs, Add, And, Cast, Ceil, Clip, Concat, ConstantOfShape, Conv, ConvTranspose, CumSum, Div, Equal, Erf, Exp, Expand,
        Flatten, Floor, Gather, GatherElements, GatherND, Gelu, Gemm, Greater, GreaterOrEqual, Identity, If,
        LayerNormalization, LeakyRelu, Less, LessOrEqual, Log, MatMul, Max, Min, Mod, Mul, Neg, NonZero, Not, Or, Pad, Pow,
        RandomNormal, RandomNormalLike, RandomUniform, RandomUniformLike, Range, Reciprocal, ReduceMax, ReduceMean,
        ReduceMin, ReduceProd, ReduceSum, Relu, Reshape, ScatterElements, ScatterND, Shape, Sigmoid, Sign, Size, Slice,
        Softmax, Softplus, Split, Sqrt, Squeeze, Sub, Tanh, Tile, Transpose, Unsqueeze, Where
    )
}

pub struct Inference {
    pub model: Model,
    pub pool: Arc<ThreadPool>,
    pub output: NodeId,
}

impl Inference {
    pub fn load(path: &Path, threads: usize) -> Result<Self> {
        let model = ModelOptions::with_ops(operators()).prepack_weights(true).load_file(path)?;
        let output = *model.output_ids().first().context("the model has no output")?;
        Ok(Self { model, pool: Arc::new(ThreadPool::with_num_threads(threads)), output })
    }

    pub fn compute(&self, inputs: Vec<(NodeId, ValueOrView)>, wanted: NodeId) -> Result<Tensor<f32>> {
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let [value] = self.model.run_n(inputs, [wanted], Some(options))?;
        value.into_tensor::<f32>().context("the model gives no sound")
    }
}
