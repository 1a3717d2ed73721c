//! A voice's ONNX file as `rten` runs it: from values that are given to one that is wanted.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::Tensor;

pub struct Inference {
    pub model: Model,
    pub pool: Arc<ThreadPool>,
    pub output: NodeId,
}

impl Inference {
    pub fn load(path: &Path, threads: usize) -> Result<Self> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(path)?;
        let output = *model.output_ids().first().context("the model has no output")?;
        Ok(Self { model, pool: Arc::new(ThreadPool::with_num_threads(threads)), output })
    }

    pub fn compute(&self, inputs: Vec<(NodeId, ValueOrView)>, wanted: NodeId) -> Result<Tensor<f32>> {
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let [value] = self.model.run_n(inputs, [wanted], Some(options))?;
        value.into_tensor::<f32>().context("the model gives no sound")
    }
}
