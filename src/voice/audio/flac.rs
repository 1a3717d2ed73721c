//! FLAC, by a pure-Rust encoder, frame by frame: the header leaves open how long the sound is, as the format allows.

use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr, Stream, StreamInfo};
use flacenc::config::Encoder;
use flacenc::error::{Verified, Verify};
use flacenc::source::{Fill, FrameBuf};

use super::AudioError;
use super::encode::Encode;

/// Samples a frame: a tenth of a second of speech, so that it does not wait for long.
const BLOCK: usize = 2048;

/// FLAC keeps the rate; players need no more than this.
pub fn rate(rate: u32) -> u32 {
    rate.min(48_000)
}

pub struct Writer {
    configuration: Verified<Encoder>,
    info: StreamInfo,
    header: Vec<u8>,
    waiting: Vec<i32>,
    frames: usize,
}

impl Writer {
    pub fn new(rate: u32) -> Result<Self, AudioError> {
        let unusable = AudioError::Rate { rate };
        let mut configuration = Encoder::default();
        configuration.block_size = BLOCK;
        let configuration = configuration.into_verified().map_err(|_| unusable)?;
        let mut info = StreamInfo::new(rate as usize, 1, 16).map_err(|_| unusable)?;
        info.set_block_sizes(BLOCK, BLOCK).map_err(|_| unusable)?;
        let header = bytes_of(&Stream::with_stream_info(info.clone()));
        Ok(Self { configuration, info, header, waiting: Vec::new(), frames: 0 })
    }

    fn frame(&mut self, length: usize) -> Vec<u8> {
        let samples: Vec<i32> = self.waiting.drain(..length).collect();
        let mut buffer = FrameBuf::with_size(1, length).expect("one channel of a legal block");
        buffer.fill_interleaved(&samples).expect("as long as the buffer");
        let frame = flacenc::encode_fixed_size_frame(&self.configuration, &buffer, self.frames, &self.info)
            .expect("samples of 16 bits and a small number");
        self.frames += 1;
        bytes_of(&frame)
    }
}

fn bytes_of(component: &impl BitRepr) -> Vec<u8> {
    let mut sink = ByteSink::new();
    component.write(&mut sink).expect("writing into memory");
    sink.into_inner()
}

impl Encode for Writer {
    fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.header);
        self.waiting.extend(samples.iter().copied().map(i32::from));
        while self.waiting.len() >= BLOCK {
            bytes.extend(self.frame(BLOCK));
        }
        bytes
    }

    fn finish(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.header);
        if !self.waiting.is_empty() {
            // The encoder takes no frame shorter than this; silence fills it up.
            let length = self.waiting.len().max(64);
            self.waiting.resize(length, 0);
            bytes.extend(self.frame(length));
        }
        bytes
    }
}
