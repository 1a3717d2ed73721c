//! `json::stringify` compared with `JSON.stringify(JSON.parse(text))` of Node on generated texts.

use agentphone::json;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::support;

const SCRIPT: &str = "require('node:readline').createInterface({ input: process.stdin, crlfDelay: Infinity })
  .on('line', (line) => process.stdout.write(JSON.stringify(JSON.parse(line)) + '\\n'))";

#[test]
fn bytes_agree_with_javascript() {
    let mut random = support::generator();
    let lines: Vec<String> = (0..5000).map(|_| value(&mut random, 0)).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let answers = support::node(folder, &["-e", SCRIPT], &lines);
    for (line, answer) in lines.iter().zip(answers) {
        // No database keeps U+0000; it is read as the replacement character.
        let answer = answer.replace("\\u0000", "\u{fffd}");
        let read = json::parse(line.as_bytes()).unwrap_or_else(|problem| panic!("{problem}: {line}"));
        assert_eq!(json::stringify(&read), answer, "for {line}");
        assert_eq!(json::stringify(&json::normalise(read)), answer, "normalised, for {line}");
    }
}

/// A JSON text on one line, with spaces, odd escapes, odd numbers and keys of every kind.
fn value(random: &mut StdRng, depth: u32) -> String {
    let kinds = if depth > 3 { 4 } else { 6 };
    match random.random_range(0..kinds) {
        0 => ["null", "true", "false"][random.random_range(0..3)].to_owned(),
        1 | 2 => number(random),
        3 => string(random),
        4 => format!("[{}]", items(random, |random| value(random, depth + 1))),
        _ => format!(
            "{{{}}}",
            items(random, |random| format!("{} : {}", key(random), value(random, depth + 1)))
        ),
    }
}

fn items(random: &mut StdRng, item: impl Fn(&mut StdRng) -> String) -> String {
    let count = random.random_range(0..7);
    (0..count).map(|_| item(random)).collect::<Vec<_>>().join(" ,\t")
}

fn number(random: &mut StdRng) -> String {
    let digits = |random: &mut StdRng| {
        let count = random.random_range(1..=24);
        let first = random.random_range(1..=9);
        (1..count).fold(format!("{first}"), |digits, _| format!("{digits}{}", random.random_range(0..=9)))
    };
    let sign = if random.random_bool(0.3) { "-" } else { "" };
    match random.random_range(0..5) {
        0 => format!("{sign}{}", random.random_range(0..1000)),
        1 => format!("{sign}{}", digits(random)),
        2 => format!("{sign}{}.{}", random.random_range(0..10_000), digits(random)),
        3 => format!(
            "{sign}{}.{}e{}",
            random.random_range(0..10),
            digits(random),
            random.random_range(-340..=307)
        ),
        _ => {
            let double = f64::from_bits(random.next_u64());
            if double.is_finite() { format!("{double:e}") } else { "0".to_owned() }
        }
    }
}

fn key(random: &mut StdRng) -> String {
    match random.random_range(0..4) {
        0 => format!("\"{}\"", random.random_range(0..20)),
        1 => format!("\"{}\"", random.random_range(4_294_967_290_u64..4_294_967_300)),
        2 => ["\"01\"", "\"-1\"", "\"1.5\"", "\"\"", "\"__proto__\"", "\"constructor\"", "\"1e3\"", "\"00\""]
            [random.random_range(0..8)]
        .to_owned(),
        _ => string(random),
    }
}

fn string(random: &mut StdRng) -> String {
    const PIECES: [&str; 20] = [
        "a",
        "Z",
        "/",
        "\\/",
        "\\\"",
        "\\\\",
        "\\u0000",
        "\\u001F",
        "\\n",
        "\\b",
        "é",
        "\\u00E9",
        "😀",
        "\\uD83D\\uDE00",
        "\u{7f}",
        "\u{2028}",
        "ش",
        "\\u2029",
        "&<>'",
        "\u{ffff}",
    ];
    let count = random.random_range(0..12);
    let content: String = (0..count).map(|_| PIECES[random.random_range(0..PIECES.len())]).collect();
    format!("\"{content}\"")
}
