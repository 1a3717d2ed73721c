//! A recording becomes samples: the container is told by the content and never by a name, the sound is mixed to one
//! channel and brought to the rate of listening. Made for files of strangers: samples are counted as they are decoded,
//! all channels of them, and once more at the rate of listening, and both counts stop at the limit; the rate changes a
//! few times only. So a small file that unfolds to hours, however many its channels and however high its rate, costs
//! about as much as an honest one of the longest length.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::{AudioError, RATES, Resampler, wav};
use crate::voice::LISTENING_RATE;

/// How often the rate may change within a file: whoever joins recordings does so a few times, and every change builds a
/// resampler, which for two rates without a common divisor takes as long as minutes of sound.
const RATE_CHANGES: usize = 8;
/// What an honest recording has before it is mixed: stereo, 48,000 times a second.
const HONEST_RATE: usize = 2 * 48_000;

/// `symphonia`'s decoders, and libopus for the one it lacks.
static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    symphonia::default::register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
    codecs
});

/// What was in a file.
#[derive(Debug)]
pub struct Decoded {
    /// Mono, −1 to 1, [`LISTENING_RATE`] samples a second; at least one.
    pub samples: Vec<f32>,
    /// The ending of a file name that tells this container, without the dot.
    pub ending: &'static str,
}

/// Decodes a whole file. `cancelled` is looked at after every packet.
///
/// A file that breaks off gives the sound before the break; one that gives no sound at all is an error.
pub fn decode(file: &Bytes, max_seconds: u32, cancelled: &AtomicBool) -> Result<Decoded, AudioError> {
    if file.is_empty() {
        return Err(AudioError::Empty);
    }
    // The decoders are memory-safe, yet a stranger's file may trip over one of their assertions.
    catch_unwind(AssertUnwindSafe(|| read(file, max_seconds, cancelled))).unwrap_or(Err(AudioError::Broken))
}

fn read(file: &Bytes, max_seconds: u32, cancelled: &AtomicBool) -> Result<Decoded, AudioError> {
    let mut format = open(wav::with_true_lengths(file))?;
    let ending = ending_of(format.format_info().short_name);
    let (mut track, mut decoder) = choose(format.as_ref())?;
    let mut hearing = Hearing::new(max_seconds);
    // Every packet has at least one byte, except those of tables that claim millions of empty ones.
    let mut packets_left = file.len();
    loop {
        match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => match decoder.decode(&packet) {
                Ok(sound) => {
                    sound.copy_to_vec_interleaved(&mut hearing.packet);
                    hearing.add(sound.spec().rate(), sound.spec().channels().count())?;
                }
                // A damaged packet is skipped, as players do.
                Err(Error::DecodeError(_) | Error::IoError(_)) => hearing.damaged += 1,
                Err(_) => break,
            },
            Ok(Some(_)) => {}
            // The next one of several streams that were written one after the other.
            Err(Error::ResetRequired) => (track, decoder) = choose(format.as_ref())?,
            Ok(None) | Err(_) => break,
        }
        if cancelled.load(Ordering::Relaxed) {
            return Err(AudioError::Cancelled);
        }
        packets_left = match packets_left.checked_sub(1) {
            Some(left) => left,
            None => break,
        };
    }
    Ok(Decoded { samples: hearing.finish()?, ending })
}

fn open(file: Bytes) -> Result<Box<dyn FormatReader>, AudioError> {
    let failure = if begins_like_a_recording(&file) { AudioError::Broken } else { AudioError::NotAudio };
    let stream = MediaSourceStream::new(Box::new(Cursor::new(file)), MediaSourceStreamOptions::default());
    symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|_| failure)
}

/// Whether the first bytes are those of a container, so that what can not be read is damaged and not something else.
fn begins_like_a_recording(file: &[u8]) -> bool {
    [b"RIFF".as_slice(), b"fLaC", b"OggS", b"ID3", b"\x1A\x45\xDF\xA3"]
        .iter()
        .any(|mark| file.starts_with(mark))
        || file.get(4..8) == Some(b"ftyp")
}

