//! JSON as JavaScript writes it. Receivers check a webhook's signature over `JSON.stringify(JSON.parse(body))`, so
//! every body and all stored metadata have exactly those bytes: ECMA-262's escapes, its shortest form of a double,
//! array-index keys first. Reading repairs unpaired surrogates, which no UTF-8 can hold, and U+0000, which no
//! `PostgreSQL` text can hold.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// Why a text is no JSON, with the place of the mistake.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason} at line {line} column {column}")]
pub struct Problem {
    /// What is wrong, in a few words.
    pub reason: String,
    /// From 1.
    pub line: usize,
    /// In bytes, from 1; 0 at the end of the line before.
    pub column: usize,
}

/// Reads JSON in UTF-8. Escapes of unpaired surrogates and of U+0000 become U+FFFD; the last of equal keys wins. What nests
/// deeper than 127 levels or holds a number beyond the range of a double is refused.
pub fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(&repaired(bytes)).map_err(|error| {
        let whole = error.to_string();
        let reason = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
        Problem { reason, line: error.line(), column: error.column() }
    })
}

/// The bytes JavaScript's `JSON.stringify` makes of `value`.
pub fn stringify(value: &Value) -> String {
    let mut text = String::with_capacity(256);
    write(&mut text, value);
    text
}

/// `value` as JavaScript would hold it: keys in its order, integers beyond 2^53 rounded, no `-0`, whole doubles as
/// integers. Any serializer then writes the same fields in the same order, and [`stringify()`] the same bytes.
pub fn normalise(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(rounded(&number)),
        Value::Array(items) => Value::Array(items.into_iter().map(normalise).collect()),
        Value::Object(fields) => Value::Object(ordered(fields)),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

/// The largest integer up to which every integer is a double of its own.
const SAFE: f64 = 9_007_199_254_740_992.0;

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&double(number.as_f64().unwrap_or(0.0))),
        Value::String(content) => quote(text, content),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                separate(text, place);
                write(text, item);
            }
            text.push(']');
        }
        Value::Object(fields) => write_object(text, fields),
    }
}

fn write_object(text: &mut String, fields: &Map<String, Value>) {
    let mut indexed: Vec<(u32, &String, &Value)> =
        fields.iter().filter_map(|(key, value)| Some((array_index(key)?, key, value))).collect();
    indexed.sort_unstable_by_key(|(index, _, _)| *index);
    let first = indexed.into_iter().map(|(_, key, value)| (key, value));
    let rest = fields.iter().filter(|(key, _)| array_index(key).is_none());
    text.push('{');
    for (place, (key, value)) in first.chain(rest).enumerate() {
        separate(text, place);
        quote(text, key);
        text.push(':');
        write(text, value);
    }
    text.push('}');
}

fn separate(text: &mut String, place: usize) {
    if place > 0 {
        text.push(',');
    }
}

/// Escapes `"`, `\` and U+0000–U+001F, nothing else: the same rule as `serde_json`'s own.
fn quote(text: &mut String, content: &str) {
    text.push('"');
    let mut rest = content;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        text.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x08 => text.push_str("\\b"),
            0x09 => text.push_str("\\t"),
            0x0a => text.push_str("\\n"),
            0x0c => text.push_str("\\f"),
            0x0d => text.push_str("\\r"),
            control => {
                text.push_str("\\u00");
                text.push_str(&hex::encode([control]));
            }
        }
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text.push('"');
}

/// `Number::toString` of ECMA-262 for a finite double.
fn double(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if let Some(integer) = integer(number) {
        return integer.to_string();
    }
    // Rust finds the same shortest digits; only their layout differs.
    let scientific = shortest(number);
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a small integer");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let count = i32::try_from(digits.len()).expect("a double has at most 17 digits");
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let point = exponent + 1;
    match point {
        _ if count <= point && point <= 21 => format!("{sign}{digits}{}", zeros(point - count)),
        1..=21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            format!("{sign}{whole}.{fraction}")
        }
        -5..=0 => format!("{sign}0.{}{digits}", zeros(-point)),
        i32::MIN..=-6 | 22.. => format!("{sign}{mantissa}e{exponent:+}"),
    }
}

/// The integer that a double is, if it is one whose digits are all its own.
fn integer(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "in this range a whole double is an i64")]
    (number.fract() == 0.0 && number.abs() <= SAFE).then_some(number as i64)
}

fn rounded(number: &Number) -> Number {
    let double = number.as_f64().unwrap_or(0.0);
    integer(double).map_or_else(|| Number::from_f64(double).unwrap_or_else(|| 0.into()), Number::from)
}

fn ordered(fields: Map<String, Value>) -> Map<String, Value> {
    let (mut first, rest): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|(key, _)| array_index(key).is_some());
    first.sort_by_key(|(key, _)| array_index(key));
    first.into_iter().chain(rest).map(|(key, value)| (key, normalise(value))).collect()
}

/// The number that `key` is if it is a canonical array index: 0 to 2^32 - 2, without leading zeros.
fn array_index(key: &str) -> Option<u32> {
    let canonical = matches!(key.as_bytes(), [b'0'] | [b'1'..=b'9', ..]) && key.len() <= 10;
    key.parse().ok().filter(|index| canonical && *index != u32::MAX)
}

