//! Segment counts compared with the reference calculator (`tests/peers/segments`) on generated texts.

use std::path::Path;

use agentphone::text::{Segments, segments};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::support;

/// Texts are drawn from one or several of these, so that each kind meets its own limits and the others'.
const ALPHABETS: [&str; 8] = [
    "abcdefghij KLM.,!?0123456789",
    "^{}\\[~]|€\u{c}",
    "\r\n",
    "àéüßΩñ¿ÇçÀ`´",
    "яЖ中文ض“”–…",
    "😀👍👩👨👦❤🏽🏿\u{200d}\u{fe0f}🇫🇷🇺🇸☝🎅",
    "\u{301}\u{600}\u{903}\u{93f}\u{94d}\u{d4e}\u{1100}\u{1161}\u{11a8}가각\u{20e3}",
    "\u{0}\u{7f}\u{ad}\u{200b}\u{2028}\u{feff}\u{e0001}\u{e0067}\u{1f9d1}\u{1f468}\u{1f308}",
];

/// One character in so many is tried in each run.
const SAMPLED: u32 = 64;

#[test]
fn counts_agree_with_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/segments");
    assert!(folder.join("node_modules").is_dir(), "run `npm ci` in {} first", folder.display());
    let mut random = support::generator();
    let mut texts: Vec<String> = (0..3000).map(|_| text(&mut random)).collect();
    texts.extend(single_characters(&mut random));
    let lines: Vec<String> = texts.iter().map(|text| serde_json::to_string(text).unwrap()).collect();
    let answers = support::node(&folder, &["check.js"], &lines);
    for (line, (text, answer)) in lines.iter().zip(texts.iter().zip(answers)) {
        let Segments { encoding, count } = segments(text);
        assert_eq!(format!("{encoding} {count}"), answer, "for {line}");
    }
}

fn text(random: &mut StdRng) -> String {
    let chosen: Vec<Vec<char>> = (0..random.random_range(1..=3))
        .map(|_| ALPHABETS[random.random_range(0..ALPHABETS.len())].chars().collect())
        .collect();
    // Near a limit as often as anywhere.
    let length = match random.random_range(0..4) {
        0 => random.random_range(60..75),
        1 => random.random_range(150..165),
        2 => random.random_range(0..40),
        _ => random.random_range(0..700),
    };
    let mut text = String::new();
    while text.chars().count() < length {
        let alphabet = &chosen[random.random_range(0..chosen.len())];
        let run = if random.random_bool(0.1) { random.random_range(1..90) } else { 1 };
        let character = alphabet[random.random_range(0..alphabet.len())];
        text.extend(std::iter::repeat_n(character, run));
    }
    text
}

/// Texts in which the property of one character decides the count: if it sticks to its neighbour, the two no longer
/// fit where they stand, everything moves by one and the last segment overflows. A sample of all characters.
fn single_characters(random: &mut StdRng) -> Vec<String> {
    let planes = (0..0x2_0000).chain(0xe_0000..0xe_0200).filter_map(char::from_u32);
    let chosen: Vec<char> = planes.filter(|_| random.random_ratio(1, SAMPLED)).collect();
    let sticks_to_the_left =
        |it: &char| format!("{}a{it}{}", "я".repeat(66), "я".repeat(67 - it.len_utf16()));
    let sticks_to_the_right =
        |it: &char| format!("{}{it}{}", "я".repeat(67 - it.len_utf16()), "я".repeat(67));
    chosen.iter().map(sticks_to_the_left).chain(chosen.iter().map(sticks_to_the_right)).collect()
}
