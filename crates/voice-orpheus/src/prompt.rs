//! How Orpheus is asked.

/// The token after which the sound is complete.
pub const END_OF_SPEECH: i32 = 128_258;

const START_OF_HUMAN: i32 = 128_259;
const END_OF_TEXT: i32 = 128_009;
const END_OF_HUMAN: i32 = 128_260;
const START_OF_MACHINE: i32 = 128_261;
const START_OF_SPEECH: i32 = 128_257;

/// The prompt for `text` in `voice`; `tokens` makes tokens of plain text.
pub fn prompt(voice: &str, text: &str, tokens: impl Fn(&str) -> Vec<i32>) -> Vec<i32> {
    let mut prompt = vec![START_OF_HUMAN];
    prompt.extend(tokens(&format!("{voice}: {text}")));
    prompt.extend([END_OF_TEXT, END_OF_HUMAN, START_OF_MACHINE, START_OF_SPEECH]);
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stands_between_its_marks() {
        let asked = prompt("tara", "Hi.", |text| text.bytes().map(i32::from).collect());
        assert_eq!(asked[..2], [128_259, i32::from(b't')]);
        assert_eq!(asked[asked.len() - 5..], [i32::from(b'.'), 128_009, 128_260, 128_261, 128_257]);
    }
}
