//! With real weights (`script/test --voice`): `AGENTPHONE_TEST_MODELS` is a folder into which `agentphone models import`
//! has put the usual ones.

use voice_piper::Voice;

fn voice() -> Voice {
    let models = std::env::var("AGENTPHONE_TEST_MODELS").expect("needs real weights: script/test --voice");
    let path = std::path::Path::new(&models).join("piper-joe/en_US-joe-medium.onnx");
    Voice::load(&path, 2).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The pieces that come out.
fn said(voice: &Voice, text: &str, speed: f32) -> Vec<Vec<i16>> {
    let mut pieces = Vec::new();
    voice
        .speak(text, speed, &mut |piece| {
            pieces.push(piece.to_vec());
            true
        })
        .expect("the model runs");
    pieces
}

const SENTENCE: &str = "Although it was raining, the children played outside until dinner.";

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn the_first_sound_is_a_small_part_of_the_whole() {
    let voice = voice();
    assert_eq!(voice.rate(), 22_050);
    let pieces = said(&voice, SENTENCE, 1.0);
    let all: usize = pieces.iter().map(Vec::len).sum();
    assert!(
        pieces.len() >= 2 && pieces[0].len() * 5 < all,
        "{:?}",
        pieces.iter().map(Vec::len).collect::<Vec<_>>()
    );
    assert!((2 * 22_050..7 * 22_050).contains(&all), "{all} samples");
    let loudest = pieces.iter().flatten().map(|sample| sample.unsigned_abs()).max();
    assert!(loudest > Some(3_000), "{loudest:?}");
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn twice_the_speed_is_half_the_length() {
    let voice = voice();
    let length = |speed| said(&voice, SENTENCE, speed).iter().map(Vec::len).sum::<usize>();
    let (usual, fast, slow) = (length(1.0), length(2.0), length(0.5));
    assert!(fast * 10 < usual * 7 && slow * 10 > usual * 15, "{fast} {usual} {slow}");
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn who_wants_no_more_gets_no_more() {
    let mut pieces = 0;
    voice()
        .speak(&SENTENCE.repeat(20), 1.0, &mut |_| {
            pieces += 1;
            pieces < 2
        })
        .unwrap();
    assert_eq!(pieces, 2);
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn what_has_no_sound_is_silent_and_no_error() {
    let voice = voice();
    for text in ["", "  \n ", "\u{1F600}", "...", "日本語"] {
        assert_eq!(said(&voice, text, 1.0).concat(), Vec::<i16>::new(), "{text:?}");
    }
}
