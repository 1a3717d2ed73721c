//! Many rows with few statements. Lists come in few lengths, so that few different statements are prepared.

use super::tx::Tx;
use super::value::{Row, ToValue, Value, listed_from, padded};
use crate::error::Result;

/// Rows in one statement at most; a power of two.
const MOST: usize = 64;
/// Keys in one list at most.
const LISTED: usize = 128;

impl Tx<'_> {
    /// Inserts `rows`: `head` is `INSERT INTO table (columns)`, `tail` what follows the values. Answers how many rows
    /// were written.
    pub fn insert(&mut self, head: &str, rows: &[Vec<Value<'_>>], tail: &str) -> Result<u64> {
        let mut written = 0;
        for some in in_powers(rows) {
            let sql = format!("{head} VALUES {} {tail}", tuples(some.len(), &vec![""; some[0].len()]));
            let values: Vec<_> = some.iter().flatten().map(|value| value as _).collect();
            written += self.execute(&sql, &values)?;
        }
        Ok(written)
    }

    /// Asks `sql` about `keys`, so many at a time: `{list}` in it is where they stand, and `before` are the parameters
    /// from `?1` on.
    pub fn query_listed<'k, K: ToValue + 'k, T>(
        &mut self,
        sql: &str,
        before: &[&dyn ToValue],
        keys: impl IntoIterator<Item = &'k K>,
        read: impl Fn(Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let keys: Vec<&K> = keys.into_iter().collect();
        let mut found = Vec::with_capacity(keys.len());
        for some in keys.chunks(LISTED) {
            let (sql, parameters) = with_list(sql, before, some);
            found.append(&mut self.query(&sql, &parameters, &read)?);
        }
        Ok(found)
    }

    /// Runs `sql` for `keys`, as [`Tx::query_listed`] does.
    pub fn execute_listed<'k, K: ToValue + 'k>(
        &mut self,
        sql: &str,
        before: &[&dyn ToValue],
        keys: impl IntoIterator<Item = &'k K>,
    ) -> Result<()> {
        let keys: Vec<&K> = keys.into_iter().collect();
        for some in keys.chunks(LISTED) {
            let (sql, parameters) = with_list(sql, before, some);
            self.execute(&sql, &parameters)?;
        }
        Ok(())
    }
}

fn with_list<'a, K: ToValue>(
    sql: &str,
    before: &[&'a dyn ToValue],
    keys: &[&'a K],
) -> (String, Vec<&'a dyn ToValue>) {
    let mut parameters = before.to_vec();
    parameters.extend(padded(keys));
    (sql.replace("{list}", &listed_from(before.len() + 1, parameters.len())), parameters)
}

/// Cuts `items` into pieces whose lengths are powers of two.
pub fn in_powers<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = items.len().min(MOST);
        let power = length.checked_ilog2()?;
        let (piece, rest) = items.split_at(1 << power);
        items = rest;
        Some(piece)
    })
}

/// `(?1, ?2), (?3, ?4), …`, each column cast to its type; an empty one is as it comes.
pub fn tuples(rows: usize, types: &[&str]) -> String {
    let place = |number: usize, kind: &str| {
        if kind.is_empty() { format!("?{number}") } else { format!("CAST(?{number} AS {kind})") }
    };
    let tuple = |row: usize| {
        let numbered = (row * types.len() + 1..).zip(types);
        let places: Vec<String> = numbered.map(|(number, kind)| place(number, kind)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(tuple).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_powers_of_two_and_leave_nothing_out() {
        let items: Vec<usize> = (0..150).collect();
        let lengths: Vec<usize> = in_powers(&items).map(<[usize]>::len).collect();
        assert_eq!(lengths, [64, 64, 16, 4, 2]);
        assert_eq!(in_powers(&items).flatten().copied().collect::<Vec<_>>(), items);
        assert_eq!(in_powers::<usize>(&[]).count(), 0);
    }

    #[test]
    fn placeholders_are_counted_through() {
        assert_eq!(tuples(2, &["", ""]), "(?1, ?2), (?3, ?4)");
        assert_eq!(tuples(1, &["TEXT", "BIGINT"]), "(CAST(?1 AS TEXT), CAST(?2 AS BIGINT))");
    }
}
