//! Sound made here goes out in every format and comes back; recordings made elsewhere are read; what is no recording is
//! told so.

use std::f32::consts::TAU;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;

use super::*;

fn recording(name: &str) -> Bytes {
    let path = format!("{}/tests/data/sound/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")).into()
}

const RECORDINGS: [(&str, &str); 7] = [
    ("clip.wav", "wav"),
    ("clip.mp3", "mp3"),
    ("clip.m4a", "m4a"),
    ("clip.webm", "webm"),
    ("clip.flac", "flac"),
    ("opus.ogg", "ogg"),
    ("vorbis.ogg", "ogg"),
];

fn read(file: impl Into<Bytes>) -> Result<Decoded, AudioError> {
    decode(&file.into(), 60, &AtomicBool::new(false))
}

#[expect(clippy::cast_precision_loss, reason = "short sounds")]
fn sine(rate: u32, frequency: f32, seconds: f32) -> Vec<i16> {
    let many = (0..rate * 120).take_while(|index| (*index as f32) < seconds * rate as f32).count();
    (0..many).map(|index| to_i16(0.5 * (TAU * frequency * index as f32 / rate as f32).sin())).collect()
}

/// How much of the sound is this tone: 1 for a sine of amplitude 1 (Goertzel's way of one bin of a Fourier transform).
#[expect(clippy::cast_precision_loss, reason = "short sounds")]
fn tone(samples: &[f32], frequency: f32) -> f32 {
    let (mut real, mut imaginary) = (0.0_f64, 0.0_f64);
    for (index, sample) in samples.iter().enumerate() {
        let angle = f64::from(TAU * frequency) * index as f64 / 16_000.0;
        real += f64::from(*sample) * angle.cos();
        imaginary += f64::from(*sample) * angle.sin();
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
    let strength = (2.0 * real.hypot(imaginary) / samples.len() as f64) as f32;
    strength
}

/// The middle, away from where encoders begin and end.
fn middle(samples: &[f32]) -> &[f32] {
    &samples[samples.len() / 4..samples.len() * 3 / 4]
}

#[test]
fn every_container_is_told_by_its_content_and_gives_the_same_second() {
    for (name, ending) in RECORDINGS {
        let decoded = read(recording(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(decoded.ending, ending, "{name}");
        let length = decoded.samples.len();
        assert!((15_000..=17_800).contains(&length), "{name}: {length} samples");
        // ffmpeg's sine has an amplitude of 1/8, spread over two channels of less.
        let (there, not_there) =
            (tone(middle(&decoded.samples), 440.0), tone(middle(&decoded.samples), 1_300.0));
        assert!((0.08..0.14).contains(&there), "{name}: {there}");
        assert!(not_there < 0.005, "{name}: {not_there}");
    }
}

#[test]
fn what_is_written_in_a_format_comes_back() {
    for format in Format::ALL {
        for rate in [16_000, 22_050, 24_000, 48_000] {
            let samples = sine(rate, 700.0, 1.3);
            let mut writer = encoder(format, rate).unwrap();
            let mut file: Vec<u8> = samples.chunks(777).flat_map(|chunk| writer.push(chunk)).collect();
            file.extend(writer.finish());
            if format == Format::Pcm {
                assert_eq!(file.len(), 24_000 * 13 / 10 * 2, "from {rate}");
                file.splice(0..0, wav::header(24_000));
            }
            let decoded = read(file).unwrap_or_else(|error| panic!("{format:?} from {rate}: {error}"));
            let length = decoded.samples.len();
            let exact = !matches!(format, Format::Mp3 | Format::Flac);
            let allowed = if exact { 20_799..=20_801 } else { 20_799..=22_800 };
            assert!(allowed.contains(&length), "{format:?} from {rate}: {length} samples");
            let strength = tone(middle(&decoded.samples), 700.0);
            assert!((0.47..0.53).contains(&strength), "{format:?} from {rate}: {strength}");
        }
    }
}

#[test]
fn the_first_bytes_leave_early() {
    for format in Format::ALL {
        let mut writer = encoder(format, 22_050).unwrap();
        let mut bytes = 0;
        let early = sine(22_050, 300.0, 0.3);
        for chunk in early.chunks(441) {
            bytes += writer.push(chunk).len();
        }
        assert!(bytes > 500, "{format:?}: {bytes} bytes after 300 ms");
    }
}

#[test]
fn no_sound_is_still_a_file() {
    for (format, error) in [
        (Format::Wav, AudioError::Empty),
        (Format::Opus, AudioError::Empty),
        (Format::Flac, AudioError::Broken),
    ] {
        let mut writer = encoder(format, 24_000).unwrap();
        let mut file = writer.push(&[]);
        file.extend(writer.finish());
        assert!(!file.is_empty(), "{format:?}");
        assert_eq!(read(file).unwrap_err(), error, "{format:?}");
    }
}

#[test]
fn what_is_no_recording_is_told_so() {
    assert_eq!(read(Bytes::new()).unwrap_err(), AudioError::Empty);
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(5_000);
    let page = format!("<!doctype html><html>{}</html>", "<p>no sound</p>".repeat(3_000));
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[7; 3_000]].concat();
    let zip = [b"PK\x03\x04\x14\0\0\0\x08\0".as_slice(), vec![0; 100_000].as_slice()].concat();
    for (what, file) in [
        ("text", text.into_bytes()),
        ("page", page.into_bytes()),
        ("png", png),
        ("zip", zip),
        ("zeros", vec![0; 300_000]),
        ("one byte", vec![0xFF]),
    ] {
        assert_eq!(read(file).unwrap_err(), AudioError::NotAudio, "{what}");
    }
}

#[test]
fn what_begins_like_a_recording_is_called_damaged() {
    for mark in [b"RIFF".as_slice(), b"fLaC", b"OggS", b"\0\0\0\x18ftypM4A ", b"\x1A\x45\xDF\xA3"] {
        assert_eq!(read(mark.to_vec()).unwrap_err(), AudioError::Broken, "{mark:?}");
    }
}

#[test]
fn what_breaks_off_gives_what_was_there_or_an_error_and_never_a_panic() {
    for (name, _) in RECORDINGS {
        let whole = recording(name);
        let all = read(whole.clone()).unwrap().samples.len();
        for share in 1..20 {
            let part = whole.slice(..whole.len() * share / 20);
            match read(part) {
                Ok(decoded) => assert!(decoded.samples.len() <= all + 1, "{name}, {share}/20"),
                Err(AudioError::Empty | AudioError::NotAudio | AudioError::Broken) => {}
                Err(other) => panic!("{name}, {share}/20: {other}"),
            }
        }
    }
}

#[test]
fn damaged_files_end_in_sound_or_in_an_error() {
    // A small generator of its own, so that the same bytes are hit in every run.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    for (name, _) in RECORDINGS {
        let whole = recording(name);
        for _ in 0..60 {
            let mut file = whole.to_vec();
            for _ in 0..=random() % 12 {
                // Mostly headers: that is where lengths are claimed.
                let reach = if random() % 3 == 0 { file.len() } else { file.len().min(300) };
                file[random() % reach] = u8::try_from(random() % 256).unwrap();
            }
            if let Ok(decoded) = read(file) {
                assert!(decoded.samples.len() <= 60 * 16_000, "{name}");
                assert!(decoded.samples.iter().all(|sample| sample.abs() <= 1.0), "{name}");
            }
        }
    }
}

#[test]
fn lengths_that_a_header_claims_are_not_believed() {
    let samples: Vec<f32> = sine(16_000, 500.0, 1.0).into_iter().map(to_f32).collect();
    let honest = wav::file(&samples, 16_000);
    assert_eq!(read(honest.clone()).unwrap().samples.len(), 16_000);
    for claim in [0, 1 << 31, u32::MAX - 8, u32::MAX] {
        let mut file = honest.clone();
        file[4..8].copy_from_slice(&claim.to_le_bytes());
        file[40..44].copy_from_slice(&claim.to_le_bytes());
        assert_eq!(read(file).unwrap().samples.len(), 16_000, "claims {claim}");
    }
    // FLAC says how many samples the whole has: 36 bits that end at byte 26.
    let mut flac = recording("clip.flac").to_vec();
    assert_eq!(&flac[..4], b"fLaC");
    flac[21] |= 0x0F;
    flac[22..26].fill(0xFF);
    let length = read(flac).unwrap().samples.len();
    assert!((15_900..=16_100).contains(&length), "{length}");
}

#[test]
fn a_small_file_that_unfolds_to_hours_is_stopped() {
    // Silence in FLAC: 65,535 samples in a dozen bytes, again and again.
    let mut writer = flac::Writer::new(4_000).unwrap();
    let minutes = vec![0; 4_000 * 60 * 5];
    let mut bomb = encode::Encode::push(&mut writer, &minutes);
    bomb.extend(encode::Encode::finish(&mut writer));
    assert!(bomb.len() < 15_000, "{} bytes", bomb.len());
    assert_eq!(read(bomb).unwrap_err(), AudioError::TooLong { seconds: 60 });
}

/// Silence of so many frames as a stream of its own: FLAC in Ogg, to be joined with others.
fn silent_stream(rate: u32, frames: usize) -> Vec<u8> {
    let mut writer = flac::Writer::new(rate).unwrap();
    let header = encode::Encode::push(&mut writer, &[]);
    let sound = encode::Encode::push(&mut writer, &vec![0; frames]);
    let first = [b"\x7FFLAC\x01\0\0\0".as_slice(), &header].concat();
    let mut pages = ogg::Pages::default();
    let mut file = pages.page(&[first], 0, ogg::Place::First);
    file.extend(pages.page(&[sound], frames as u64, ogg::Place::Last));
    file
}

#[test]
fn the_rate_may_change_a_few_times_and_no_more() {
    let joined = |count: usize| {
        let rates = [8_000, 16_000].into_iter().cycle().take(count);
        rates.flat_map(|rate| silent_stream(rate, 2_048)).collect::<Vec<u8>>()
    };
    assert_eq!(read(joined(9)).unwrap().samples.len(), 5 * 4_096 + 4 * 2_048);
    assert_eq!(read(joined(10)).unwrap_err(), AudioError::Broken);
}

#[test]
fn what_is_decoded_counts_before_it_is_mixed_and_resampled() {
    // 15 seconds of silence, of six times as much as two channels have 48,000 times a second.
    let (rate, channels) = (96_000, 6_u16);
    let mut file = wav::file(&vec![0.0; 15 * 96_000 * 6], rate);
    file[22..24].copy_from_slice(&channels.to_le_bytes());
    file[32..34].copy_from_slice(&(2 * channels).to_le_bytes());
    let file = Bytes::from(file);
    let heard = |seconds| decode(&file, seconds, &AtomicBool::new(false)).map(|heard| heard.samples.len());
    assert_eq!(heard(90), Ok(15 * 16_000));
    assert_eq!(heard(89), Err(AudioError::TooLong { seconds: 89 }));
}

#[test]
fn a_recording_may_be_as_long_as_the_limit_and_no_longer() {
    let at_limit = wav::file(&vec![0.1; 16_000 * 2], 16_000);
    let over = wav::file(&vec![0.1; 16_000 * 2 + 1], 16_000);
    let stop = AtomicBool::new(false);
    assert_eq!(decode(&at_limit.into(), 2, &stop).unwrap().samples.len(), 32_000);
    assert_eq!(decode(&over.into(), 2, &stop).unwrap_err(), AudioError::TooLong { seconds: 2 });
}

#[test]
fn rates_that_nobody_records_in_are_refused() {
    for rate in [1_u32, 3_999, 4_294_967_291] {
        let file = wav::file(&[0.1; 1_000], rate);
        assert!(read(file).is_err(), "{rate}");
        assert!(encoder(Format::Wav, rate).is_err(), "{rate}");
    }
}

#[test]
fn whoever_left_is_not_waited_for() {
    let file = recording("clip.mp3");
    assert_eq!(decode(&file, 60, &AtomicBool::new(true)).unwrap_err(), AudioError::Cancelled);
}

#[test]
fn resampling_keeps_length_and_tone() {
    for (from, to) in
        [(44_100, 16_000), (8_000, 16_000), (22_050, 24_000), (48_000, 48_000), (11_025, 48_000)]
    {
        let samples: Vec<f32> = sine(from, 440.0, 0.7).into_iter().map(to_f32).collect();
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut out = Vec::new();
        for chunk in samples.chunks(1_000) {
            resampler.push(chunk, &mut out);
        }
        resampler.finish(&mut out);
        let due = (samples.len() as u64 * u64::from(to)).div_ceil(u64::from(from));
        assert_eq!(out.len() as u64, due, "{from} → {to}");
        if to == 16_000 {
            let strength = tone(middle(&out), 440.0);
            assert!((0.49..0.51).contains(&strength), "{from} → {to}: {strength}");
        }
    }
}
