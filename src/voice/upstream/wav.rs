//! A WAV file that is still being written, read as it comes: its header, then its samples. Lengths in the header are
//! not believed, because a server that streams does not know them; only mono with 16 bits is taken.

use bytes::{Buf, Bytes, BytesMut};

/// A header longer than this is none.
const LONGEST_HEADER: usize = 64 * 1024;

/// `WAVE_FORMAT_PCM`, and the form whose real kind stands further behind.
const PCM: u16 = 1;
const EXTENSIBLE: u16 = 0xFFFE;

/// Why a sound is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NoWav {
    #[error("its sound is no WAV")]
    Other,
    #[error(
        "its sound has {channels} channels of {bits} bits in encoding {encoding}; mono PCM of 16 bits is needed"
    )]
    Form { channels: u16, bits: u16, encoding: u16 },
}

/// Gathers a header from however small pieces.
#[derive(Default)]
pub(super) struct Header {
    seen: BytesMut,
}

impl Header {
    /// Takes the next bytes; once the header is whole, gives the rate and the bytes behind it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<(u32, Bytes)>, NoWav> {
        self.seen.extend_from_slice(bytes);
        let found = parse(&self.seen)?;
        if found.is_none() && self.seen.len() > LONGEST_HEADER {
            return Err(NoWav::Other);
        }
        Ok(found.map(|(rate, at)| (rate, self.seen.split_off(at).freeze())))
    }
}

/// The rate, and where the samples begin; `None` if the header goes on.
fn parse(seen: &[u8]) -> Result<Option<(u32, usize)>, NoWav> {
    let known = seen.len().min(4);
    if seen[..known] != b"RIFF"[..known] || (seen.len() >= 12 && &seen[8..12] != b"WAVE") {
        return Err(NoWav::Other);
    }
    let (mut at, mut rate) = (12, None);
    while let Some(chunk) = seen.get(at..at + 8) {
        let (name, mut length) = chunk.split_at(4);
        if name == b"data" {
            return rate.map(|rate| Some((rate, at + 8))).ok_or(NoWav::Other);
        }
        let length = length.get_u32_le() as usize;
        if length > LONGEST_HEADER {
            return Err(NoWav::Other);
        }
        if name == b"fmt " {
            let Some(format) = seen.get(at + 8..at + 8 + length) else { return Ok(None) };
            rate = Some(rate_of(format)?);
        }
        at += 8 + length + length % 2;
    }
    Ok(None)
}

/// The rate that a `fmt ` chunk tells, if its form is ours.
fn rate_of(mut format: &[u8]) -> Result<u32, NoWav> {
    if format.len() < 16 {
        return Err(NoWav::Other);
    }
    let (encoding, channels, rate) = (format.get_u16_le(), format.get_u16_le(), format.get_u32_le());
    format.advance(6);
    let bits = format.get_u16_le();
    let inner = if encoding == EXTENSIBLE && format.len() >= 10 {
        u16::from_le_bytes([format[8], format[9]])
    } else {
        encoding
    };
    match (inner, channels, bits, rate) {
        (_, _, _, 0) => Err(NoWav::Other),
        (PCM, 1, 16, rate) => Ok(rate),
        _ => Err(NoWav::Form { channels, bits, encoding: inner }),
    }
}

/// Makes samples of bytes that may be cut anywhere.
#[derive(Default)]
pub(super) struct Samples {
    half: Option<u8>,
}

impl Samples {
    pub fn push(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
        let mut bytes = bytes;
        if let (Some(low), [high, rest @ ..]) = (self.half, bytes) {
            samples.push(i16::from_le_bytes([low, *high]));
            (self.half, bytes) = (None, rest);
        }
        let pairs = bytes.chunks_exact(2);
        if let [low] = pairs.remainder() {
            self.half = Some(*low);
        }
        samples.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::audio::{to_f32, wav};

    /// Feeds `file` in pieces of `size` and gives the rate and the samples.
    fn read(file: &[u8], size: usize) -> Result<(u32, Vec<i16>), NoWav> {
        let (mut header, mut samples) = (Header::default(), Samples::default());
        let (mut rate, mut heard) = (None, Vec::new());
        for piece in file.chunks(size) {
            match rate {
                Some(_) => heard.extend(samples.push(piece)),
                None => {
                    if let Some((found, rest)) = header.push(piece)? {
                        rate = Some(found);
                        heard.extend(samples.push(&rest));
                    }
                }
            }
        }
        Ok((rate.unwrap_or_default(), heard))
    }

    fn file(rate: u32, samples: &[i16]) -> Vec<u8> {
        wav::file(&samples.iter().copied().map(to_f32).collect::<Vec<_>>(), rate)
    }

    #[test]
    fn any_cut_gives_the_same_samples() {
        let samples: Vec<i16> = (-300..300).map(|it| it * 100).collect();
        let file = file(22_050, &samples);
        for size in [1, 2, 3, 7, 44, 45, 10_000] {
            assert_eq!(read(&file, size), Ok((22_050, samples.clone())), "pieces of {size}");
        }
    }

    #[test]
    fn lengths_are_not_believed_and_other_chunks_are_passed_over() {
        let mut wav = b"RIFF\xff\xff\xff\xffWAVELIST\x05\0\0\0INFO!\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend_from_slice(&[0xC0, 0x5D, 0, 0, 0x80, 0xBB, 0, 0, 2, 0, 16, 0]);
        wav.extend_from_slice(b"data\0\0\0\0\x01\0\x02\0");
        assert_eq!(read(&wav, 5), Ok((24_000, vec![1, 2])));
    }

    #[test]
    fn a_stream_of_ours_is_read_as_it_comes() {
        let samples: Vec<i16> = (0..11_025).map(|it| it * 2).collect();
        let mut stream = wav::header(22_050).to_vec();
        // A chunk that nobody asked for stands before the sound, as some servers write it.
        stream.splice(36..36, *b"LIST\x05\0\0\0hello\0");
        stream.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        for piece in [1, 3, 4_096, stream.len()] {
            assert_eq!(read(&stream, piece), Ok((22_050, samples.clone())), "in pieces of {piece}");
        }
    }

    #[test]
    fn other_forms_are_refused_by_name() {
        let mut stereo = file(24_000, &[1, 2]);
        stereo[22] = 2;
        assert_eq!(read(&stereo, 9), Err(NoWav::Form { channels: 2, bits: 16, encoding: 1 }));
        let mut float = file(24_000, &[1, 2]);
        (float[20], float[34]) = (3, 32);
        assert_eq!(read(&float, 9), Err(NoWav::Form { channels: 1, bits: 32, encoding: 3 }));
        assert_eq!(read(b"ID3\x04 an mp3", 4), Err(NoWav::Other));
        assert_eq!(read(b"{\"error\": {\"message\": \"no\"}}", 40), Err(NoWav::Other));
        assert_eq!(read(&[b'R', b'I', b'F', b'F'].repeat(20_000), 999), Err(NoWav::Other));
    }
}
