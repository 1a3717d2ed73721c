//! A text as a search sees it: its words, in order. Scripts that put no spaces between words come character by
//! character, so that a sequence of them is found as a phrase; an emoji is a word. A term holds letters, digits and
//! pictures only, never anything that a database or its query language could take for syntax.

use std::ops::Range;

use super::Graphemes;
use super::letters::folded;

/// Longer words are cut: nobody types them, and an index has a limit.
const LONGEST: usize = 64;

/// A character that no text becomes: it tells an account's term from the words of people.
const MARK: char = '\u{e000}';

/// The term that every document of an account begins with; searching for it too keeps accounts apart.
pub fn account_term(account: &str) -> String {
    std::iter::once(MARK).chain(account.chars().filter(char::is_ascii_alphanumeric)).collect()
}

/// The words of `text`, in order.
pub fn terms(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.term).collect()
}

/// A word of a text and the bytes it stands in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    pub term: String,
    pub at: Range<usize>,
}

/// The words of `text` with their places, in order.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Word { term: String::new(), at: 0..0 };
    let mut end = 0;
    for grapheme in Graphemes::new(text) {
        let at = end..end + grapheme.text.len();
        end = at.end;
        let mut characters =
            grapheme.text.chars().flat_map(folded).filter(|character| is_content(*character)).peekable();
        let Some(first) = characters.peek().copied() else {
            // A mark of direction does not end a word; a space, a dash or a line break does.
            if grapheme.text.chars().flat_map(folded).next().is_some() {
                finish(&mut word, &mut words);
            }
            continue;
        };
        if stands_alone(first) {
            finish(&mut word, &mut words);
            words.push(Word { term: characters.take(LONGEST).collect(), at });
        } else if first.is_alphanumeric() {
            let start = if word.term.is_empty() { at.start } else { word.at.start };
            word.at = start..at.end;
            word.term.extend(characters);
        } else {
            finish(&mut word, &mut words);
        }
    }
    finish(&mut word, &mut words);
    words
}

fn finish(word: &mut Word, words: &mut Vec<Word>) {
    if word.term.is_empty() {
        return;
    }
    if let Some((cut, _)) = word.term.char_indices().nth(LONGEST) {
        word.term.truncate(cut);
    }
    words.push(Word { term: std::mem::take(&mut word.term), at: word.at.clone() });
}

/// Not a space, a line break, a sign of ASCII or the mark, wherever it stands.
fn is_content(character: char) -> bool {
    !(character.is_whitespace()
        || character.is_control()
        || character.is_ascii_punctuation()
        || character == MARK)
}

/// Characters of scripts without spaces, and pictures.
fn stands_alone(character: char) -> bool {
    matches!(u32::from(character),
        // Thai, Lao, Myanmar, Khmer.
        0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff
        // Han, Hiragana, Katakana.
        | 0x2e80..=0x2fdf | 0x3005..=0x3007 | 0x3041..=0x30fa | 0x30fc..=0x30ff | 0x31f0..=0x31ff | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0xff66..=0xff9d | 0x2_0000..=0x3_ffff
        // Arrows, clocks, shapes, symbols, dingbats, emoji, flags.
        | 0x2190..=0x21ff | 0x2300..=0x23ff | 0x25a0..=0x27bf | 0x2934..=0x2935 | 0x2b00..=0x2bff
        | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0x1_f000..=0x1_faff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_of_any_script() {
        let cases: &[(&str, &[&str])] = &[
            ("Is my bike ready?", &["is", "my", "bike", "ready"]),
            ("don't e-mail R-118", &["don", "t", "e", "mail", "r", "118"]),
            ("Café CRÈME Łódź", &["cafe", "creme", "lodz"]),
            ("cafe\u{301}", &["cafe"]),
            ("Ёлка и йога", &["елка", "и", "иога"]),
            ("ΟΔΟΣ οδός", &["οδοσ", "οδοσ"]),
            ("مُحَمَّد أهلا", &["محمد", "اهلا"]),
            ("שָׁלוֹם עולם", &["שלום", "עולם"]),
            ("東京タワー", &["東", "京", "タ", "ワ", "ー"]),
            ("ＡＢＣ１２３", &["abc123"]),
            ("สวัสดี", &["ส", "วั", "ส", "ดี"]),
            ("नमस्ते दुनिया", &["नमस्ते", "दुनिया"]),
            ("안녕하세요", &["안녕하세요"]),
            ("ok👍🏽ok ❤️", &["ok", "👍", "ok", "❤"]),
            ("🇩🇪🇫🇷", &["🇩🇪", "🇫🇷"]),
            ("bi\u{200b}ke \u{202e}ekib\u{202c}", &["bike", "ekib"]),
            ("a\nb\r\nc\td", &["a", "b", "c", "d"]),
            ("<b>\"x\"</b> '; DROP TABLE", &["b", "x", "b", "drop", "table"]),
            ("?! … — \u{200f}", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(terms(text), *expected, "{text}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(terms(&"x".repeat(500)), ["x".repeat(64)]);
    }

    #[test]
    fn no_text_becomes_the_term_of_an_account() {
        let account = account_term("acct_01abc");
        assert_eq!(account, "\u{e000}acct01abc");
        assert!(terms(&account).iter().all(|term| *term != account));
    }

    #[test]
    fn words_stand_where_they_were_written() {
        let text = "«Café», \u{202e}2nd\u{202c} 東京 ❤️!";
        let found: Vec<&str> = words(text).into_iter().map(|word| &text[word.at]).collect();
        assert_eq!(found, ["Café", "2nd", "東", "京", "❤️"]);
    }

    proptest! {
        #[test]
        fn places_follow_each_other(text in "\\PC{0,40}") {
            let mut end = 0;
            for word in words(&text) {
                prop_assert!(word.at.start >= end && word.at.end > word.at.start, "{word:?}");
                prop_assert!(text.get(word.at.clone()).is_some(), "{word:?}");
                end = word.at.end;
            }
        }

        #[test]
        fn a_term_holds_no_syntax(text in "\\PC{0,40}") {
            for term in terms(&text) {
                prop_assert!(!term.is_empty());
                prop_assert!(!term.contains(MARK));
                prop_assert!(term.chars().all(|it| !it.is_whitespace() && !it.is_ascii_punctuation() && !it.is_control()), "{term:?}");
            }
        }
    }
}
