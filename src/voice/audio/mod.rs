//! Sound in files: any recording becomes samples to listen to, samples become the format a caller asked for. Plain
//! synchronous functions over bytes; whoever calls them does so off the async threads. It knows no engines and no HTTP.
//!
//! Lengths and counts that a file claims are never believed: sound is counted as it is decoded.

mod decode;
mod encode;
mod flac;
mod mp3;
mod ogg;
mod opus;
mod resample;
#[cfg(test)]
mod tests;
pub mod wav;

pub use decode::{Decoded, decode};
pub use encode::{Encode, Format, encoder};
pub use resample::Resampler;

/// Sample rates that sound may have; what is outside is no sound that people recorded.
pub const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// Why there is no sound, in words that a caller may read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AudioError {
    #[error("The file holds no sound.")]
    Empty,
    #[error("The file is no audio that can be read here. Formats: wav, mp3, m4a, webm, ogg, flac.")]
    NotAudio,
    #[error("The file is damaged or breaks off: no sound can be read from it.")]
    Broken,
    #[error("The recording is longer than {seconds} seconds.")]
    TooLong { seconds: u32 },
    #[error("Sound with {rate} samples a second can not be used.")]
    Rate { rate: u32 },
    /// Whoever wanted the sound is gone.
    #[error("Nobody waits for the sound any more.")]
    Cancelled,
}

/// One sample as 16 bits.
pub fn to_i16(sample: f32) -> i16 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of i16")]
    let rounded = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
    rounded
}

/// One sample of 16 bits, between −1 and 1.
pub fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}
