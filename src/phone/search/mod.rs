//! Search: messages by the words in them. This page finds; [`query`] is what a person asks for, [`index`] how
//! messages get their words, behind the back of those who send and receive. Words are made in `text/terms.rs`,
//! and every document begins with the term of its account, so that a search never meets another account's messages.

use crate::db::{FullText, ToValue, Tx};
use crate::error::Result;
use crate::id::{AccountId, MessageId};
use crate::phone::messages::{self, Message};

pub mod index;
pub mod query;

pub use query::Query;

/// Counting stops here: beyond it a total says "at least so many".
pub const COUNTED: i64 = 1_000;

/// A page of what was found.
#[derive(Debug)]
pub struct Found {
    /// Newest first.
    pub messages: Vec<Message>,
    /// How many there are in all, exact up to [`COUNTED`].
    pub total: i64,
}

/// The account's messages that have all the words of `query`, newest first.
pub fn find(tx: &mut Tx<'_>, account: &AccountId, query: &Query, limit: i64, offset: i64) -> Result<Found> {
    let source = Source::choose(tx, account, query)?;
    source.kind.prepare(tx)?;
    let (shown, total) = if offset.saturating_add(limit) < COUNTED {
        source.cut(tx, limit, offset)?
    } else {
        source.far(tx, limit, offset)?
    };
    source.kind.end(tx)?;
    let mut found = messages::find_all(tx, &shown)?;
    Ok(Found { messages: shown.iter().filter_map(|id| found.remove(id)).collect(), total })
}

/// Messages of a conversation that is being erased are not seen any more, whatever the index still holds.
const SEEN: &str = "(SELECT 1 FROM erasures e WHERE e.conversation_id = d.conversation_id) IS NULL";

/// Where documents are read from, as a search in one of the databases.
struct Source {
    kind: Kind,
    words: String,
    account: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// FTS5 hands rows out in order and stops when there are enough.
    Fts5,
    /// `PostgreSQL`, rare words: all that have them come from the GIN index and are sorted.
    Gin,
    /// `PostgreSQL`, words that many messages have: these are read newest first and looked at one by one. Sorting a
    /// million of them to show twenty would take a second.
    Walk,
}

impl Kind {
    /// `PostgreSQL` guesses how many messages have some words, and guesses wrong; here it is known which way to go, so
    /// the other ways are closed. Nor is it to plan anew for every word, or to compile what runs for a millisecond.
    fn prepare(self, tx: &mut Tx<'_>) -> Result<()> {
        match self {
            Self::Fts5 => Ok(()),
            Self::Gin => plan(tx, "force_generic_plan", "off", "on"),
            Self::Walk => plan(tx, "force_generic_plan", "on", "off"),
        }
    }

    /// The rest of the unit is planned as always.
    fn end(self, tx: &mut Tx<'_>) -> Result<()> {
        match self {
            Self::Fts5 => Ok(()),
            Self::Gin | Self::Walk => plan(tx, "auto", "on", "on"),
        }
    }
}

/// Settings for the rest of this transaction: whether rows may come in the order of an index, or unordered.
fn plan(tx: &mut Tx<'_>, cache_mode: &str, in_order: &str, unordered: &str) -> Result<()> {
    let sql = "SELECT set_config('jit', 'off', 0 = 0), set_config('plan_cache_mode', ?1, 0 = 0),
                      set_config('enable_indexscan', ?2, 0 = 0), set_config('enable_bitmapscan', ?3, 0 = 0),
                      set_config('enable_sort', ?3, 0 = 0), set_config('enable_hashjoin', 'off', 0 = 0),
                      set_config('enable_mergejoin', 'off', 0 = 0)";
    tx.query(sql, &[&cache_mode, &in_order, &unordered], |_| Ok(())).map(drop)
}

/// So many of the newest documents tell whether words are common, and so many of them must have the words.
const PROBED: i64 = 1_000;
const COMMON: i64 = 30;

