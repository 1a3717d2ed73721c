//! Numbers in English words.

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const GROUPS: [(u64, &str); 6] = [
    (1_000_000_000_000_000_000, "quintillion"),
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];
/// Ordinals that are no cardinal with "th".
const ORDINALS: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

/// How many.
pub fn cardinal(number: u64) -> String {
    let mut words = Vec::new();
    let mut rest = number;
    for (size, name) in GROUPS {
        if rest >= size {
            words.push(format!("{} {name}", below_thousand(rest / size)));
            rest %= size;
        }
    }
    if rest > 0 || words.is_empty() {
        words.push(below_thousand(rest));
    }
    words.join(" ")
}

fn below_thousand(number: u64) -> String {
    let (hundreds, rest) = (number / 100, number % 100);
    let small = |number: u64| SMALL[usize::try_from(number).expect("below twenty")];
    let below_hundred = match (rest / 10, rest % 10) {
        (0 | 1, _) => small(rest).to_owned(),
        (tens, 0) => TENS[usize::try_from(tens).expect("below ten")].to_owned(),
        (tens, ones) => format!("{}-{}", TENS[usize::try_from(tens).expect("below ten")], small(ones)),
    };
    match (hundreds, rest) {
        (0, _) => below_hundred,
        (hundreds, 0) => format!("{} hundred", small(hundreds)),
        (hundreds, _) => format!("{} hundred {below_hundred}", small(hundreds)),
    }
}

/// Which one.
pub fn ordinal(number: u64) -> String {
    let cardinal = cardinal(number);
    let at = cardinal.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (before, last) = cardinal.split_at(at);
    let last = match ORDINALS.iter().find(|(cardinal, _)| *cardinal == last) {
        Some((_, ordinal)) => (*ordinal).to_owned(),
        None => last.strip_suffix('y').map_or_else(|| format!("{last}th"), |stem| format!("{stem}ieth")),
    };
    format!("{before}{last}")
}

/// A year as it is said: nineteen eighty-four, two thousand seven, twenty twenty-six.
pub fn year(year: u64) -> String {
    let (century, rest) = (year / 100, year % 100);
    match (century, rest) {
        (10..=99, 0) if century % 10 != 0 => format!("{} hundred", cardinal(century)),
        (10..=99, 1..=9) if century % 10 != 0 => format!("{} oh {}", cardinal(century), cardinal(rest)),
        (10..=99, 10..) => format!("{} {}", cardinal(century), cardinal(rest)),
        _ => cardinal(year),
    }
}

/// One digit after the other.
pub fn digits(text: &str) -> String {
    let words: Vec<&str> =
        text.bytes().filter(u8::is_ascii_digit).map(|it| SMALL[usize::from(it - b'0')]).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(cardinal(0), "zero");
        assert_eq!(cardinal(1_249), "one thousand two hundred forty-nine");
        assert_eq!(cardinal(2_000_013), "two million thirteen");
        assert!(cardinal(u64::MAX).starts_with("eighteen quintillion"));
        assert_eq!(
            [1, 3, 12, 20, 22, 30, 101].map(ordinal).join(" "),
            "first third twelfth twentieth twenty-second thirtieth one hundred first"
        );
        assert_eq!(
            [1066, 1900, 1984, 2000, 2007, 2026, 1805].map(year).join(", "),
            "ten sixty-six, nineteen hundred, nineteen eighty-four, two thousand, two thousand seven, twenty twenty-six, eighteen oh five"
        );
        assert_eq!(digits("+1 (415)"), "one four one five");
    }
}
