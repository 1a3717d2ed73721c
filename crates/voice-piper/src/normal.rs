//! Writes out what a dictionary can not read: addresses, phone numbers, dates, times, money, units, abbreviations and
//! numbers become words. One rule a line, in the order in which they must be tried.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::numbers::{cardinal, digits, ordinal, year};

/// What a rule makes of what it found.
type Say = fn(&Captures<'_>) -> String;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTH: &str = r"(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?";

/// Abbreviations, and what is said for them.
const ABBREVIATIONS: [(&str, &str); 20] = [
    (r"\bMr\.", "Mister"),
    (r"\bMrs\.", "Missus"),
    (r"\bMs\.", "Miz"),
    (r"\bDr\.", "Doctor"),
    (r"\bProf\.", "Professor"),
    (r"\bSt\. ([A-Z])", "Saint $1"),
    (r"\bSt\.", "Street"),
    (r"\bAve\.", "Avenue"),
    (r"\bBlvd\.", "Boulevard"),
    (r"\bJr\.", "Junior"),
    (r"\bSr\.", "Senior"),
    (r"\bvs\.", "versus"),
    (r"\betc\.", "et cetera"),
    (r"\be\.g\.", "for example"),
    (r"\bi\.e\.", "that is"),
    (r"\bapprox\.", "approximately"),
    (r"\bNo\. ?(\d)", "number $1"),
    (r"#(\d)", "number $1"),
    (r"\bU\.S\.A\.", "U S A"),
    (r"\bU\.S\.", "U S"),
];

/// Units after a number: as written, one, many.
const UNITS: [(&str, &str, &str); 22] = [
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("mph", "mile per hour", "miles per hour"),
    ("km", "kilometer", "kilometers"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("kg", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("lbs", "pound", "pounds"),
    ("lb", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ft", "foot", "feet"),
    ("ml", "milliliter", "milliliters"),
    ("kB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("kHz", "kilohertz", "kilohertz"),
    ("ms", "millisecond", "milliseconds"),
    ("min", "minute", "minutes"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("°", "degree", "degrees"),
];

static RULES: LazyLock<Vec<(Regex, Say)>> = LazyLock::new(|| {
    let units: Vec<String> = UNITS.iter().map(|(unit, _, _)| regex::escape(unit)).collect();
    let rules: [(&str, Say); 20] = [
        (r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", |it| address(&it[0])),
        (r"(?:https?://|\bwww\.)[^\s,;!?]*[\w/]", |it| {
            address(it[0].split("://").last().unwrap_or_default())
        }),
        (r"\b(\d{4})-(\d{2})-(\d{2})\b", |it| date(&it[0], number(&it[2]), number(&it[3]), Some(&it[1]))),
        (r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b", |it| {
            let (first, second) = (number(&it[1]), number(&it[2]));
            let (month, day) = if first > 12 { (second, first) } else { (first, second) };
            date(&it[0], month, day, Some(&it[3]))
        }),
        (&format!(r"\b{MONTH} (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}})\b)?"), |it| {
            date(&it[0], month(&it[1]), number(&it[2]), it.get(3).map(|year| year.as_str()))
        }),
        (&format!(r"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {MONTH}(?: (\d{{4}})\b)?"), |it| {
            date(&it[0], month(&it[2]), number(&it[1]), it.get(3).map(|year| year.as_str()))
        }),
        (r"\b(\d{1,2}):(\d{2})(?::\d{2})?(?:\s?([AaPp])\.?[Mm]\b\.?)?", |it| time(it)),
        (r"\b(\d{1,2})\s?([AaPp])\.?[Mm]\b\.?", |it| {
            format!("{} {} m", cardinal(number(&it[1])), it[2].to_lowercase())
        }),
        (r"(?:US)?([$€£¥])\s?(\d[\d,]*)(?:\.(\d+))?(?:\s(thousand|million|billion|trillion))?\b", |it| {
            money(it)
        }),
        (r"\+\d[\d\s().-]{6,}\d|\(?\b\d{3}\)?[-. ]\d{3}[-. ]\d{4}\b|\b\d{3}-\d{4}\b", |it| phone(&it[0])),
        (r"(\d)\s?%", |it| format!("{} percent", &it[1])),
        (&format!(r"\b(\d[\d,]*(?:\.\d+)?)\s?({})(?:\b|$|\s)", units.join("|")), |it| unit(it)),
        (r"\b(\d+)(?:st|nd|rd|th)\b", |it| ordinal(number(&it[1]))),
        (r"\b(\d+)\s?[-–]\s?(\d+)\b", |it| format!("{} to {}", &it[1], &it[2])),
        (r"\b(\d[\d,]*)\.(\d+)\b", |it| format!("{} point {}", cardinal(number(&it[1])), digits(&it[2]))),
        (r"\b(1[1-9]\d\d|20\d\d)s\b", |it| format!("{}s", year(number(&it[1]))).replace("ys", "ies")),
        (r"\b(1[1-9]\d\d|20\d\d)\b", |it| year(number(&it[1]))),
        (r"\d{1,3}(?:,\d{3})+", |it| format!(" {} ", cardinal(number(&it[0])))),
        (r"\b0\d+\b|\b\d{10,}\b", |it| digits(&it[0])),
        (r"\d+", |it| format!(" {} ", cardinal(number(&it[0])))),
    ];
    let compile = |pattern: &str| Regex::new(pattern).expect("patterns are constant");
    rules.iter().map(|(pattern, say)| (compile(pattern), *say)).collect()
});

static WORDS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    ABBREVIATIONS
        .iter()
        .map(|(pattern, said)| (Regex::new(pattern).expect("patterns are constant"), *said))
        .collect()
});

/// The text in words.
pub fn normal(text: &str) -> String {
    let mut text: String =
        text.chars().map(|it| if it == '\u{a0}' || it == '\t' { ' ' } else { it }).collect();
    for (pattern, said) in WORDS.iter() {
        text = pattern.replace_all(&text, *said).into_owned();
    }
    for (pattern, say) in RULES.iter() {
        text = pattern.replace_all(&text, *say).into_owned();
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str(" and "),
            '@' => out.push_str(" at "),
            '+' => out.push_str(" plus "),
            '=' => out.push_str(" equals "),
            '\'' | '’' => out.push('\''),
            '.' | ',' | ';' | ':' | '!' | '?' | '"' | '“' | '”' | '(' | ')' | '-' | '—' | '–' | '…'
            | '\n' => out.push(character),
            letter if letter.is_alphabetic() => out.push(letter),
            _ => out.push(' '),
        }
    }
    let lines: Vec<String> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n").replace(" ,", ",").replace(" .", ".").replace(" ?", "?").replace(" !", "!")
}

/// The digits of a text as a number; what is too long for one counts as the longest.
fn number(text: &str) -> u64 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(u64::MAX)
}

fn month(name: &str) -> u64 {
    let at = MONTHS.iter().position(|month| month[..3] == name[..3]).unwrap_or(0);
    at as u64 + 1
}

/// A date in words, or as it stands where there is no such day.
fn date(written: &str, month: u64, day: u64, in_year: Option<&str>) -> String {
    let name = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    let (Some(name), 1..=31) = (name, day) else { return written.to_owned() };
    let in_year = in_year.map(|text| format!(", {}", year(number(text)))).unwrap_or_default();
    format!("{name} {}{in_year}", ordinal(day))
}

fn time(it: &Captures<'_>) -> String {
    let (hour, minute) = (number(&it[1]), number(&it[2]));
    let half = it.get(3).map(|half| format!(" {} m", half.as_str().to_lowercase())).unwrap_or_default();
    let minute = match (minute, half.is_empty()) {
        (0, true) => " o'clock".to_owned(),
        (0, false) => String::new(),
        (1..=9, _) => format!(" oh {}", cardinal(minute)),
        _ => format!(" {}", cardinal(minute)),
    };
    format!("{}{minute}{half}", cardinal(hour))
}

fn money(it: &Captures<'_>) -> String {
    let whole = number(&it[2]);
    let (one, many, cent) = match &it[1] {
        "€" => ("euro", "euros", "cent"),
        "£" => ("pound", "pounds", "pence"),
        "¥" => ("yen", "yen", "sen"),
        _ => ("dollar", "dollars", "cent"),
    };
    let fraction = it.get(3).map(|fraction| fraction.as_str());
    if let Some(size) = it.get(4) {
        let fraction = fraction.map(|digits_| format!(" point {}", digits(digits_))).unwrap_or_default();
        return format!("{}{fraction} {} {many}", cardinal(whole), size.as_str());
    }
    let main = format!("{} {}", cardinal(whole), if whole == 1 { one } else { many });
    let cents = fraction.filter(|fraction| fraction.len() == 2).map_or(0, number);
    let plural = if cents == 1 || cent.ends_with("ce") || cent == "sen" { "" } else { "s" };
    match (whole, cents) {
        (_, 0) => main,
        (0, cents) => format!("{} {cent}{plural}", cardinal(cents)),
        (_, cents) => format!("{main} and {} {cent}{plural}", cardinal(cents)),
    }
}

/// Digit by digit, with a pause where the writer made one.
fn phone(written: &str) -> String {
    let groups: Vec<String> = written
        .split(|it: char| !it.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .map(digits)
        .collect();
    format!("{}{}", if written.starts_with('+') { "plus " } else { "" }, groups.join(", "))
}

fn unit(it: &Captures<'_>) -> String {
    let (_, one, many) =
        UNITS.iter().find(|(unit, _, _)| *unit == &it[2]).expect("the pattern is made of these");
    format!("{} {} ", &it[1], if &it[1] == "1" { one } else { many })
}

fn address(written: &str) -> String {
    let said = written
        .replace('@', " at ")
        .replace('.', " dot ")
        .replace('/', " slash ")
        .replace(['-', '_'], " dash ");
    // Digits of an address are no number of anything.
    said.chars()
        .map(|it| if it.is_ascii_digit() { format!(" {} ", digits(&it.to_string())) } else { it.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn what_is_written_short_is_said_in_full() {
        for (written, said) in [
            ("It costs $1,249.50.", "It costs one thousand two hundred forty-nine dollars and fifty cents."),
            (
                "$1 or $0.05 or €20 or £3.01",
                "one dollar or five cents or twenty euros or three pounds and one pence",
            ),
            ("a $3.5 million deal", "a three point five million dollars deal"),
            (
                "on 2026-11-22 at 7:45 pm",
                "on November twenty-second, twenty twenty-six at seven forty-five p m",
            ),
            ("March 3rd, 2027, or 4 July", "March third, twenty twenty-seven, or July fourth"),
            (
                "12/31/1999 or 31/12/1999",
                "December thirty-first, nineteen ninety-nine or December thirty-first, nineteen ninety-nine",
            ),
            ("at 5 p.m. or 9:05 or 10:00", "at five p m or nine oh five or ten o'clock"),
            ("Call +1 (415) 555-0134", "Call plus one, four one five, five five five, zero one three four"),
            ("Dr. Lee lives on Main St. near St. Mary", "Doctor Lee lives on Main Street near Saint Mary"),
            ("45% of 3.14 is 12,000", "forty-five percent of three point one four is twelve thousand"),
            ("5 km, 1 kg and 20°C", "five kilometers, one kilogram and twenty degrees Celsius"),
            ("in 1984 and the 1990s", "in nineteen eighty-four and the nineteen nineties"),
            ("seat 14C, rows 10-12", "seat fourteen C, rows ten to twelve"),
            ("ask bob@example.com & co", "ask bob at example dot com and co"),
            (
                "code 007, id 12345678901",
                "code zero zero seven, id one two three four five six seven eight nine zero one",
            ),
            ("*bold* _text_ \u{1F600}", "bold text"),
        ] {
            assert_eq!(normal(written), said, "{written}");
        }
    }
}
