//! MP3, by a pure-Rust encoder: constant bit rate, so that a player of a stream knows where it is without an index.

use rusty_mp3::{Mp3Encoder, Mp3EncoderConfig};

use super::encode::Encode;

/// Kilobits a second: transparent for one voice.
const BIT_RATE: u32 = 96;

/// MPEG-2 knows three rates, and the encoder streams these only: of MPEG-1 it gives nothing before the end.
pub fn rate(rate: u32) -> u32 {
    if matches!(rate, 16_000 | 22_050 | 24_000) { rate } else { 24_000 }
}

pub struct Writer {
    encoder: Mp3Encoder,
    rate: u32,
    tag_is_gone: bool,
}

impl Writer {
    pub fn new(rate: u32) -> Self {
        let encoder = Mp3Encoder::new(Mp3EncoderConfig { bitrate_kbps: BIT_RATE, vbr_quality: None });
        Self { encoder, rate, tag_is_gone: false }
    }

    /// The frames that are ready. The first is a tag with the length of the whole, which nobody knows yet: it is left out.
    fn frames(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Ok(frame) = self.encoder.next_packet() {
            if self.tag_is_gone {
                bytes.extend(frame);
            }
            self.tag_is_gone = true;
        }
        bytes
    }
}

impl Encode for Writer {
    fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        self.encoder.push_pcm_s16(samples, 1, self.rate).expect("a rate of MPEG audio");
        self.frames()
    }

    fn finish(&mut self) -> Vec<u8> {
        self.encoder.finish();
        self.frames()
    }
}
