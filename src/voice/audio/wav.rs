//! WAV, the format of the house: written as a stream whose length nobody knows yet, or whole; read as it comes in.

use super::{AudioError, RATES, to_i16};
use bytes::Bytes;

/// The length that says "until the stream ends".
const UNKNOWN: u32 = u32::MAX;

/// What stands before mono samples of 16 bits, when their number is not known yet.
pub fn header(rate: u32) -> [u8; 44] {
    header_of(rate, UNKNOWN, UNKNOWN)
}

/// A whole file of mono samples of 16 bits.
pub fn file(samples: &[f32], rate: u32) -> Vec<u8> {
    let data = u32::try_from(samples.len() * 2).unwrap_or(UNKNOWN);
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend_from_slice(&header_of(rate, data.saturating_add(36), data));
    file.extend(samples.iter().flat_map(|sample| to_i16(*sample).to_le_bytes()));
    file
}

fn header_of(rate: u32, riff: u32, data: u32) -> [u8; 44] {
    let mut header = [0; 44];
    header[0..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&riff.to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16_u32.to_le_bytes());
    header[20..22].copy_from_slice(&1_u16.to_le_bytes());
    header[22..24].copy_from_slice(&1_u16.to_le_bytes());
    header[24..28].copy_from_slice(&rate.to_le_bytes());
    header[28..32].copy_from_slice(&rate.saturating_mul(2).to_le_bytes());
    header[32..34].copy_from_slice(&2_u16.to_le_bytes());
    header[34..36].copy_from_slice(&16_u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..44].copy_from_slice(&data.to_le_bytes());
    header
}

/// The samples of a WAV stream, as its bytes come in. The lengths in its header are not believed: the data goes on until
/// the stream ends.
#[derive(Default)]
pub struct Reader {
    waiting: Vec<u8>,
    layout: Option<Layout>,
    in_data: bool,
}

/// How one frame of samples lies in the bytes.
#[derive(Clone, Copy)]
struct Layout {
    rate: u32,
    channels: usize,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Integer16,
    Float32,
}

/// A header longer than this is none.
const LONGEST_HEADER: usize = 64 * 1024;

impl Reader {
    /// The rate, once the header has come in.
    pub fn rate(&self) -> Option<u32> {
        self.layout.filter(|_| self.in_data).map(|layout| layout.rate)
    }

    /// The mono samples that these bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, AudioError> {
        self.waiting.extend_from_slice(bytes);
        while !self.in_data {
            if !self.read_header()? {
                return Ok(Vec::new());
            }
        }
        let Some(layout) = self.layout else { return Err(AudioError::NotAudio) };
        let frame = layout.channels * layout.kind.bytes();
        let whole = self.waiting.len() / frame * frame;
        let samples = self.waiting[..whole].chunks_exact(frame).map(|frame| layout.sample(frame)).collect();
        self.waiting.drain(..whole);
        Ok(samples)
    }

    /// Takes one piece of the header off; false: more bytes are needed.
    fn read_header(&mut self) -> Result<bool, AudioError> {
        if self.waiting.starts_with(b"RIFF") || self.waiting.len() < 8 {
            if self.waiting.len() < 12 {
                return self.need_more();
            }
            if &self.waiting[..4] != b"RIFF" || &self.waiting[8..12] != b"WAVE" {
                return Err(AudioError::NotAudio);
            }
            self.waiting.drain(..12);
            return Ok(true);
        }
        let length = u32_at(&self.waiting, 4) as usize;
        if &self.waiting[..4] == b"data" {
            self.in_data = true;
            self.waiting.drain(..8);
            return if self.layout.is_some() { Ok(true) } else { Err(AudioError::NotAudio) };
        }
        if !self.waiting[..4].iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
            || length > LONGEST_HEADER
        {
            return Err(AudioError::NotAudio);
        }
        let end = 8 + length + length % 2;
        if self.waiting.len() < end {
            return self.need_more();
        }
        if &self.waiting[..4] == b"fmt " {
            self.layout = Some(Layout::read(&self.waiting[8..8 + length])?);
        }
        self.waiting.drain(..end);
        Ok(true)
    }

    fn need_more(&self) -> Result<bool, AudioError> {
        if self.waiting.len() > 2 * LONGEST_HEADER { Err(AudioError::NotAudio) } else { Ok(false) }
    }
}

impl Layout {
    /// Reads the `fmt ` chunk.
    fn read(chunk: &[u8]) -> Result<Self, AudioError> {
        if chunk.len() < 16 {
            return Err(AudioError::NotAudio);
        }
        let mut tag = u16_at(chunk, 0);
        // The extensible form keeps the tag at the beginning of a longer one.
        if tag == 0xFFFE && chunk.len() >= 26 {
            tag = u16_at(chunk, 24);
        }
        let kind = match (tag, u16_at(chunk, 14)) {
            (1, 16) => Kind::Integer16,
            (3, 32) => Kind::Float32,
            _ => return Err(AudioError::NotAudio),
        };
        let (channels, rate) = (usize::from(u16_at(chunk, 2)), u32_at(chunk, 4));
        if !(1..=8).contains(&channels) || !RATES.contains(&rate) {
            return Err(AudioError::Rate { rate });
        }
        Ok(Self { rate, channels, kind })
    }

    /// The mean of the channels of one frame.
    fn sample(self, frame: &[u8]) -> i16 {
        let sum: f32 = frame.chunks_exact(self.kind.bytes()).map(|bytes| self.kind.sample(bytes)).sum();
        #[expect(clippy::cast_precision_loss, reason = "at most eight")]
        let mean = sum / self.channels as f32;
        to_i16(mean)
    }
}

impl Kind {
    const fn bytes(self) -> usize {
        match self {
            Self::Integer16 => 2,
            Self::Float32 => 4,
        }
    }

    fn sample(self, bytes: &[u8]) -> f32 {
        match self {
            Self::Integer16 => super::to_f32(i16::from_le_bytes([bytes[0], bytes[1]])),
            Self::Float32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        }
    }
}

/// The file, or where it is a WAV whose data is said to be longer than it is (or empty, as streams say): one that says
/// how long it is.
pub fn with_true_lengths(file: &Bytes) -> Bytes {
    let Some(at) = data_chunk(file) else { return file.clone() };
    let here = u32::try_from(file.len() - at - 8).unwrap_or(u32::MAX);
    let said = u32_at(file, at + 4);
    if here == 0 || (1..=here).contains(&said) {
        return file.clone();
    }
    let mut mended = file.to_vec();
    mended[4..8].copy_from_slice(&u32::try_from(file.len() - 8).unwrap_or(u32::MAX).to_le_bytes());
    mended[at + 4..at + 8].copy_from_slice(&here.to_le_bytes());
    mended.into()
}

/// Where the `data` chunk of a WAV begins.
fn data_chunk(file: &[u8]) -> Option<usize> {
    if file.len() < 20 || &file[..4] != b"RIFF" || &file[8..12] != b"WAVE" {
        return None;
    }
    let mut at = 12_usize;
    while file.len() >= at + 8 {
        if &file[at..at + 4] == b"data" {
            return Some(at);
        }
        let length = u32_at(file, at + 4) as usize;
        at = at.checked_add(8 + length + length % 2)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
