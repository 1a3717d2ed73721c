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
        let ends_word = next.is_none_or(|it| !it.is_alphabetic() && it != 'ˈ' && it != 'ˌ');
        match (letter, next) {
            ('A', _) => out.push_str("eɪ"),
            ('I', _) => out.push_str("aɪ"),
            ('W', _) => out.push_str("aʊ"),
            ('Y', _) => out.push_str("ɔɪ"),
            ('O', _) => out.push_str("oʊ"),
            ('Q', _) => out.push_str("əʊ"),
            ('ʤ', _) => out.push_str("dʒ"),
            ('ʧ', _) => out.push_str("tʃ"),
            ('T', _) => out.push('ɾ'),
            ('ᵊ', _) => out.push('ə'),
            // The vowels that espeak-ng writes long; "happy" ends in a short one.
            ('i', _) if !stressed => out.push('i'),
            ('i', _) => out.push_str(if next == Some('ə') { "i" } else { "iː" }),
            ('u', _) => out.push_str("uː"),
            ('ɑ', _) => out.push_str("ɑː"),
            ('ɔ', _) => out.push_str("ɔː"),
            ('ɜ', Some('ɹ')) if !british => {
                out.push_str("ɜː");
                // Before a vowel the r is heard and written once more.
                position += usize::from(!letters.get(position + 1).is_some_and(|it| is_vowel(*it)));
            }
            ('ɜ', _) => out.push_str("ɜː"),
            ('ə', Some('ɹ')) if !british && !letters.get(position + 1).is_some_and(|it| is_vowel(*it)) => {
                out.push('ɚ');
                position += 1;
            }
            ('“' | '”', _) => out.push('"'),
            ('—' | '–', _) => out.push(','),
            ('…', _) => out.push('.'),
            ('ː', _) => {}
            (other, _) => out.push(other),
        }
        if is_vowel(letter) {
            stressed = false;
        }
    }
    out
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