/// Replaces the escapes of unpaired surrogates and of U+0000 by that of U+FFFD, byte for byte, so that places stay
/// the same.
fn repaired(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut repaired = Cow::Borrowed(bytes);
    let mut place = 0;
    while let Some(found) = bytes[place..].iter().position(|byte| *byte == b'\\') {
        place += found;
        match escaped(bytes, place) {
            Some(0xd800..=0xdbff) if matches!(escaped(bytes, place + 6), Some(0xdc00..=0xdfff)) => {
                place += 12;
            }
            Some(0 | 0xd800..=0xdfff) => {
                repaired.to_mut()[place..place + 6].copy_from_slice(b"\\ufffd");
                place += 6;
            }
            Some(_) | None => place = bytes.len().min(place + 2),
        }
    }
    repaired
}

/// The UTF-16 unit that is escaped by its number at `place`, if one is.
fn escaped(bytes: &[u8], place: usize) -> Option<u16> {
    let digits = bytes.get(place..place + 6)?.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// The shortest digits that read back as `number`; of two equally near ones the even, as JavaScript has it.
fn shortest(number: f64) -> String {
    let shortest = format!("{number:e}");
    let digits = shortest.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let rounded = format!("{number:.*e}", digits - 1);
    // Bits, not values: the question is whether it reads back as the very same double.
    if rounded.parse().map(f64::to_bits) == Ok(number.to_bits()) { rounded } else { shortest }
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_two_equally_near_the_even() {
        assert_eq!(stringify(&parse(b"230829489641818.125").unwrap()), "230829489641818.12");
        assert_eq!(stringify(&parse(b"230829489641818.375").unwrap()), "230829489641818.38");
        assert_eq!(stringify(&serde_json::json!(0.1)), "0.1");
    }

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn again(text: &str) -> String {
        stringify(&parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn numbers_have_javascript_s_shortest_form() {
        let pairs = [
            ("1.0", "1"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("1e-7", "1e-7"),
            ("1e-6", "0.000001"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("9007199254740993", "9007199254740992"),
            ("0.1", "0.1"),
            ("-1.5e300", "-1.5e+300"),
            ("18446744073709551615", "18446744073709552000"),
            ("123456789012345678901234567890", "1.2345678901234568e+29"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("-123.456", "-123.456"),
            ("1.23e-5", "0.0000123"),
            ("123456.789e3", "123456789"),
            ("1e-400", "0"),
        ];
        for (written, read) in pairs {
            assert_eq!(again(written), read);
            assert_eq!(stringify(&normalise(parse(written.as_bytes()).unwrap())), read);
        }
    }

    #[test]
    fn array_indices_come_first_at_every_level() {
        let text = r#"{"b":1,"10":2,"9":{"z":0,"1":1,"01":2},"a":3,"4294967294":4,"4294967295":5,"-1":6,"0":7,"1e1":8}"#;
        let sorted = r#"{"0":7,"9":{"1":1,"z":0,"01":2},"10":2,"4294967294":4,"b":1,"a":3,"4294967295":5,"-1":6,"1e1":8}"#;
        assert_eq!(again(text), sorted);
        assert_eq!(normalise(parse(text.as_bytes()).unwrap()).to_string(), sorted);
    }

    #[test]
    fn strings_escape_only_what_they_must() {
        let text = "\"\\\"\\\\/\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\u{7f}\u{2028}\u{2029}é😀\"";
        assert_eq!(again(text), text);
        assert_eq!(again(r#""\/\u00e9\ud83d\ude00""#), "\"/é😀\"");
    }

    #[test]
    fn what_cannot_be_stored_becomes_the_replacement_character() {
        assert_eq!(again(r#"{"a\u0000":"\u0000b\\u0000"}"#), r#"{"a�":"�b\\u0000"}"#);
        assert_eq!(
            again(r#"["\ud800","\udc00x","\ud83d\ud83d\ude00","\\ud800","\ud800\n"]"#),
            r#"["�","�x","�😀","\\ud800","�\n"]"#
        );
        assert_eq!(parse(br#""\ud80"#).unwrap_err().line, 1);
    }

    #[test]
    fn mistakes_are_located() {
        let problem = parse(b"{\"a\":1,\n \"b\":}").unwrap_err();
        assert_eq!(problem, Problem { reason: "expected value".into(), line: 2, column: 6 });
        assert_eq!(problem.to_string(), "expected value at line 2 column 6");
        for text in ["", "\"\\", "\"\\u", "[1,]", "nul", "1e400", "\u{feff}1", "{\"a\":1}x"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).unwrap_err().reason.contains("recursion limit"));
        assert_eq!(normalise(json!({"a": [1.0, null, true]})), json!({"a": [1, null, true]}));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(number in any::<f64>().prop_filter("finite", |it| it.is_finite()), text in any::<String>().prop_map(|it| it.replace('\0', ""))) {
            let value = json!({ text.clone(): [text.clone(), number] });
            let written = stringify(&value);
            let read = parse(written.as_bytes()).unwrap();
            prop_assert_eq!(read[&text][1].as_f64(), Some(number));
            prop_assert_eq!(&read[&text][0], &value[&text][0]);
            prop_assert_eq!(stringify(&normalise(read)), written);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(prop::sample::select(b"\\ud8Dc0\"{}[],:1e-9 \xc3".to_vec()), 0..60)) {
            let _ = parse(&bytes);
        }
    }
}
