//! The decoder: SNAC at 24 kHz, by candle.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::snac::{Config, Model};

use crate::{FRAME, Window};

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
pub enum NoSound {
    #[error("{path} can not be read: {error}")]
    File { path: String, error: std::io::Error },
    #[error("SNAC: {0}")]
    Decoder(#[from] candle_core::Error),
}

/// SNAC in memory.
pub struct Snac {
    model: Model,
    device: Device,
}

impl Snac {
    /// Reads `snac_24khz.safetensors`.
    pub fn open(path: &Path) -> Result<Self, NoSound> {
        let bytes =
            std::fs::read(path).map_err(|error| NoSound::File { path: path.display().to_string(), error })?;
        let weights = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)?;
        Self::new(&shape(), weights)
    }

    fn new(shape: &Config, weights: VarBuilder<'_>) -> Result<Self, NoSound> {
        Ok(Self { model: Model::new(shape, weights)?, device: Device::Cpu })
    }

    /// The samples of a window that are to be kept.
    pub fn decode(&self, window: &Window) -> Result<Vec<f32>, NoSound> {
        let layer = |codes: &Vec<u32>| Tensor::from_slice(codes, (1, codes.len()), &self.device);
        let layers = window.layers.iter().map(layer).collect::<Result<Vec<_>, _>>()?;
        let sound = self.model.decode(&layers.iter().collect::<Vec<_>>())?;
        let samples: Vec<f32> = sound.flatten_all()?.to_vec1()?;
        let whole = window.layers[0].len() * FRAME;
        if samples.len() < whole {
            return Err(candle_core::Error::Msg(format!("{} samples for {whole}", samples.len())).into());
        }
        Ok(samples[window.keep.clone()].to_vec())
    }
}

/// The shape of the published 24 kHz model.
fn shape() -> Config {
    Config {
        sampling_rate: 24_000,
        encoder_dim: 48,
        encoder_rates: vec![2, 4, 8, 8],
        decoder_dim: 1_024,
        decoder_rates: vec![8, 8, 4, 2],
        attn_window_size: None,
        codebook_size: 4_096,
        codebook_dim: 8,
        vq_strides: vec![4, 2, 1],
        noise: true,
        depthwise: true,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Result, Shape};
    use candle_nn::Init;
    use candle_nn::var_builder::SimpleBackend;

    use super::*;
    use crate::Frames;

    /// Weights that have learnt nothing. As in the published file, a convolution over seven samples that keeps the
    /// number of channels takes each of them by itself: asked for more, there is no such tensor.
    struct Unlearnt;

    impl SimpleBackend for Unlearnt {
        fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
            match shape.dims() {
                [to, from, 7] if to == from && *to > 1 => {
                    Err(candle_core::Error::Msg(format!("{name}: {shape:?}")))
                }
                _ => Tensor::ones(shape, dtype, device),
            }
        }

        fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
            Err(candle_core::Error::Msg(format!("{name} is asked for without a shape")))
        }

        fn contains_tensor(&self, _: &str) -> bool {
            true
        }
    }

    /// They show that the shapes fit: so many samples for so many frames.
    #[test]
    fn a_frame_is_2048_samples() {
        let mut shape = shape();
        // As deep as the real one, but thinner.
        (shape.encoder_dim, shape.decoder_dim) = (8, 64);
        let weights = VarBuilder::from_backend(Box::new(Unlearnt), DType::F32, Device::Cpu);
        let snac = Snac::new(&shape, weights).unwrap();
        let mut frames = Frames::default();
        let window = (0..28).find_map(|at| frames.push(128_266 + (at % 7) * 4_096)).unwrap();
        assert_eq!(snac.decode(&window).unwrap().len(), 2 * FRAME);
        assert_eq!(snac.decode(&frames.finish().unwrap()).unwrap().len(), 2 * FRAME);
    }
}
