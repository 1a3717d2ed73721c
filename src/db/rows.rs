//! Many rows with few statements. Lists come in few lengths, so that few different statements are prepared.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::tx::Tx;
use super::value::{Row, ToValue, Value};
use crate::error::Result;

/// The lengths in which lists come.
const LENGTHS: [usize; 14] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];
/// Rows in one statement at most.
const MOST: usize = 64;
/// Keys in one list at most.
const LISTED: usize = 128;

impl Tx<'_> {
    /// Inserts `rows`: `head` is `INSERT INTO table (columns)`, `tail` what follows the values.
    pub fn insert(&mut self, head: &str, rows: &[Vec<Value<'_>>], tail: &str) -> Result<()> {
        for some in in_pieces(rows) {
            let sql = format!("{head} VALUES {} {tail}", tuples(some.len(), &vec![""; some[0].len()]));
            let values: Vec<_> = some.iter().flatten().map(|value| value as _).collect();
            self.execute(&sql, &values)?;
        }
        Ok(())
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

/// Cuts `items` into pieces of few different lengths, for statements that must hear of each item once.
pub fn in_pieces<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let most = items.len().min(MOST);
        let length = *LENGTHS.iter().rfind(|length| **length <= most)?;
        let (piece, rest) = items.split_at(length);
        items = rest;
        Some(piece)
    })
}

/// The same for statements that may hear of an item twice: fewer pieces, the last one filled up with its last item.
pub fn in_filled<T>(items: &[T]) -> impl Iterator<Item = Vec<&T>> {
    items.chunks(MOST).map(|piece| filled(&piece.iter().collect::<Vec<_>>()))
}

/// `values` as parameters of an `IN` list, filled up: a list of any length then needs few different statements.
pub fn padded<'a, T: ToValue>(values: &[&'a T]) -> Vec<&'a dyn ToValue> {
    filled(values).into_iter().map(|value| value as _).collect()
}

fn filled<'a, T>(items: &[&'a T]) -> Vec<&'a T> {
    let length = LENGTHS.iter().copied().find(|length| *length >= items.len()).unwrap_or(items.len());
    let last = items.last().copied();
    items.iter().copied().chain(std::iter::repeat_n(last, length - items.len()).flatten()).collect()
}

/// `(?1, ?2), (?3, ?4), …`, each column cast to its type; an empty one is as it comes.
pub fn tuples(rows: usize, types: &[&str]) -> String {
    let mut text = String::with_capacity(rows * types.len() * 8);
    let mut number = 0;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (column, kind) in types.iter().enumerate() {
            number += 1;
            text.push_str(if column == 0 { "" } else { ", " });
            if kind.is_empty() {
                push_place(&mut text, number);
            } else {
                text.push_str("CAST(");
                push_place(&mut text, number);
                text.push_str(" AS ");
                text.push_str(kind);
                text.push(')');
            }
        }
        text.push(')');
    }
    text
}

/// `?first, …` up to `?last`.
pub fn listed_from(first: usize, last: usize) -> String {
    let mut text = String::with_capacity((last + 1).saturating_sub(first) * 6);
    for number in first..=last {
        text.push_str(if number == first { "" } else { ", " });
        push_place(&mut text, number);
    }
    text
}

fn push_place(text: &mut String, number: usize) {
    // Formatting each of a thousand numbers takes longer than the database takes to read them.
    static PLACES: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..2_048).map(|number| format!("?{number}")).collect());
    match PLACES.get(number) {
        Some(place) => text.push_str(place),
        None => write!(text, "?{number}").expect("a string takes whatever is written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_few_lengths_and_leave_nothing_out() {
        let items: Vec<usize> = (0..151).collect();
        let lengths: Vec<usize> = in_pieces(&items).map(<[usize]>::len).collect();
        assert_eq!(lengths, [64, 64, 16, 6, 1]);
        assert_eq!(in_pieces(&items).flatten().copied().collect::<Vec<_>>(), items);
        assert_eq!(in_pieces::<usize>(&[]).count(), 0);
    }

    #[test]
    fn what_is_filled_up_repeats_its_last_item() {
        let items: Vec<usize> = (0..73).collect();
        let pieces: Vec<Vec<&usize>> = in_filled(&items).collect();
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [64, 12]);
        assert_eq!(pieces[1], [&64, &65, &66, &67, &68, &69, &70, &71, &72, &72, &72, &72]);
        assert_eq!(in_filled::<usize>(&[]).count(), 0);
        assert!(padded::<i64>(&[]).is_empty());
    }

    #[test]
    fn lists_are_counted_through() {
        assert_eq!(listed_from(3, 5), "?3, ?4, ?5");
        assert_eq!(listed_from(3, 2), "");
    }

    #[test]
    fn placeholders_are_counted_through() {
        assert_eq!(tuples(2, &["", ""]), "(?1, ?2), (?3, ?4)");
        assert_eq!(tuples(1, &["TEXT", "BIGINT"]), "(CAST(?1 AS TEXT), CAST(?2 AS BIGINT))");
    }
}
