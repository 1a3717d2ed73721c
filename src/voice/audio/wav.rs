//! WAV, the format of the house: written as a stream whose length nobody knows yet, or whole. What upstreams say in it is
//! read in `upstream/wav.rs`, what callers upload in `decode.rs`.

use super::to_i16;
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

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
