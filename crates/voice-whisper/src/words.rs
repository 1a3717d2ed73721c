//! The times of single words: the model's attention tells which frames it looked at for each token (`align`, dynamic time
//! warping inside CTranslate2). Tokens become words as the spaces say; in scripts that have none each character is one.

use anyhow::{Context, Result};
use ct2rs::sys::{StorageView, Whisper};

use crate::Word;
use crate::tokens::{STEP, Tokens};

/// What clings to the word after it, and to the word before it.
const OPENING: &str = "\"'“¿([{-";
const CLOSING: &str = "\"'.。,，!！?？:：”)]}、";
/// Frames that smooth the attention (published with the model).
const MEDIAN: i64 = 7;

/// The words of one window's pieces, piece by piece; times from the beginning of the window.
pub fn words(
    model: &Whisper,
    tokens: &Tokens,
    encoded: &StorageView,
    prompt: &[u32],
    pieces: &[&[u32]],
    seconds: f64,
) -> Result<Vec<Vec<Word>>> {
    let all: Vec<u32> = pieces.concat();
    let wide = |tokens: &[u32]| tokens.iter().map(|token| *token as usize).collect::<Vec<usize>>();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1,500")]
    let frames = ((seconds / STEP).ceil() as usize).max(2);
    let aligned = model.align(encoded, &wide(prompt), &[wide(&all)], &[frames], MEDIAN)?;
    let aligned = aligned.first().context("no alignment")?;
    let begins = begins(aligned.alignments.iter().map(|step| (step.token_x, step.frame_x)));
    let time = |token: usize| begins.get(token).or(begins.last()).map_or(0.0, |begin| begin.min(seconds));
    let mut before = 0;
    pieces
        .iter()
        .map(|piece| {
            let words = split(tokens, piece)?;
            let first = before;
            before += piece.len();
            let timed = words.into_iter().map(|(word, from, to)| {
                let (start, end) = (time(first + from), time(first + to));
                Word { word, start, end: end.max(start) }
            });
            Ok(timed.collect())
        })
        .collect()
}

/// When each token begins: where the path takes its first step into it.
fn begins(path: impl Iterator<Item = (i64, i64)>) -> Vec<f64> {
    let mut begins = Vec::new();
    let mut last = None;
    for (token, frame) in path {
        if last != Some(token) {
            #[expect(clippy::cast_precision_loss, reason = "at most 1,500")]
            begins.push(frame as f64 * STEP);
            last = Some(token);
        }
    }
    begins
}

/// Words with the tokens `from..to` they are made of.
fn split(tokens: &Tokens, piece: &[u32]) -> Result<Vec<(String, usize, usize)>> {
    let mut parts: Vec<(String, usize, usize)> = Vec::new();
    let mut from = 0;
    for to in 1..=piece.len() {
        let text = tokens.text(&piece[from..to])?;
        // A character of several tokens is whole when nothing of it is missing.
        if !text.contains('\u{FFFD}') || to == piece.len() {
            parts.push((text, from, to));
            from = to;
        }
    }
    Ok(join(parts))
}

/// Joins parts of words and their punctuation.
fn join(parts: Vec<(String, usize, usize)>) -> Vec<(String, usize, usize)> {
    let mut words: Vec<(String, usize, usize)> = Vec::new();
    for (text, from, to) in parts {
        let clings = |marks: &str, text: &str| {
            !text.trim().is_empty() && text.trim().chars().all(|it| marks.contains(it))
        };
        match words.last_mut() {
            Some(last)
                if (clings(CLOSING, &text) && !text.starts_with(' '))
                    || clings(OPENING, &last.0)
                    || !begins_word(&text) =>
            {
                last.0.push_str(&text);
                last.2 = to;
            }
            _ => words.push((text, from, to)),
        }
    }
    words
}

/// Whether a part begins a word of its own: after a space, or in a script that writes none.
fn begins_word(text: &str) -> bool {
    text.starts_with(' ')
        || text.chars().next().is_some_and(|it| {
            matches!(it, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_words() {
        let parts = [" Hel", "lo", ",", " \"", "world", "!", "\"", " $", "42", ".", "50"];
        let parts = parts.iter().enumerate().map(|(at, text)| ((*text).to_owned(), at, at + 1)).collect();
        let words: Vec<(String, usize, usize)> = join(parts);
        let expected = [(" Hello,", 0, 3), (" \"world!\"", 3, 7), (" $42.50", 7, 11)];
        assert_eq!(words, expected.map(|(word, from, to)| (word.to_owned(), from, to)));
    }

    #[test]
    fn a_token_begins_where_the_path_enters_it() {
        let path = [(0, 0), (0, 1), (1, 5), (1, 6), (2, 6), (3, 10)];
        assert_eq!(begins(path.into_iter()), [0.0, 0.1, 0.12, 0.2]);
    }
}
