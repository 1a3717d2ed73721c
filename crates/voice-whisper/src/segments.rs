//! Tokens of one window become segments: the model writes the time before and after each.

use crate::tokens::Tokens;

/// A stretch of tokens; times in seconds from the beginning of the window.
#[derive(Debug, PartialEq)]
pub struct Piece {
    pub start: f64,
    pub end: f64,
    pub tokens: Vec<u32>,
}

impl Piece {
    /// Its tokens between those of its times, as the model wrote them.
    pub fn timed(&self, tokens: &Tokens) -> Vec<u32> {
        let mut timed = vec![tokens.of_time(self.start)];
        timed.extend(&self.tokens);
        timed.push(tokens.of_time(self.end));
        timed
    }
}

/// The pieces of a window of so many seconds, and the time from which on the model has not listened to the end: a segment
/// that it began and did not finish is to be heard again in the next window.
pub fn cut(tokens: &Tokens, read: &[u32], seconds: f64) -> (Vec<Piece>, f64) {
    let piece = |start: f64, end: f64, read: &[u32]| Piece {
        start: start.min(seconds),
        end: end.min(seconds),
        tokens: read.iter().copied().filter(|token| *token < tokens.end).collect(),
    };
    let mut pieces = Vec::new();
    let (mut start, mut from) = (0.0, 0);
    // The time of the last two times in a row: one segment ended there, the next began.
    let mut last_border = None;
    for (at, token) in read.iter().enumerate() {
        if !tokens.is_time(*token) {
            continue;
        }
        if at > from {
            pieces.push(piece(start, tokens.time(*token), &read[from..at]));
        }
        (start, from) = (tokens.time(*token), at + 1);
        if at > 0 && tokens.is_time(read[at - 1]) {
            last_border = Some(start).filter(|time| *time > 0.0 && *time < seconds);
        }
    }
    let ends_in_text = from < read.len();
    let ends_at_border = read.len() >= 2 && read[read.len() - 2..].iter().all(|token| tokens.is_time(*token));
    let heard = last_border.filter(|_| ends_in_text || ends_at_border);
    if ends_in_text && heard.is_none() {
        pieces.push(piece(start, seconds, &read[from..]));
    }
    pieces.retain(|piece| !piece.tokens.is_empty());
    (pieces, heard.unwrap_or(seconds))
}
