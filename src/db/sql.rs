//! One SQL text for two databases: statements are written with `?1`, `?2`; `PostgreSQL` wants `$1`, `$2`. Strings,
//! quoted names and comments are left alone.

/// `sql` with `PostgreSQL`'s placeholders.
pub fn for_postgres(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '?' if rest.peek().is_some_and(char::is_ascii_digit) => out.push('$'),
            '\'' | '"' => {
                out.push(character);
                copy_until(&mut rest, &mut out, |next| next == character);
            }
            '-' if rest.peek() == Some(&'-') => {
                out.push(character);
                copy_until(&mut rest, &mut out, |next| next == '\n');
            }
            _ => out.push(character),
        }
    }
    out
}

fn copy_until(rest: &mut impl Iterator<Item = char>, out: &mut String, end: impl Fn(char) -> bool) {
    for character in rest {
        out.push(character);
        if end(character) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::for_postgres;
    use proptest::prelude::*;

    #[test]
    fn placeholders_change_and_nothing_else() {
        let sql = "SELECT '?1', \"a?2\" FROM t -- ?3\nWHERE a = ?1 AND b = ?12 AND c = 'it''s ?4'";
        let want = "SELECT '?1', \"a?2\" FROM t -- ?3\nWHERE a = $1 AND b = $12 AND c = 'it''s ?4'";
        assert_eq!(for_postgres(sql), want);
    }

    proptest! {
        #[test]
        fn as_many_placeholders_as_before(names in proptest::collection::vec((1_u8..99, "[a-z ?']{0,6}"), 0..12)) {
            let terms: Vec<String> =
                names.iter().map(|(n, text)| format!("a = ?{n} AND b = '{}'", text.replace('\'', "''"))).collect();
            let sql = terms.join(" ");
            prop_assert_eq!(for_postgres(&sql).matches('$').count(), names.len());
        }
    }
}
