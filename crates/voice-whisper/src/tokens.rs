//! The vocabulary of a Whisper model: its special tokens, text to tokens and back.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use tokenizers::Tokenizer;

/// Seconds a step of the tokens for times.
pub const STEP: f64 = 0.02;

pub struct Tokens {
    tokenizer: Tokenizer,
    pub start: u32,
    pub transcribe: u32,
    pub previous: u32,
    pub end: u32,
    /// The token of the time 0; those of later times follow.
    pub first_time: u32,
}

impl Tokens {
    pub fn load(path: &Path) -> Result<Self> {
        let tokenizer = Tokenizer::from_file(path)
            .map_err(|error| anyhow!("{} can not be read: {error}", path.display()))?;
        let special = |name: &str| {
            tokenizer.token_to_id(name).with_context(|| format!("{} has no {name}", path.display()))
        };
        Ok(Self {
            start: special("<|startoftranscript|>")?,
            transcribe: special("<|transcribe|>")?,
            previous: special("<|startofprev|>")?,
            end: special("<|endoftext|>")?,
            first_time: special("<|notimestamps|>")? + 1,
            tokenizer,
        })
    }

    /// The token of a language, by its ISO 639-1 code.
    pub fn language(&self, code: &str) -> Option<u32> {
        self.tokenizer.token_to_id(&format!("<|{code}|>"))
    }

    pub fn is_time(&self, token: u32) -> bool {
        token >= self.first_time
    }

    /// The seconds a token for times stands for.
    pub fn time(&self, token: u32) -> f64 {
        f64::from(token.saturating_sub(self.first_time)) * STEP
    }

    /// The token that stands for so many seconds.
    pub fn of_time(&self, seconds: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a window has 30 seconds"
        )]
        let steps = (seconds.max(0.0) / STEP).round() as u32;
        self.first_time + steps
    }

    /// The text of tokens; times and other special ones have none.
    pub fn text(&self, tokens: &[u32]) -> Result<String> {
        let text: Vec<u32> = tokens.iter().copied().filter(|token| *token < self.end).collect();
        self.tokenizer.decode(&text, false).map_err(|error| anyhow!("tokens without text: {error}"))
    }

    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding =
            self.tokenizer.encode(text, false).map_err(|error| anyhow!("text without tokens: {error}"))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The token as the model's vocabulary writes it.
    pub fn name(&self, token: u32) -> Result<String> {
        if self.is_time(token) {
            // The tokenizer leaves these out.
            return Ok(format!("<|{:.2}|>", self.time(token)));
        }
        self.tokenizer.id_to_token(token).with_context(|| format!("no token {token}"))
    }
}
