//! The meter of voice AI: one appended row for each request that an engine did something for, also when the caller left
//! half-way. What it costs is decided elsewhere.

use crate::clock::Time;
use crate::db::{Row, ToValue, Tx, Value};
use crate::error::Result;
use crate::id::{AccountId, UsageId};
use crate::words;

words! {
    /// What was done.
    Task {
        Transcription = "transcription",
        Speech = "speech",
        Chat = "chat",
    }
}

/// What one request used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    pub id: UsageId,
    pub account: AccountId,
    pub task: Task,
    /// The model name that was asked for.
    pub model: String,
    /// What really ran.
    pub engine: String,
    /// The length of the sound that was heard or spoken; for chat how long it was generated.
    pub millis: i64,
    /// `None`: the engine did not say.
    pub prompt_tokens: Option<i64>,
    pub completion_tokens: Option<i64>,
    pub at: Time,
}

fn row(it: &Counted) -> Vec<Value<'_>> {
    vec![
        it.id.value(),
        it.account.value(),
        it.task.value(),
        it.model.value(),
        it.engine.value(),
        it.millis.value(),
        it.prompt_tokens.value(),
        it.completion_tokens.value(),
        it.at.value(),
    ]
}

/// Appends the rows; one that is there already is not counted again.
pub fn count_all(tx: &mut Tx<'_>, all: &[Counted]) -> Result<()> {
    let rows: Vec<_> = all.iter().map(row).collect();
    tx.insert(
        "INSERT INTO voice_usage (id, account_id, task, model, engine, millis, prompt_tokens, completion_tokens, at)",
        &rows,
        "ON CONFLICT (id) DO NOTHING",
    )?;
    Ok(())
}

/// The account's latest requests, newest first.
pub fn latest(tx: &mut Tx<'_>, account: &AccountId, limit: i64) -> Result<Vec<Counted>> {
    let read = |row: Row<'_>| {
        Ok(Counted {
            id: row.get(0)?,
            account: row.get(1)?,
            task: row.get(2)?,
            model: row.get(3)?,
            engine: row.get(4)?,
            millis: row.get(5)?,
            prompt_tokens: row.get(6)?,
            completion_tokens: row.get(7)?,
            at: row.get(8)?,
        })
    };
    tx.query(
        "SELECT id, account_id, task, model, engine, millis, prompt_tokens, completion_tokens, at
         FROM voice_usage WHERE account_id = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
        &[account, &limit],
        read,
    )
}

/// What the account used of one task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sum {
    pub task: Task,
    pub requests: i64,
    pub millis: i64,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
}

/// What the account used from `since` until before `until`, by task.
pub fn sums(tx: &mut Tx<'_>, account: &AccountId, since: Time, until: Time) -> Result<Vec<Sum>> {
    let read = |row: Row<'_>| {
        Ok(Sum {
            task: row.get(0)?,
            requests: row.get(1)?,
            millis: row.get(2)?,
            prompt_tokens: row.get(3)?,
            completion_tokens: row.get(4)?,
        })
    };
    tx.query(
        "SELECT task, CAST(COUNT(*) AS BIGINT), CAST(SUM(millis) AS BIGINT),
                CAST(COALESCE(SUM(prompt_tokens), 0) AS BIGINT), CAST(COALESCE(SUM(completion_tokens), 0) AS BIGINT)
         FROM voice_usage WHERE account_id = ?1 AND at >= ?2 AND at < ?3 GROUP BY task ORDER BY task",
        &[account, &since, &until],
        read,
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{self, START};

    #[tokio::test]
    async fn a_row_counts_once_and_for_its_own_account() {
        let (db, ids, _clock, _folder) = testing::db().await;
        let (mine, other) = (testing::account(&db, &ids).await, testing::account(&db, &ids).await);
        let one = |account: &AccountId, task, millis, tokens| Counted {
            id: UsageId::new(&ids),
            account: account.clone(),
            task,
            model: "public".to_owned(),
            engine: "openai real".to_owned(),
            millis,
            prompt_tokens: tokens,
            completion_tokens: tokens,
            at: START,
        };
        let rows = vec![
            one(&mine, Task::Chat, 120, Some(7)),
            one(&mine, Task::Chat, 80, None),
            one(&mine, Task::Speech, 1_000, None),
            one(&other, Task::Chat, 9_999, Some(1)),
        ];
        for _ in 0..2 {
            let rows = rows.clone();
            db.write(move |tx| count_all(tx, &rows)).await.unwrap();
        }
        let whole = START + Duration::from_secs(1);
        let account = mine.clone();
        let found = db.read(move |tx| sums(tx, &account, START, whole)).await.unwrap();
        let shown: Vec<_> =
            found.iter().map(|it| (it.task, it.requests, it.millis, it.prompt_tokens)).collect();
        assert_eq!(shown, [(Task::Chat, 2, 200, 7), (Task::Speech, 1, 1_000, 0)]);
        let latest = db.read(move |tx| latest(tx, &mine, 10)).await.unwrap();
        assert_eq!(latest.len(), 3);
        assert_eq!(latest[0], rows[2]);
    }
}
