//! From words to the numbers a voice was taught. `misaki` writes a short form of IPA of its own; Piper voices know the
//! IPA that espeak-ng writes. The table between the two follows misaki's published description of its letters
//! (`EN_PHONES.md`), read backwards.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use misaki_rs::{G2P, Language};

use crate::letters::Letters;

/// Marks of the beginning, the end and the space between phonemes.
const BEGIN: &str = "^";
const END: &str = "$";
const BETWEEN: &str = "_";

pub struct Phonemes {
    dictionary: G2P,
    british: bool,
    ids: HashMap<String, Vec<i32>>,
}

impl Phonemes {
    pub fn new(language: Language, ids: HashMap<String, Vec<i32>>) -> Result<Self> {
        for mark in [BEGIN, END, BETWEEN] {
            ids.get(mark).with_context(|| format!("phoneme_id_map has no {mark:?}"))?;
        }
        let dictionary = G2P::with_fallback(language, Some(Box::new(Letters)));
        Ok(Self { dictionary, british: matches!(language, Language::EnglishGB), ids })
    }

    /// The sentence as numbers; none if it has no sound.
    pub fn ids(&self, sentence: &str) -> Result<Vec<i32>> {
        let letters = self.letters(sentence)?;
        let sounds: Vec<&[i32]> = letters
            .chars()
            .filter_map(|letter| self.ids.get(letter.encode_utf8(&mut [0; 4]) as &str))
            .map(Vec::as_slice)
            .collect();
        if !letters.chars().any(char::is_alphabetic) {
            return Ok(Vec::new());
        }
        let mut ids = [&self.ids[BEGIN][..], &self.ids[BETWEEN]].concat();
        for sound in sounds {
            ids.extend_from_slice(sound);
            ids.extend_from_slice(&self.ids[BETWEEN]);
        }
        ids.extend_from_slice(&self.ids[END]);
        Ok(ids)
    }

    /// The sentence in the letters of the voice.
    pub fn letters(&self, sentence: &str) -> Result<String> {
        let (misaki, _) = self.dictionary.g2p(sentence).map_err(|error| anyhow!("{error}"))?;
        Ok(to_espeak(&misaki, self.british))
    }
}

/// Misaki's letters as espeak-ng writes them.
fn to_espeak(misaki: &str, british: bool) -> String {
    let mut out = String::with_capacity(misaki.len() * 2);
    let letters: Vec<char> = misaki.chars().collect();
    let mut stressed = false;
    let mut position = 0;
    while position < letters.len() {
        let (letter, next) = (letters[position], letters.get(position + 1).copied());
        position += 1;
        match letter {
            'ˈ' | 'ˌ' => stressed = true,
            ' ' => stressed = false,
            _ => {}
        }
        let r_is_heard = letters.get(position + 1).is_some_and(|it| is_vowel(*it));
        match (letter, next) {
            // The vowel of "happy", and that of "see".
            ('i', _) if !stressed => out.push('i'),
            ('i', Some('ə')) => out.push('i'),
            // The vowels of "bird" and "letter" hold their r, which is written once more before a vowel.
            ('ɜ', Some('ɹ')) if !british => {
                out.push_str("ɜː");
                position += usize::from(!r_is_heard);
            }
            ('ə', Some('ɹ')) if !british && !r_is_heard => {
                out.push('ɚ');
                position += 1;
            }
            _ => match alone(letter) {
                Some(written) => out.push_str(written),
                None => out.push(letter),
            },
        }
        if is_vowel(letter) {
            stressed = false;
        }
    }
    out
}

/// A letter that is written in another way whatever stands around it.
fn alone(letter: char) -> Option<&'static str> {
    Some(match letter {
        'A' => "eɪ",
        'I' => "aɪ",
        'W' => "aʊ",
        'Y' => "ɔɪ",
        'O' => "oʊ",
        'Q' => "əʊ",
        'ʤ' => "dʒ",
        'ʧ' => "tʃ",
        'T' => "ɾ",
        'ᵊ' => "ə",
        // The vowels that espeak-ng writes long.
        'i' => "iː",
        'u' => "uː",
        'ɑ' => "ɑː",
        'ɔ' => "ɔː",
        'ɜ' => "ɜː",
        '“' | '”' => "\"",
        '—' | '–' => ",",
        '…' => ".",
        'ː' => "",
        _ => return None,
    })
}

fn is_vowel(letter: char) -> bool {
    matches!(
        letter,
        'A' | 'I'
            | 'W'
            | 'Y'
            | 'O'
            | 'Q'
            | 'i'
            | 'u'
            | 'ɑ'
            | 'ɔ'
            | 'ɛ'
            | 'ɜ'
            | 'ɪ'
            | 'ʊ'
            | 'ʌ'
            | 'ə'
            | 'ᵊ'
            | 'æ'
            | 'ɐ'
            | 'ᵻ'
            | 'a'
            | 'ɒ'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_look_as_espeak_writes_them() {
        for (misaki, espeak) in [
            ("həlˈO", "həlˈoʊ"),
            ("wˈɜɹld", "wˈɜːld"),
            ("lˈɛTəɹ", "lˈɛɾɚ"),
            ("hˈæpi", "hˈæpi"),
            ("plˈiz", "plˈiːz"),
            ("kˈɑɹ", "kˈɑːɹ"),
            ("ʤˈʌʤ", "dʒˈʌdʒ"),
            ("fˈɔɹ ˌʌs", "fˈɔːɹ ˌʌs"),
        ] {
            assert_eq!(to_espeak(misaki, false), espeak);
        }
    }
}
