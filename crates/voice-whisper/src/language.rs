//! Which language is spoken: the model says so in its first step.

use anyhow::{Context, Result};
use ct2rs::sys::{StorageView, Whisper};

/// The ISO 639-1 code of the likeliest language of an encoded window.
pub fn detect(model: &Whisper, encoded: &StorageView) -> Result<String> {
    let languages = model.detect_language(encoded)?;
    let best = languages.first().and_then(|batch| batch.first()).context("the model knows no languages")?;
    code(&format!("{best:?}")).context("the model's answer names no language")
}

/// The binding keeps its fields to itself and shows them only when printed: `… language: "<|en|>" …`.
fn code(printed: &str) -> Option<String> {
    let (_, rest) = printed.split_once("<|")?;
    let (code, _) = rest.split_once("|>")?;
    Some(code.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_code_is_found_in_what_the_binding_prints() {
        let printed = "DetectionResult { language: \"<|de|>\", probability: 0.93 }";
        assert_eq!(super::code(printed), Some("de".to_owned()));
        assert_eq!(super::code("DetectionResult"), None);
    }
}
