//! Cuts a text into sentences, and those that are too long into clauses: the model takes one at a time, and its memory and
//! the wait for the first sound grow with their length.

/// A sentence longer than this is cut where it may be.
const LONG: usize = 220;
/// And anywhere between words, if it offers no better place before this; between letters, if it has no words.
const TOO_LONG: usize = 320;

/// What ends a sentence, with what may close after it.
const ENDS: [char; 6] = ['.', '!', '?', '…', '。', '\n'];
const CLOSING: [char; 6] = ['"', '”', '’', '\'', ')', ']'];
const CLAUSES: [char; 6] = [',', ';', ':', '—', '–', ')'];

/// Words whose full stop ends no sentence.
const ABBREVIATIONS: [&str; 27] = [
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "e.g", "i.e", "a.m", "p.m", "no", "inc",
    "ltd", "co", "corp", "approx", "dept", "est", "gen", "gov", "sen", "rep", "u.s",
];

/// The sentences of a text, in order, without what stands between them.
pub fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut begin = 0;
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    for (position, (at, character)) in characters.iter().enumerate() {
        if !ENDS.contains(character) || *at < begin {
            continue;
        }
        let mut next = position + 1;
        while characters.get(next).is_some_and(|(_, it)| ENDS.contains(it) || CLOSING.contains(it)) {
            next += 1;
        }
        let end = characters.get(next).map_or(text.len(), |(at, _)| *at);
        let before_space = characters.get(next).is_none_or(|(_, it)| it.is_whitespace());
        if *character == '\n' || (before_space && !is_abbreviation(&text[begin..*at], &text[end..])) {
            push(&mut found, &text[begin..end]);
            begin = end;
        }
    }
    push(&mut found, &text[begin..]);
    found
}

/// Whether the word before a full stop is one that is written with it, and the sentence goes on.
fn is_abbreviation(before: &str, after: &str) -> bool {
    let word = before.rsplit(|it: char| it.is_whitespace() || it == '(').next().unwrap_or_default();
    let is_initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
    let goes_on = after.trim_start().chars().next().is_some_and(|it| it.is_lowercase() || it.is_numeric());
    let known = ABBREVIATIONS.contains(&word.to_lowercase().as_str());
    // "Mr. Smith": a title is followed by a capital.
    let title = ["mr", "mrs", "ms", "dr", "prof", "st", "gen", "gov", "sen", "rep"]
        .contains(&word.to_lowercase().as_str());
    is_initial || title || (known && goes_on)
}

/// Adds a sentence, cut if it is long.
fn push(found: &mut Vec<String>, sentence: &str) {
    let mut rest = sentence.trim();
    while rest.len() > LONG {
        let Some(cut) = place_to_cut(rest) else { break };
        found.push(rest[..cut].trim().to_owned());
        rest = rest[cut..].trim();
    }
    if rest.chars().any(char::is_alphanumeric) {
        found.push(rest.to_owned());
    }
}

/// After the last clause that ends early enough, else after the last word, else after the last sign or letter: what a model
/// computes with grows with the square of what it is given. `None`: it may stay as it is.
fn place_to_cut(text: &str) -> Option<usize> {
    let last = |within: usize, is_place: &dyn Fn(usize, char) -> bool| {
        let early = text.char_indices().skip(1).take_while(|(at, _)| *at <= within);
        early.filter(|(at, it)| is_place(*at, *it)).last().map(|(at, _)| at)
    };
    let clause = last(LONG, &|at, it| it.is_whitespace() && text[..at].ends_with(CLAUSES));
    let word = || last(TOO_LONG, &|_, it| it.is_whitespace());
    let sign = || last(TOO_LONG, &|at, _| !text[..at].ends_with(char::is_alphanumeric));
    let letter = || last(TOO_LONG, &|_, _| true);
    clause.or_else(word).or_else(|| if text.len() > TOO_LONG { sign().or_else(letter) } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_people_end_them() {
        let text =
            "Dr. Smith paid $3.50 at 5 p.m. yesterday. \"Really?\" Yes! It is 3.14… J. R. came\nNext line";
        let expected = [
            "Dr. Smith paid $3.50 at 5 p.m. yesterday.",
            "\"Really?\"",
            "Yes!",
            "It is 3.14…",
            "J. R. came",
            "Next line",
        ];
        assert_eq!(sentences(text), expected);
        assert_eq!(sentences(" ... \n - \n"), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_lost_and_nothing_stays_too_long() {
        let text = "word, ".repeat(200) + &"word ".repeat(200) + &"wörd,".repeat(180) + &"w".repeat(900);
        let cut = sentences(&text);
        assert!(cut.iter().all(|part| part.len() <= TOO_LONG), "{cut:?}");
        assert!(cut.contains(&"wörd,".repeat(53)), "{cut:?}");
        let letters = |text: &str| text.chars().filter(|it| !it.is_whitespace()).collect::<String>();
        assert_eq!(letters(&cut.concat()), letters(&text));
    }
}
