//! Samples become the format a caller asked for, piece by piece: what is pushed comes out as bytes as early as the format
//! allows. AAC is missing: there is no encoder that is both permissively licensed and proven.

use super::{AudioError, Resampler, flac, mp3, opus, to_f32, to_i16, wav};

/// The formats that speech can be had in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    Wav,
    Mp3,
    Opus,
    Flac,
    Pcm,
}

/// The rate of `pcm`, which has no header that could tell: as the `OpenAI` protocol says.
const PCM_RATE: u32 = 24_000;

impl Format {
    pub const ALL: [Self; 5] = [Self::Wav, Self::Mp3, Self::Opus, Self::Flac, Self::Pcm];

    /// The name in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Flac => "flac",
            Self::Pcm => "pcm",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/ogg",
            Self::Flac => "audio/flac",
            Self::Pcm => "audio/pcm",
        }
    }

    /// The rate it is written in when the samples have this one.
    fn rate(self, rate: u32) -> u32 {
        match self {
            Self::Wav => rate,
            Self::Pcm => PCM_RATE,
            Self::Mp3 => mp3::rate(rate),
            Self::Opus => opus::rate(rate),
            Self::Flac => flac::rate(rate),
        }
    }
}

/// Something that writes mono samples in a format.
pub trait Encode: Send {
    /// The bytes that are certain after these samples.
    fn push(&mut self, samples: &[i16]) -> Vec<u8>;
    /// The last bytes.
    fn finish(&mut self) -> Vec<u8>;
}

/// A writer of the format for samples of this rate.
pub fn encoder(format: Format, rate: u32) -> Result<Box<dyn Encode>, AudioError> {
    let written = format.rate(rate);
    let writer: Box<dyn Encode> = match format {
        Format::Wav => Box::new(Raw { header: wav::header(written).to_vec() }),
        Format::Pcm => Box::new(Raw { header: Vec::new() }),
        Format::Mp3 => Box::new(mp3::Writer::new(written)),
        Format::Opus => Box::new(opus::Writer::new(written)?),
        Format::Flac => Box::new(flac::Writer::new(written)?),
    };
    let resampler = Resampler::new(rate, written)?;
    Ok(if rate == written { writer } else { Box::new(Resampled { resampler, writer }) })
}

/// Samples as they are, perhaps after a header.
struct Raw {
    header: Vec<u8>,
}

impl Encode for Raw {
    fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.header);
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.header)
    }
}

/// Brings the samples to the writer's rate first.
struct Resampled {
    resampler: Resampler,
    writer: Box<dyn Encode>,
}

impl Encode for Resampled {
    fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        let samples: Vec<f32> = samples.iter().map(|sample| to_f32(*sample)).collect();
        let mut changed = Vec::new();
        self.resampler.push(&samples, &mut changed);
        self.writer.push(&narrow(&changed))
    }

    fn finish(&mut self) -> Vec<u8> {
        let mut changed = Vec::new();
        self.resampler.finish(&mut changed);
        let mut bytes = self.writer.push(&narrow(&changed));
        bytes.extend(self.writer.finish());
        bytes
    }
}

fn narrow(samples: &[f32]) -> Vec<i16> {
    samples.iter().map(|sample| to_i16(*sample)).collect()
}
