//! How a word sounds that no dictionary has: abbreviations are spelled, other words are read by the common rules of English
//! spelling, longest pattern first. What comes out is in misaki's letters, as [`misaki_rs::Fallback`] asks for it.

use misaki_rs::Fallback;
use misaki_rs::fallback::FallbackError;

pub struct Letters;

impl Fallback for Letters {
    fn phonemize(&self, word: &str) -> Result<String, FallbackError> {
        let plain: String = word.chars().filter_map(plain).collect();
        let lower = plain.to_lowercase();
        let has_vowel = lower.chars().any(|it| "aeiouy".contains(it));
        let is_shouted = plain.len() <= 5 && plain.chars().all(|it| it.is_ascii_uppercase());
        Ok(if lower.is_empty() {
            String::new()
        } else if is_shouted || !has_vowel {
            spelled(&lower)
        } else {
            read(&lower)
        })
    }
}

/// A letter without its accent; `None`: one that English readers do not know.
fn plain(letter: char) -> Option<char> {
    Some(match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'À'..='Å' => 'A',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'È'..='Ë' => 'E',
        'ì'..='ï' | 'ī' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'Ò'..='Ö' | 'Ø' => 'O',
        'ù'..='ü' | 'ū' | 'ű' => 'u',
        'Ù'..='Ü' => 'U',
        'ý' | 'ÿ' => 'y',
        'ś' | 'š' | 'ş' | 'ß' => 's',
        'Š' | 'Ş' => 'S',
        'ž' | 'ź' | 'ż' => 'z',
        'ł' => 'l',
        'Ł' => 'L',
        other if other.is_ascii_alphabetic() => other,
        _ => return None,
    })
}

/// The names of the letters, a to z.
const NAMES: [&str; 26] = [
    "ˈA",
    "bˈi",
    "sˈi",
    "dˈi",
    "ˈi",
    "ˈɛf",
    "ʤˈi",
    "ˈAʧ",
    "ˈI",
    "ʤˈA",
    "kˈA",
    "ˈɛl",
    "ˈɛm",
    "ˈɛn",
    "ˈO",
    "pˈi",
    "kjˈu",
    "ˈɑɹ",
    "ˈɛs",
    "tˈi",
    "jˈu",
    "vˈi",
    "dˈʌbᵊlju",
    "ˈɛks",
    "wˈI",
    "zˈi",
];

fn spelled(word: &str) -> String {
    let names: Vec<&str> = word.bytes().map(|letter| NAMES[usize::from(letter - b'a')]).collect();
    names.join(" ")
}

/// Where in a word a pattern counts.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Anywhere,
    Begin,
    End,
}
use At::{Anywhere, Begin, End};

/// Patterns of letters and their sounds, the longer ones first.
const PATTERNS: [(&str, At, &str); 66] = [
    ("eigh", Anywhere, "A"),
    ("ough", Anywhere, "O"),
    ("augh", Anywhere, "ɔ"),
    ("tion", Anywhere, "ʃən"),
    ("sion", Anywhere, "ʒən"),
    ("igh", Anywhere, "I"),
    ("tch", Anywhere, "ʧ"),
    ("sch", Anywhere, "ʃ"),
    ("dge", Anywhere, "ʤ"),
    ("que", End, "k"),
    ("ski", End, "ski"),
    ("ng", End, "ŋ"),
    ("ck", Anywhere, "k"),
    ("ch", Anywhere, "ʧ"),
    ("cz", Anywhere, "ʧ"),
    ("sz", Anywhere, "ʃ"),
    ("sh", Anywhere, "ʃ"),
    ("zh", Anywhere, "ʒ"),
    ("th", Anywhere, "θ"),
    ("ph", Anywhere, "f"),
    ("gh", Anywhere, "ɡ"),
    ("wh", Begin, "w"),
    ("wr", Begin, "ɹ"),
    ("kn", Begin, "n"),
    ("ps", Begin, "s"),
    ("rh", Anywhere, "ɹ"),
    ("qu", Anywhere, "kw"),
    ("nk", Anywhere, "ŋk"),
    ("ng", Anywhere, "ŋɡ"),
    ("ce", End, "s"),
    ("ge", End, "ʤ"),
    ("er", End, "əɹ"),
    ("ey", End, "i"),
    ("ie", End, "i"),
    ("ia", End, "iə"),
    ("ai", Anywhere, "A"),
    ("ay", Anywhere, "A"),
    ("ea", Anywhere, "i"),
    ("ee", Anywhere, "i"),
    ("ei", Anywhere, "I"),
    ("au", Anywhere, "ɔ"),
    ("aw", Anywhere, "ɔ"),
    ("ie", Anywhere, "i"),
    ("oa", Anywhere, "O"),
    ("oe", Anywhere, "O"),
    ("oi", Anywhere, "Y"),
    ("oy", Anywhere, "Y"),
    ("oo", Anywhere, "u"),
    ("ou", Anywhere, "u"),
    ("ow", Anywhere, "O"),
    ("ue", Anywhere, "u"),
    ("eu", Anywhere, "u"),
    ("ew", Anywhere, "u"),
    ("aa", Anywhere, "ɑ"),
    ("ar", Anywhere, "ɑɹ"),
    ("er", Anywhere, "ɜɹ"),
    ("ir", Anywhere, "ɜɹ"),
    ("ur", Anywhere, "ɜɹ"),
    ("or", Anywhere, "ɔɹ"),
    ("a", End, "ə"),
    ("i", End, "i"),
    ("o", End, "O"),
    ("u", End, "u"),
    ("y", End, "i"),
    ("y", Begin, "j"),
    ("x", Begin, "z"),
];

