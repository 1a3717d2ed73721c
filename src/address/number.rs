//! Phone numbers in E.164 (ITU-T). A number is accepted by its form and possible length, never by whether a
//! numbering plan has assigned it: 555 numbers are everybody's examples. Emergency, N11 and crisis numbers are
//! refused before they can be mistaken for the beginning of something longer.

use std::fmt;

use phonenumber::Type;
use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;

use super::AddressProblem;

/// A country or territory by its two upper-case ISO 3166-1 letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Region(Id);

impl Region {
    pub const US: Self = Self(Id::US);

    /// Two letters in either case, of a place that has phone numbers.
    pub fn parse(text: &str) -> Option<Self> {
        text.to_ascii_uppercase().parse().ok().map(Self)
    }

    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// Whether the region shares country code 1 and its ten-digit numbers.
    fn is_north_american(self) -> bool {
        NORTH_AMERICAN.contains(&self.as_str())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// With the country code.
const FEWEST_DIGITS: usize = 7;

/// `+`, country code, national number: at most 15 digits in all.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct E164(String);

impl E164 {
    /// Reads any common notation; without a country code the number belongs to `region`. No letters, no extension.
    pub fn parse(text: &str, region: Region) -> Result<Self, AddressProblem> {
        if is_plain(text) && is_possible(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let mut number = compact(text)?;
        refuse_emergency(number.trim_start_matches('+'))?;
        let dialled = if region.is_north_american() { "011" } else { "00" };
        if let Some(international) = number.strip_prefix(dialled).filter(|rest| rest.len() > 8) {
            number = format!("+{international}");
        }
        let international = complete(number, region)?;
        is_possible(&international)?;
        if !is_plain(&international) && complete(international.clone(), region)? != international {
            // A trunk prefix behind a trunk prefix.
            return Err(AddressProblem::Length);
        }
        Ok(Self(international))
    }

    /// A number that was parsed before it was stored.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The three digits after `+1`; numbers of other country codes have none.
    pub fn area_code(&self) -> Option<&str> {
        self.0.strip_prefix("+1").and_then(|national| national.get(..3))
    }

    /// Whose number it is by its country code. Of the many under `+1` only Canada is told from the United States.
    pub fn country(&self) -> Option<Region> {
        match self.area_code() {
            Some(area) if CANADIAN_AREAS.binary_search(&area).is_ok() => Some(Region(Id::CA)),
            Some(_) => Some(Region::US),
            None => main_region(&self.0),
        }
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails for digits that call for help or a service (911, 112, 988, 211 …), also with a country code before them.
pub(super) fn refuse_emergency(digits: &str) -> Result<(), AddressProblem> {
    let national = if digits.len() == 4 { digits.strip_prefix('1').unwrap_or(digits) } else { digits };
    if EMERGENCY.contains(&national) { Err(AddressProblem::Emergency) } else { Ok(()) }
}

/// A number in E.164 from its digits, with or without `+`.
fn complete(number: String, region: Region) -> Result<String, AddressProblem> {
    let digits = number.trim_start_matches('+');
    if digits.len() < FEWEST_DIGITS {
        return Err(AddressProblem::Length);
    }
    if number.starts_with("+1") {
        return Ok(number);
    }
    // The trunk prefix of `+44 (0)20 …` is dropped by the rules of the number's own country.
    let region = if number.starts_with('+') { main_region(&number) } else { Some(region) };
    if region.is_some_and(Region::is_north_american)
        && digits.len() - usize::from(digits.starts_with('1')) == 10
    {
        return Ok(format!("+1{}", &digits[digits.len() - 10..]));
    }
    let parsed = phonenumber::parse(region.map(|it| it.0), &number).map_err(|_| AddressProblem::Length)?;
    Ok(parsed.format().mode(phonenumber::Mode::E164).to_string())
}

/// Whether `text` is E.164 already, but for what only the numbering plans know: a 0 behind the country code is a trunk
/// prefix in most of them, and belongs to the number in a few.
fn is_plain(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (FEWEST_DIGITS..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            // Of ten-digit numbers `is_possible` asks more than that.
            && (digits.starts_with('1') || country_code(text).is_some_and(|(_, it)| !it.starts_with('0')))
    })
}

/// Checks country code and length of a number in E.164.
fn is_possible(number: &str) -> Result<(), AddressProblem> {
    if let Some(national) = number.strip_prefix("+1") {
        let good = national.len() == 10 && matches!(national.as_bytes()[0], b'2'..=b'9');
        return if good { Ok(()) } else { Err(AddressProblem::Length) };
    }
    let (code, national) = country_code(number).ok_or(AddressProblem::UnknownCountry)?;
    let regions = DATABASE.by_code(&code).unwrap_or_default();
    let length = u16::try_from(national.len()).unwrap_or(u16::MAX);
    let possible = regions.iter().any(|region| {
        let mut kinds = DIALLABLE.iter().filter_map(|kind| region.descriptors().get(*kind));
        kinds.any(|kind| kind.possible_length().contains(&length))
    });
    if possible && (FEWEST_DIGITS..=15).contains(&(number.len() - 1)) {
        Ok(())
    } else {
        Err(AddressProblem::Length)
    }
}

/// Country code and national number. No country code is the beginning of another.
fn country_code(number: &str) -> Option<(u16, &str)> {
    let digits = number.strip_prefix('+')?;
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let code = code.parse().ok()?;
        DATABASE.region(&code).is_some().then_some((code, national))
    })
}

fn main_region(number: &str) -> Option<Region> {
    let (code, _) = country_code(number)?;
    DATABASE.region(&code)?.first().and_then(|id| Region::parse(id))
}

/// The digits of a number in any notation, with a leading `+` if it has one.
fn compact(text: &str) -> Result<String, AddressProblem> {
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let mut number = String::with_capacity(16);
    for character in text.chars() {
        match character {
            '0'..='9' => number.push(character),
            '+' if number.is_empty() => number.push('+'),
            it if is_punctuation(it) => (),
            _ => return Err(AddressProblem::Unreadable),
        }
        if number.len() > 24 {
            return Err(AddressProblem::Length);
        }
    }
    if number.bytes().any(|byte| byte.is_ascii_digit()) {
        Ok(number)
    } else {
        Err(AddressProblem::Unreadable)
    }
}

/// What people write between digits, and the direction marks that copied contact cards contain.
fn is_punctuation(character: char) -> bool {
    "()-./ \u{a0}\u{2060}\u{2212}".contains(character)
        || ('\u{2000}'..='\u{2015}').contains(&character)
        || ('\u{202a}'..='\u{202f}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}

/// Emergency and police numbers of many countries, N11 services, 933 (test of 911), 988 (crisis line).
const EMERGENCY: [&str; 19] = [
    "000", "110", "111", "112", "117", "118", "119", "211", "311", "411", "511", "611", "711", "811", "911",
    "933", "988", "995", "999",
];

/// The kinds of number whose lengths count as possible.
const DIALLABLE: [Type; 10] = [
    Type::FixedLine,
    Type::Mobile,
    Type::TollFree,
    Type::PremiumRate,
    Type::SharedCost,
    Type::PersonalNumber,
    Type::Voip,
    Type::Pager,
    Type::Uan,
    Type::Voicemail,
];

const NORTH_AMERICAN: [&str; 25] = [
    "AG", "AI", "AS", "BB", "BM", "BS", "CA", "DM", "DO", "GD", "GU", "JM", "KN", "KY", "LC", "MP", "MS",
    "PR", "SX", "TC", "TT", "US", "VC", "VG", "VI",
];

/// Canada's area codes, sorted, with 600 and 622 for its non-geographic numbers.
const CANADIAN_AREAS: [&str; 57] = [
    "204", "226", "236", "249", "250", "257", "263", "289", "306", "343", "354", "365", "367", "368", "382",
    "403", "416", "418", "428", "431", "437", "438", "450", "468", "474", "506", "514", "519", "548", "579",
    "581", "584", "587", "600", "604", "613", "622", "639", "647", "672", "683", "705", "709", "742", "753",
    "778", "780", "782", "807", "819", "825", "867", "873", "879", "902", "905", "942",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str, region: &str) -> Result<String, AddressProblem> {
        E164::parse(text, Region::parse(region).unwrap()).map(|number| number.0)
    }

    #[test]
    fn common_notations_become_e164() {
        let american = [
            "+14155550142",
            "4155550142",
            "14155550142",
            "1-415-555-0142",
            "(415) 555-0142",
            "+1 (415) 555.0142",
            "tel:+1-415-555-0142",
            "415\u{a0}555\u{2011}0142",
            "\u{202a}+1 415 555 0142\u{202c}",
            "(+1) 415 555 0142",
            "011 1 415 555 0142",
        ];
        for text in american {
            assert_eq!(parse(text, "us").as_deref(), Ok("+14155550142"), "{text}");
        }
        assert_eq!(parse("011 44 20 7946 0958", "US").as_deref(), Ok("+442079460958"));
        assert_eq!(parse("020 7946 0958", "GB").as_deref(), Ok("+442079460958"));
        assert_eq!(parse("+44 (0)20 7946 0958", "US").as_deref(), Ok("+442079460958"));
        assert_eq!(parse("+4402079460958", "US").as_deref(), Ok("+442079460958"));
        assert_eq!(parse("+390669812345", "US").as_deref(), Ok("+390669812345"));
        assert_eq!(parse("0 61 22 / 12 34 56", "DE").as_deref(), Ok("+496122123456"));
        assert_eq!(parse("06 698 12345", "IT").as_deref(), Ok("+390669812345"));
        assert_eq!(parse("+15559876543", "US").as_deref(), Ok("+15559876543"));
    }

    #[test]
    fn impossible_numbers_are_refused() {
        for text in ["911", "112", "988", "+1911", "1-911", "999", "+911", "4-1-1", "+1 988"] {
            assert_eq!(parse(text, "US"), Err(AddressProblem::Emergency), "{text}");
        }
        for text in [
            "5550142",
            "+1415555014",
            "+141555501422",
            "1234567890",
            "+441",
            "+4420794609581234",
            "0000000000",
            "+4901000",
        ] {
            assert_eq!(parse(text, "US"), Err(AddressProblem::Length), "{text}");
        }
        for text in
            ["+99912345678", "1-800-FLOWERS", "415 555 0142 ext. 3", "+", "", "415+5550142", "*67 4155550142"]
        {
            assert!(parse(text, "US").is_err(), "{text}");
        }
    }

    #[test]
    fn country_and_area_are_read_from_the_number() {
        let of = |text| {
            let number = E164::from_stored(text);
            (number.area_code().map(str::to_owned), number.country().map(|region| region.to_string()))
        };
        let some = |area: &str, region: &str| (Some(area.to_owned()), Some(region.to_owned()));
        assert_eq!(of("+14155550142"), some("415", "US"));
        assert_eq!(of("+14165550142"), some("416", "CA"));
        assert_eq!(of("+442079460958"), (None, Some("GB".to_owned())));
        assert_eq!(of("+19055550142"), some("905", "CA"));
        assert!(CANADIAN_AREAS.is_sorted());
    }

    proptest! {
        #[test]
        fn punctuation_changes_nothing(area in 200..=999_u32, rest in 0..=9_999_999_u32) {
            let digits = format!("{area}{rest:07}");
            let written = format!("({area}) {}-{}", &digits[3..6], &digits[6..]);
            prop_assert_eq!(parse(&written, "US"), Ok(format!("+1{digits}")));
            prop_assert_eq!(parse(&format!("+1{digits}"), "DE"), Ok(format!("+1{digits}")));
        }
    }
}