impl Source {
    fn choose(tx: &mut Tx<'_>, account: &AccountId, query: &Query) -> Result<Self> {
        let account = account.to_string();
        let words = match tx.full_text() {
            FullText::Fts5 => query.for_fts5(&account),
            FullText::Tsvector => query.for_tsvector(&account),
        };
        let kind = match tx.full_text() {
            FullText::Fts5 => Kind::Fts5,
            FullText::Tsvector => {
                let newest: i64 = tx.one(
                    "SELECT COUNT(*) FROM (SELECT words FROM search_words WHERE account_id = ?1
                                           ORDER BY rowid DESC LIMIT ?3) AS newest
                     WHERE ts_match_vq(words, CAST(CAST(?2 AS TEXT) AS tsquery))",
                    &[&account, &words, &PROBED],
                    |row| row.get(0),
                )?;
                if newest >= COMMON { Kind::Walk } else { Kind::Gin }
            }
        };
        Ok(Self { kind, words, account })
    }

    /// A page among those that are counted, and the total: looked for once.
    fn cut(&self, tx: &mut Tx<'_>, limit: i64, offset: i64) -> Result<(Vec<MessageId>, i64)> {
        let ids = self.ids(tx, COUNTED + 1, 0)?;
        let total = i64::try_from(ids.len()).map_or(COUNTED, |count| count.min(COUNTED));
        let [offset, limit] = [offset, limit].map(|number| usize::try_from(number).unwrap_or(0));
        Ok((ids.into_iter().skip(offset).take(limit).collect(), total))
    }

    /// A page behind those that are counted, and the total.
    fn far(&self, tx: &mut Tx<'_>, limit: i64, offset: i64) -> Result<(Vec<MessageId>, i64)> {
        // One more than asked for tells whether any remain.
        let mut ids = self.ids(tx, limit.saturating_add(1), offset)?;
        let size = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let seen = if size == 0 { 0 } else { offset.saturating_add(size) };
        let counted: i64 = tx.one(&self.count(), &self.parameters(&[&(COUNTED + 1)]), |row| row.get(0))?;
        ids.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok((ids, if counted > COUNTED { seen.max(COUNTED) } else { counted }))
    }

    /// The newest so many that were found, but for the first `offset` of them.
    fn ids(&self, tx: &mut Tx<'_>, limit: i64, offset: i64) -> Result<Vec<MessageId>> {
        tx.query(&self.page(), &self.parameters(&[&limit, &offset]), |row| row.get(0))
    }

    /// `FROM` and `WHERE`, with the words as `?1` (and the account as `?2` in a walk).
    const fn documents(&self) -> &'static str {
        match self.kind {
            Kind::Fts5 => {
                "search_words CROSS JOIN search_documents d
                           WHERE search_words MATCH ?1 AND d.place = search_words.rowid"
            }
            Kind::Gin => {
                "search_words JOIN search_documents d ON d.place = search_words.rowid
                          WHERE search_words.words @@ CAST(CAST(?1 AS TEXT) AS tsquery)"
            }
            // The function instead of the operator: no index knows it, so the order comes from the account's.
            Kind::Walk => {
                "search_words JOIN search_documents d ON d.place = search_words.rowid
                           WHERE search_words.account_id = ?2
                             AND ts_match_vq(search_words.words, CAST(CAST(?1 AS TEXT) AS tsquery))"
            }
        }
    }

    fn page(&self) -> String {
        let (documents, newest_first) = (self.documents(), self.newest_first());
        let [limit, offset] = if self.kind == Kind::Walk { ["?3", "?4"] } else { ["?2", "?3"] };
        format!(
            "SELECT d.message_id FROM {documents} AND {SEEN} ORDER BY {newest_first} LIMIT {limit} OFFSET {offset}"
        )
    }

    fn count(&self) -> String {
        let documents = self.documents();
        let (order, limit) = match self.kind {
            // In an order of its own making FTS5 stops when there are enough; in any other all of it would be read.
            Kind::Fts5 => (self.newest_first(), "?2"),
            Kind::Gin => ("1", "?2"),
            Kind::Walk => (self.newest_first(), "?3"),
        };
        format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM {documents} AND {SEEN} ORDER BY {order} LIMIT {limit}) AS counted"
        )
    }

    /// A sum is no column: `PostgreSQL` cannot mean to read all documents in its order instead of looking words up.
    const fn newest_first(&self) -> &'static str {
        match self.kind {
            Kind::Fts5 | Kind::Walk => "search_words.rowid DESC",
            Kind::Gin => "search_words.rowid + 0 DESC",
        }
    }

    fn parameters<'a>(&'a self, rest: &[&'a dyn ToValue]) -> Vec<&'a dyn ToValue> {
        let mut parameters: Vec<&dyn ToValue> = vec![&self.words];
        if self.kind == Kind::Walk {
            parameters.push(&self.account);
        }
        parameters.extend(rest);
        parameters
    }
}
