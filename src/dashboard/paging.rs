//! Pages of lists: each goes on behind the last row of the one before, which its address names.

use serde::Deserialize;

use crate::clock::Time;

/// Where the page goes on: the time and id of the last row of the one before.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Before {
    before: String,
}

impl From<String> for Before {
    fn from(before: String) -> Self {
        Self { before }
    }
}

impl Before {
    /// The two parts, if both are there; `read` makes an id of the second.
    pub fn cursor<'a, I>(&'a self, read: impl FnOnce(&'a str) -> I) -> Option<(Time, I)> {
        let (millis, id) = self.before.split_once('_')?;
        Some((Time::from_millis(millis.parse().ok()?), read(id)))
    }
}

/// What [`Before`] reads.
pub fn place(at: Time, id: &str) -> String {
    format!("{}_{id}", at.millis())
}

/// Leaves the first `most` of `rows`; answers the place of the last of them if there are more.
pub fn cut<T, P>(rows: &mut Vec<T>, most: i64, place_of: impl Fn(&T) -> P) -> Option<P> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    rows.last().filter(|_| has_more).map(place_of)
}
