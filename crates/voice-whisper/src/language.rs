//! Which language is spoken: the model says so in its first step.

use anyhow::{Context, Result};
use ct2rs::sys::{StorageView, Whisper};

use crate::hearing::{Ear, Window};

/// The probability below which a short picture of a window does not tell its language.
const UNSURE: f32 = 0.8;

/// The ISO 639-1 code of the likeliest language of a window, which is looked at in full if that is not clear.
pub fn detect(ear: &Ear<'_>, window: &mut Window<'_>) -> Result<String> {
    let (code, probability) = likeliest(ear.model, &window.encoded)?;
    if probability >= UNSURE {
        return Ok(code);
    }
    ear.look_again(window)?;
    Ok(likeliest(ear.model, &window.encoded)?.0)
}

fn likeliest(model: &Whisper, encoded: &StorageView) -> Result<(String, f32)> {
    let languages = model.detect_language(encoded)?;
    let best = languages.first().and_then(|batch| batch.first()).context("the model knows no languages")?;
    parse(&format!("{best:?}")).context("the model's answer names no language")
}

/// The binding keeps its fields to itself and shows them only when printed: `… language: "<|en|>", probability: 0.9 …`.
fn parse(printed: &str) -> Option<(String, f32)> {
    let (_, rest) = printed.split_once("<|")?;
    let (code, rest) = rest.split_once("|>")?;
    let (_, rest) = rest.split_once("probability: ")?;
    let number = rest.split([' ', ',', '}']).next()?;
    Some((code.to_owned(), number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn language_and_probability_are_found_in_what_the_binding_prints() {
        let printed = "DetectionResult { language: \"<|de|>\", probability: 0.93 }";
        assert_eq!(super::parse(printed), Some(("de".to_owned(), 0.93)));
        assert_eq!(super::parse("DetectionResult"), None);
    }
}
