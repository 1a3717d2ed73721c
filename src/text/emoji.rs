//! Whether a text is one emoji and nothing else, by the form of an emoji sequence (UTS #51, ED-17a). It says what
//! could be an emoji, not which ones some phone can draw.

use std::iter::Peekable;
use std::str::Chars;

const JOINER: char = '\u{200d}';
const AS_PICTURE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
/// A family of four with a skin tone each has seven; nothing that exists has more than ten.
const MOST_JOINED: usize = 10;

/// Ranges that hold pictures, and little else.
const PICTURES: &[(char, char)] = &[
    ('\u{a9}', '\u{a9}'),
    ('\u{ae}', '\u{ae}'),
    ('\u{203c}', '\u{203c}'),
    ('\u{2049}', '\u{2049}'),
    ('\u{2122}', '\u{2122}'),
    ('\u{2139}', '\u{2139}'),
    ('\u{2194}', '\u{21aa}'),
    ('\u{231a}', '\u{231b}'),
    ('\u{2328}', '\u{2328}'),
    ('\u{23cf}', '\u{23cf}'),
    ('\u{23e9}', '\u{23fa}'),
    ('\u{24c2}', '\u{24c2}'),
    ('\u{25aa}', '\u{25ab}'),
    ('\u{25b6}', '\u{25b6}'),
    ('\u{25c0}', '\u{25c0}'),
    ('\u{25fb}', '\u{25fe}'),
    ('\u{2600}', '\u{27bf}'),
    ('\u{2934}', '\u{2935}'),
    ('\u{2b05}', '\u{2b07}'),
    ('\u{2b1b}', '\u{2b1c}'),
    ('\u{2b50}', '\u{2b50}'),
    ('\u{2b55}', '\u{2b55}'),
    ('\u{3030}', '\u{3030}'),
    ('\u{303d}', '\u{303d}'),
    ('\u{3297}', '\u{3297}'),
    ('\u{3299}', '\u{3299}'),
    ('\u{1f004}', '\u{1f004}'),
    ('\u{1f0cf}', '\u{1f0cf}'),
    ('\u{1f170}', '\u{1f19a}'),
    ('\u{1f201}', '\u{1f251}'),
    ('\u{1f300}', '\u{1faff}'),
];

/// Whether `text` is exactly one emoji.
pub fn is_emoji(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    for _ in 0..MOST_JOINED {
        if !element(&mut rest) {
            return false;
        }
        match rest.next() {
            None => return true,
            Some(JOINER) => {}
            Some(_) => return false,
        }
    }
    false
}

/// Takes one picture, flag or keycap with what modifies it; says whether there was one.
fn element(rest: &mut Peekable<Chars<'_>>) -> bool {
    match rest.next() {
        Some('0'..='9' | '#' | '*') => {
            rest.next_if_eq(&AS_PICTURE);
            rest.next() == Some(KEYCAP)
        }
        Some(first) if is_indicator(first) => rest.next().is_some_and(is_indicator),
        Some(first) if is_picture(first) => {
            if rest.next_if(|next| ('\u{1f3fb}'..='\u{1f3ff}').contains(next)).is_none() {
                rest.next_if_eq(&AS_PICTURE);
            }
            // The flags of England, Scotland and Wales are spelled in tags.
            while rest.next_if(|next| ('\u{e0020}'..='\u{e007f}').contains(next)).is_some() {}
            true
        }
        Some(_) | None => false,
    }
}

fn is_indicator(character: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&character)
}

fn is_picture(character: char) -> bool {
    PICTURES.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

#[cfg(test)]
mod tests {
    use super::is_emoji;

    #[test]
    fn one_emoji_of_any_kind_is_one() {
        for emoji in ["🎉", "❤️", "❤", "👍🏽", "🇫🇷", "1️⃣", "#⃣", "👩‍🚀", "❤️‍🔥", "👨‍👩‍👧‍👦", "🏴‍☠️", "🏴󠁧󠁢󠁷󠁬󠁳󠁿"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for text in [
            "", "a", "1", "love", "🎉🎉", "🎉 ", " 🎉", "🎉a", "🇫", "👩‍", "\u{200d}", "<b>", "\u{202e}",
            "\u{fe0f}",
        ] {
            assert!(!is_emoji(text), "{text:?}");
        }
        let endless = "👩\u{200d}".repeat(1_000) + "👩";
        assert!(!is_emoji(&endless));
    }
}
