//! With real weights (`script/test --voice`): `AGENTPHONE_TEST_MODELS` is a folder into which `agentphone models import`
//! has put the usual ones. What is listened to is spoken by the Piper voice.

use std::path::PathBuf;

use voice_piper::Voice;
use voice_whisper::{Event, Options, RATE, Segment, Whisper};

fn models() -> PathBuf {
    std::env::var("AGENTPHONE_TEST_MODELS").expect("needs real weights: script/test --voice").into()
}

fn whisper() -> Whisper {
    Whisper::load(&models().join("whisper-base"), 2).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The text, spoken, at the rate of listening.
fn spoken(voice: &Voice, text: &str) -> Vec<f32> {
    let mut samples = Vec::new();
    voice
        .speak(text, 1.0, &mut |piece| {
            samples.extend(piece.iter().map(|sample| f32::from(*sample) / 32_768.0));
            true
        })
        .expect("the model runs");
    let rate = voice.rate() as usize;
    // Between two samples: good enough for a voice, and short.
    (0..samples.len() * RATE / rate)
        .map(|at| {
            let (before, rest) = (at * rate / RATE, at * rate % RATE);
            #[expect(clippy::cast_precision_loss, reason = "below the rate")]
            let share = rest as f32 / RATE as f32;
            samples[before] + (samples.get(before + 1).unwrap_or(&samples[before]) - samples[before]) * share
        })
        .collect()
}

fn voice() -> Voice {
    Voice::load(&models().join("piper-joe/en_US-joe-medium.onnx"), 2)
        .unwrap_or_else(|error| panic!("{error:#}"))
}

fn heard(whisper: &Whisper, samples: &[f32], options: &Options) -> (Option<String>, Vec<Segment>) {
    let (mut language, mut segments) = (None, Vec::new());
    whisper
        .transcribe(samples, options, &mut |event| {
            match event {
                Event::Language(code) => assert_eq!(language.replace(code), None),
                Event::Segment(segment) => segments.push(segment),
            }
            true
        })
        .expect("the model runs");
    (language, segments)
}

fn text(segments: &[Segment]) -> String {
    segments.iter().map(|segment| segment.text.as_str()).collect()
}

/// What is spoken, and how a good listener writes it down.
const SENTENCES: [(&str, &str); 10] = [
    (
        "The train to Boston leaves at half past seven in the morning.",
        "the train to boston leaves at half past seven in the morning",
    ),
    (
        "Your order came to $1,249.50, and it will arrive on March 3rd.",
        "your order came to 1 249 50 and it will arrive on march 3rd",
    ),
    (
        "Doctor Elizabeth Warren and Michael Johnson met in Chicago last Thursday.",
        "dr elizabeth warren and michael johnson met in chicago last thursday",
    ),
    (
        "Could you please tell me where the nearest pharmacy is?",
        "could you please tell me where the nearest pharmacy is",
    ),
    (
        "We sold 45% more bicycles in October than in September.",
        "we sold 45 more bicycles in october than in september",
    ),
    (
        "The meeting was moved from Monday to Wednesday afternoon.",
        "the meeting was moved from monday to wednesday afternoon",
    ),
    (
        "The temperature dropped to 18 degrees, so take a warm coat.",
        "the temperature dropped to 18 degrees so take a warm coat",
    ),
    (
        "Nobody expected the small village to win the competition.",
        "nobody expected the small village to win the competition",
    ),
    (
        "Although it was raining, the children played outside until dinner.",
        "although it was raining the children played outside until dinner",
    ),
    (
        "On November 22, 2026, the company opened its third office in Denver.",
        "on november 22nd 2026 the company opened its third office in denver",
    ),
];

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|it: char| !it.is_alphanumeric())
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The share of the expected words that were heard.
fn overlap(heard: &str, expected: &str) -> (usize, usize) {
    let heard = words(heard);
    let expected = words(expected);
    (expected.iter().filter(|word| heard.contains(word)).count(), expected.len())
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn ten_sentences_come_back() {
    let (voice, whisper) = (voice(), whisper());
    let (mut right, mut all) = (0, 0);
    for (said, written) in SENTENCES {
        let (language, segments) = heard(&whisper, &spoken(&voice, said), &Options::default());
        let (found, expected) = overlap(&text(&segments), written);
        println!("{found}/{expected} {}", text(&segments));
        assert_eq!(language.as_deref(), Some("en"), "{said}");
        (right, all) = (right + found, all + expected);
    }
    assert!(right * 10 >= all * 9, "{right} of {all} words");
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn a_recording_of_several_windows_is_heard_to_the_end() {
    let (voice, whisper) = (voice(), whisper());
    let sentences: Vec<&str> = SENTENCES.iter().map(|(said, _)| *said).collect();
    let pause = vec![0.0; RATE * 4];
    let once = spoken(&voice, &sentences.join(" "));
    let samples = [once.as_slice(), &pause, &once].concat();
    assert!(samples.len() > 70 * RATE);
    let options = Options { words: true, ..Options::default() };
    let (_, segments) = heard(&whisper, &samples, &options);
    let expected: Vec<&str> = SENTENCES.iter().map(|(_, written)| *written).collect();
    let expected = format!("{0} {0}", expected.join(" "));
    let (found, all) = overlap(&text(&segments), &expected);
    assert!(found * 10 >= all * 9, "{found} of {all} words");
    let count = words(&text(&segments)).len();
    assert!((all * 9 / 10..all * 11 / 10).contains(&count), "{count} words for {all}");
    for pair in segments.windows(2) {
        assert!(pair[0].start < pair[0].end && pair[0].end <= pair[1].start + 0.1, "{pair:?}");
    }
    for segment in &segments {
        assert!(!segment.words.is_empty());
        let joined: String = segment.words.iter().map(|word| word.word.as_str()).collect();
        assert_eq!(joined.trim(), segment.text.trim());
        assert!(segment.words.windows(2).all(|pair| pair[0].start <= pair[1].start), "{:?}", segment.words);
        let last = segment.words.last().unwrap();
        assert!(last.end > last.start && (last.end - segment.end).abs() < 1.0, "{segment:?}");
    }
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn silence_and_noise_say_nothing() {
    let whisper = whisper();
    let mut state = 1_u32;
    let mut noise = |loud: f32| -> Vec<f32> {
        (0..20 * RATE)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                #[expect(clippy::cast_precision_loss, reason = "24 bits")]
                let random = (state >> 8) as f32 / 8_388_608.0 - 1.0;
                random * loud
            })
            .collect()
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds")]
    let hum: Vec<f32> = (0..20 * RATE).map(|at| 0.3 * (at as f32 * 0.0196).sin()).collect();
    let sounds =
        [("silence", vec![0.0; 20 * RATE]), ("hiss", noise(0.02)), ("noise", noise(0.4)), ("hum", hum)];
    for (name, samples) in sounds {
        let (language, segments) = heard(&whisper, &samples, &Options::default());
        assert_eq!((language, text(&segments)), (None, String::new()), "{name}");
    }
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn who_wants_no_more_gets_no_more() {
    let (voice, whisper) = (voice(), whisper());
    let samples = spoken(&voice, SENTENCES[0].0);
    let mut events = 0;
    whisper
        .transcribe(&samples, &Options::default(), &mut |_| {
            events += 1;
            false
        })
        .unwrap();
    assert_eq!(events, 1);
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn languages_are_known_by_their_code() {
    let whisper = whisper();
    assert!(whisper.knows("de") && whisper.knows("en") && !whisper.knows("xx"));
}
