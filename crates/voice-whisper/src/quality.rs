//! Whether what the model wrote can be what was said. Whisper, when it is lost, repeats itself or guesses.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Text that zlib shrinks by more than this repeats itself (published with the model).
const MOST_REPETITIVE: f32 = 2.4;
/// The mean log-probability of a token below which the text is a guess (published with the model).
const LEAST_LIKELY: f32 = -1.0;
/// Nobody speaks if the model says so with this probability and its text is a guess (published with the model).
const NOBODY: f32 = 0.6;
/// A pattern of tokens this often in a row is a loop.
const LOOP: usize = 4;
/// Tokens a second of sound that nobody speaks, and some for the times around them.
const FASTEST: f64 = 25.0;
const TIMES: f64 = 12.0;

/// One reading of a window.
pub struct Reading {
    pub tokens: Vec<u32>,
    pub text: String,
    pub temperature: f32,
    pub avg_logprob: f32,
    pub compression_ratio: f32,
    pub no_speech_prob: f32,
}

impl Reading {
    /// Whether the model thinks that nobody speaks.
    pub fn is_silence(&self) -> bool {
        self.no_speech_prob > NOBODY && self.avg_logprob < LEAST_LIKELY
    }

    /// Whether it can be what was said in so many seconds.
    pub fn is_credible(&self, seconds: f64) -> bool {
        self.avg_logprob >= LEAST_LIKELY && !self.runs_on(seconds)
    }

    /// Whether it repeats itself, or says more than can be said in so many seconds.
    fn runs_on(&self, seconds: f64) -> bool {
        self.compression_ratio > MOST_REPETITIVE
            || repeats(&self.tokens)
            || self.tokens.len() > most_tokens(seconds)
    }

    /// Whether it is the better one of two of which neither is credible: one that runs on is the worst.
    pub fn is_better_than(&self, other: &Self, seconds: f64) -> bool {
        match (self.runs_on(seconds), other.runs_on(seconds)) {
            (false, true) => true,
            (true, false) => false,
            (true, true) | (false, false) => self.avg_logprob > other.avg_logprob,
        }
    }
}

/// The most tokens that can be said in so many seconds.
pub fn most_tokens(seconds: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a window has 30 seconds")]
    let most = (TIMES + FASTEST * seconds.max(0.0)) as usize;
    most
}

/// How many times longer a text is than what zlib makes of it.
pub fn compression_ratio(text: &str) -> f32 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("writing into memory");
    let packed = encoder.finish().expect("writing into memory");
    #[expect(clippy::cast_precision_loss, reason = "a few kilobytes")]
    let ratio = text.len() as f32 / packed.len().max(1) as f32;
    ratio
}

/// Whether a pattern of two tokens or more stands many times in a row.
fn repeats(tokens: &[u32]) -> bool {
    (2..=tokens.len() / LOOP).any(|length| {
        tokens
            .windows(length * LOOP)
            .any(|stretch| stretch.chunks(length).all(|part| part == &stretch[..length]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str, avg_logprob: f32) -> Reading {
        let tokens = text.split(' ').map(|word| u32::try_from(word.len()).unwrap()).collect();
        let compression_ratio = compression_ratio(text);
        Reading {
            tokens,
            text: text.to_owned(),
            temperature: 0.0,
            avg_logprob,
            compression_ratio,
            no_speech_prob: 0.0,
        }
    }

    #[test]
    fn a_guess_is_better_than_a_loop_however_sure_the_loop_is() {
        let (guess, wild) = (reading("a guess of what they said", -1.2), reading("wilder one it is", -1.9));
        let looped = reading(&"pay ".repeat(100), -0.1);
        let long = reading("one three fifteen of a hundred and so on", -0.1);
        assert!(guess.is_better_than(&looped, 4.0) && !looped.is_better_than(&guess, 4.0));
        assert!(guess.is_better_than(&wild, 4.0) && !wild.is_better_than(&guess, 4.0));
        assert!(long.is_credible(4.0));
        assert!(!reading(&"many words of some length ".repeat(9), -0.1).is_credible(0.5));
    }

    #[test]
    fn loops_are_seen_and_speech_is_not_taken_for_one() {
        assert!(repeats(&[1, 2, 3, 4, 3, 4, 3, 4, 3, 4, 9]));
        assert!(!repeats(&[1, 2, 3, 4, 3, 4, 5, 6, 7, 7, 7, 8]));
        assert!(compression_ratio(&"thank you ".repeat(40)) > MOST_REPETITIVE);
        assert!(compression_ratio("The invoice was sent on Tuesday and paid the day after, in full.") < 1.5);
    }
}