/// The sound track and a decoder for it.
fn choose(format: &dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>), AudioError> {
    let track = format.default_track(TrackType::Audio).ok_or(AudioError::NotAudio)?;
    let parameters =
        track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or(AudioError::NotAudio)?;
    let decoder = CODECS
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| AudioError::NotAudio)?;
    Ok((track.id, decoder))
}

fn ending_of(container: &str) -> &'static str {
    match container {
        "wave" => "wav",
        "flac" => "flac",
        "ogg" => "ogg",
        "matroska" => "webm",
        "isomp4" => "m4a",
        "aac" => "aac",
        // Open set: what `symphonia` calls its readers; the rest of those enabled here are MPEG audio.
        _ => "mp3",
    }
}

/// Samples as they gather, counted against the limit.
struct Hearing {
    max_seconds: u32,
    max_samples: usize,
    /// What may still be decoded, in samples of all channels.
    room: usize,
    /// The last packet, its channels interleaved; kept for its memory.
    packet: Vec<f32>,
    resampler: Option<Resampler>,
    rate_changes: usize,
    samples: Vec<f32>,
    damaged: usize,
}

impl Hearing {
    fn new(max_seconds: u32) -> Self {
        let samples = |rate: usize| (max_seconds as usize).saturating_mul(rate);
        Self {
            max_seconds,
            max_samples: samples(LISTENING_RATE as usize),
            room: samples(HONEST_RATE),
            packet: Vec::new(),
            resampler: None,
            rate_changes: 0,
            samples: Vec::new(),
            damaged: 0,
        }
    }

    /// Takes what stands in `packet`.
    fn add(&mut self, rate: u32, channels: usize) -> Result<(), AudioError> {
        if channels == 0 || !RATES.contains(&rate) {
            return Err(AudioError::Rate { rate });
        }
        self.room = self.room.checked_sub(self.packet.len()).ok_or(self.too_long())?;
        mix(&mut self.packet, channels);
        self.turn_to(rate)?;
        if let Some(resampler) = &mut self.resampler {
            resampler.push(&self.packet, &mut self.samples);
        }
        self.check()
    }

    /// Has a resampler for this rate.
    fn turn_to(&mut self, rate: u32) -> Result<(), AudioError> {
        match &self.resampler {
            Some(resampler) if resampler.from() == rate => return Ok(()),
            Some(_) if self.rate_changes == RATE_CHANGES => return Err(AudioError::Broken),
            Some(_) => self.rate_changes += 1,
            None => {}
        }
        self.end_rate();
        self.resampler = Some(Resampler::new(rate, LISTENING_RATE)?);
        Ok(())
    }

    /// Gives out what the resampler still holds.
    fn end_rate(&mut self) {
        if let Some(mut resampler) = self.resampler.take() {
            resampler.finish(&mut self.samples);
        }
    }

    fn check(&self) -> Result<(), AudioError> {
        if self.samples.len() > self.max_samples {
            return Err(self.too_long());
        }
        Ok(())
    }

    fn too_long(&self) -> AudioError {
        AudioError::TooLong { seconds: self.max_seconds }
    }

    fn finish(mut self) -> Result<Vec<f32>, AudioError> {
        self.end_rate();
        self.check()?;
        // Resampling swings beyond the edge of what was clipped.
        self.samples.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        match (self.samples.is_empty(), self.damaged) {
            (false, _) => Ok(self.samples),
            (true, 0) => Err(AudioError::Empty),
            (true, _) => Err(AudioError::Broken),
        }
    }
}

/// Interleaved channels become one, in place; what is no number becomes silence.
fn mix(samples: &mut Vec<f32>, channels: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a handful of channels")]
    let share = 1.0 / channels as f32;
    let frames = samples.len() / channels;
    for frame in 0..frames {
        let sum: f32 = samples[frame * channels..(frame + 1) * channels].iter().sum();
        samples[frame] = if sum.is_finite() { (sum * share).clamp(-1.0, 1.0) } else { 0.0 };
    }
    samples.truncate(frames);
}
