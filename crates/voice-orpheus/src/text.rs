//! Long texts are spoken in pieces: the model loses its way in what is longer.

/// Characters of a piece, about.
const LONG: usize = 1_000;

/// The text in pieces that end where sentences do, else between words.
pub fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text.trim());
    while let Some((limit, _)) = rest.char_indices().nth(LONG) {
        let near = &rest[..limit];
        let after = |ends: &[char]| {
            let mut cuts =
                near.char_indices().filter(|(_, it)| ends.contains(it)).map(|(at, it)| at + it.len_utf8());
            // The full stop of "3.5" ends no sentence.
            cuts.rfind(|cut| near[*cut..].starts_with(char::is_whitespace))
        };
        let sentence = after(&['.', '!', '?', '…', '。', '！', '？']);
        let word = near.rfind(char::is_whitespace).filter(|at| *at > 0);
        let cut = sentence.or(word).unwrap_or(limit);
        pieces.push(rest[..cut].trim_end());
        rest = rest[cut..].trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_where_one_breathes() {
        let sentence = "It costs 3.5 dollars, or perhaps a little more. ";
        let long = sentence.repeat(50);
        let cut = pieces(&long);
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|piece| piece.ends_with("more.") && piece.chars().count() <= LONG));
        assert_eq!(cut.join(" "), long.trim());
        let words = "word ".repeat(300);
        assert!(pieces(&words).iter().all(|piece| piece.starts_with("word") && piece.ends_with("word")));
        assert_eq!(pieces(&"ü".repeat(2_500)).len(), 3);
        assert_eq!(pieces("  "), Vec::<&str>::new());
    }
}