const VOWEL_LETTERS: &str = "aeiouy";
const VOWEL_SOUNDS: &str = "AIWYOQiuɑɔɛɜɪʊʌəæ";

fn read(word: &str) -> String {
    let mut sounds: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < word.len() {
        let (taken, sound) = next(word, at);
        sounds.push(sound);
        at += taken;
    }
    stressed(&sounds)
}

/// The letters from `at` that belong together, and their sound.
fn next(word: &str, at: usize) -> (usize, &'static str) {
    let rest = &word[at..];
    let fits = |pattern: &str, place: At| {
        rest.starts_with(pattern)
            && match place {
                Anywhere => true,
                Begin => at == 0,
                End => rest.len() == pattern.len() && at > 0,
            }
    };
    if let Some((pattern, _, sound)) = PATTERNS.iter().find(|(pattern, place, _)| fits(pattern, *place)) {
        return (pattern.len(), sound);
    }
    let letters: Vec<char> = rest.chars().take(4).collect();
    let is_vowel = |place: usize| letters.get(place).is_some_and(|it| VOWEL_LETTERS.contains(*it));
    let doubled = letters.get(1) == letters.first();
    let soft = matches!(letters.get(1), Some('e' | 'i' | 'y'));
    // A vowel, one consonant and an e that ends the word; or one consonant and another vowel.
    let magic = rest.len() == 3 && !is_vowel(1) && letters.get(2) == Some(&'e');
    let open = letters.len() > 2 && !is_vowel(1) && is_vowel(2);
    let sound = match letters[0] {
        'a' if magic => "A",
        'a' if open => "ɑ",
        'a' => "æ",
        'e' if rest.len() == 1 => "",
        'e' if magic => "i",
        'e' => "ɛ",
        'i' | 'y' if magic => "I",
        'i' if open => "i",
        'i' | 'y' => "ɪ",
        'o' if magic || open => "O",
        'o' => "ɑ",
        'u' if magic || open => "u",
        'u' => "ʌ",
        'c' if soft => "s",
        'c' | 'k' | 'q' => "k",
        'b' => "b",
        'd' => "d",
        'f' => "f",
        'g' => "ɡ",
        'h' => "h",
        'j' => "ʤ",
        'l' => "l",
        'm' => "m",
        'n' => "n",
        'p' => "p",
        'r' => "ɹ",
        's' => "s",
        't' => "t",
        'v' => "v",
        'w' => "w",
        'x' => "ks",
        'z' => "z",
        // Only the 26 come here.
        _ => "",
    };
    (if doubled && !is_vowel(0) { 2 } else { 1 }, sound)
}

/// The sounds as one word, the stress on the last vowel but one.
fn stressed(sounds: &[&str]) -> String {
    let word = sounds.concat();
    let vowels: Vec<usize> =
        word.char_indices().filter(|(_, it)| VOWEL_SOUNDS.contains(*it)).map(|(at, _)| at).collect();
    match vowels.as_slice() {
        [] => word,
        [only] => format!("{}ˈ{}", &word[..*only], &word[*only..]),
        [.., stress, _] => format!("{}ˈ{}", &word[..*stress], &word[*stress..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_no_dictionary_has_a_sound() {
        for (word, sound) in [
            ("XKCD", "ˈɛks kˈA sˈi dˈi"),
            ("hmpf", "ˈAʧ ˈɛm pˈi ˈɛf"),
            ("blorp", "blˈɔɹp"),
            ("zented", "zˈɛntɛd"),
            ("vake", "vˈAk"),
            ("Kowalski", "kOˈælski"),
            ("Phneering", "fnˈiɹɪŋ"),
            ("日本", ""),
        ] {
            assert_eq!(Letters.phonemize(word).unwrap(), sound, "{word}");
        }
    }

    #[test]
    fn longer_patterns_come_first() {
        for (place, (pattern, at, _)) in PATTERNS.iter().enumerate() {
            let hidden = PATTERNS[..place].iter().any(|(earlier, where_, _)| {
                *where_ == Anywhere && pattern.starts_with(earlier) && *at != Begin
            });
            assert!(!hidden, "{pattern} is never reached");
        }
    }
}
