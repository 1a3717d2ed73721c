//! What a person asks a search for: words, "phrases in quotes", and beginnings of words with a star (`bik*`). All of
//! them must be in a message. Whatever else the text holds separates words and means nothing.

use std::ops::Range;

use crate::error::{Error, Place, Result};
use crate::text::{account_term, terms, words};

/// More words are not asked for.
const MOST: usize = 64;

/// A checked search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query(Vec<Term>);

/// Words that follow each other; of a beginning, the last one is cut short.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Term {
    words: Vec<String>,
    is_beginning: bool,
}

impl Query {
    /// Reads what a person typed. Nothing in it is syntax but quotes and a star behind a word.
    pub fn parse(text: &str) -> Result<Self> {
        let mut found = Vec::new();
        let parts: Vec<&str> = text.split(['"', '“', '”', '„']).collect();
        let last = parts.len() - 1;
        for (index, part) in parts.into_iter().enumerate() {
            // A quote that is never closed quotes nothing.
            if index % 2 == 1 && index < last {
                found.push(Term { words: terms(part), is_beginning: false });
            } else {
                found.extend(part.split_whitespace().map(Term::of));
            }
        }
        found.retain(|term| !term.words.is_empty());
        let count: usize = found.iter().map(|term| term.words.len()).sum();
        match count {
            0 => refused("query must have a word, a number or an emoji".to_owned()),
            1..=MOST => Ok(Self(found)),
            _ => refused(format!("query may have {MOST} words at most")),
        }
    }

    /// Where in `text` its words stand, in order; what touches or overlaps is one place.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let said = words(text);
        let mut places: Vec<Range<usize>> = Vec::new();
        for Term { words, is_beginning } in &self.0 {
            let last = words.len() - 1;
            let fits = |term: &str, place: usize| {
                term == words[place] || (*is_beginning && place == last && term.starts_with(&words[place]))
            };
            let found = said
                .windows(words.len())
                .filter(|run| run.iter().enumerate().all(|(place, word)| fits(&word.term, place)));
            places.extend(found.map(|run| run[0].at.start..run[last].at.end));
        }
        places.sort_unstable_by_key(|place| (place.start, place.end));
        places.dedup_by(|later, earlier| {
            let touches = later.start <= earlier.end;
            if touches {
                earlier.end = earlier.end.max(later.end);
            }
            touches
        });
        places
    }

    /// As FTS5 reads it: quoted strings, nothing else.
    pub(super) fn for_fts5(&self, account: &str) -> String {
        let term = |term: &Term| {
            let star = if term.is_beginning { " *" } else { "" };
            format!("\"{}\"{star}", term.words.join(" "))
        };
        let account = format!("\"{}\"", account_term(account));
        std::iter::once(account).chain(self.0.iter().map(term)).collect::<Vec<_>>().join(" AND ")
    }

    /// As a `tsquery` is written: quoted lexemes.
    pub(super) fn for_tsvector(&self, account: &str) -> String {
        let term = |term: &Term| {
            let words: Vec<String> = term.words.iter().map(|word| quoted(word)).collect();
            let star = if term.is_beginning { ":*" } else { "" };
            format!("({}{star})", words.join(" <-> "))
        };
        let account = quoted(&account_term(account));
        std::iter::once(account).chain(self.0.iter().map(term)).collect::<Vec<_>>().join(" & ")
    }
}

impl Term {
    fn of(chunk: &str) -> Self {
        let stem = chunk.trim_end_matches('*');
        let is_beginning = stem.len() < chunk.len() && stem.ends_with(char::is_alphanumeric);
        Self { words: terms(chunk), is_beginning }
    }
}

/// A lexeme between quotes. A term holds neither quote nor backslash; doubling them says the same once more.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\\', "\\\\").replace('\'', "''"))
}

fn refused(message: String) -> Result<Query> {
    Err(Error::at(Place::Query, "query", "value", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fts5(text: &str) -> String {
        let all = Query::parse(text).unwrap().for_fts5("acct_x");
        all.strip_prefix("\"\u{e000}acctx\" AND ").unwrap().to_owned()
    }

    fn tsvector(text: &str) -> String {
        let all = Query::parse(text).unwrap().for_tsvector("acct_x");
        all.strip_prefix("'\u{e000}acctx' & ").unwrap().to_owned()
    }

    #[test]
    fn words_phrases_and_beginnings() {
        assert_eq!(fts5("Bike ready"), r#""bike" AND "ready""#);
        assert_eq!(fts5(r#"my "new bike" bel*"#), r#""my" AND "new bike" AND "bel" *"#);
        assert_eq!(fts5("“new bike”"), r#""new bike""#);
        assert_eq!(fts5("e-mail 東京"), r#""e mail" AND "東 京""#);
        assert_eq!(tsvector("my \"new bike\" bel*"), "('my') & ('new' <-> 'bike') & ('bel':*)");
    }

    #[test]
    fn no_syntax_gets_through() {
        assert_eq!(
            fts5("bike OR NOT (x) NEAR/2 ^y col:z"),
            r#""bike" AND "or" AND "not" AND "x" AND "near 2" AND "y" AND "col z""#
        );
        assert_eq!(fts5("a\"b"), r#""a" AND "b""#);
        assert_eq!(fts5("* ** a* '* \"*\""), r#""a" *"#);
        assert_eq!(tsvector("a & !b | c:* <-> d\\'"), "('a') & ('b') & ('c') & ('d')");
    }

    fn marked(query: &str, text: &str) -> Vec<String> {
        let places = Query::parse(query).unwrap().places(text);
        places.into_iter().map(|place| text[place].to_owned()).collect()
    }

    #[test]
    fn the_words_found_are_told_apart_from_the_rest() {
        assert_eq!(marked("bike", "My BIKE, your bikes, our bike."), ["BIKE", "bike"]);
        assert_eq!(marked("bik*", "My BIKE, your bikes"), ["BIKE", "bikes"]);
        assert_eq!(marked("\"new bike\" cafe", "A new bike at the Café; new"), ["new bike", "Café"]);
        assert_eq!(marked("東京 e-mail", "東京タワー e–mail"), ["東京", "e–mail"]);
        assert_eq!(marked("new \"new bike\" bike", "new bike"), ["new bike"]);
        assert_eq!(marked("a", "bike"), Vec::<String>::new());
    }

    #[test]
    fn nothing_to_look_for_is_refused() {
        for text in ["", "  ", "\"\"", "*", "?!", "\u{202e}"] {
            assert!(matches!(Query::parse(text), Err(Error::Invalid(_))), "{text}");
        }
        assert!(Query::parse(&"x ".repeat(MOST)).is_ok());
        assert!(Query::parse(&"x ".repeat(MOST + 1)).is_err());
    }
}
