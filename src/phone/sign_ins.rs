//! Who looks at the dashboard: a link that signs in once, and the session that it opens. Both are random tokens that
//! only their holder knows; stored is the SHA-256.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;

/// How long a link waits to be used.
const LINK: Duration = Duration::from_hours(24);
/// How long somebody stays signed in.
pub const SESSION: Duration = Duration::from_hours(30 * 24);
/// How long a session that a link opened counts as fresh.
const FRESH: Duration = Duration::from_mins(15);

/// The hash under which `token` is stored.
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Stores a link to sign in to `account` with, and forgets what has expired.
pub fn create_link(tx: &mut Tx<'_>, token_hash: &str, account: &AccountId, now: Time) -> Result<()> {
    tx.execute("DELETE FROM sign_ins WHERE expires_at <= ?1", &[&now])?;
    insert(tx, token_hash, account, (0, false), now + LINK)
}

/// Opens a session for somebody who knew the password.
pub fn open(tx: &mut Tx<'_>, session_hash: &str, account: &AccountId, now: Time) -> Result<()> {
    insert(tx, session_hash, account, (1, true), now + SESSION)
}

/// Uses up the link and opens a session; `None` if the link is used, expired or none of ours.
pub fn redeem(tx: &mut Tx<'_>, token_hash: &str, session_hash: &str, now: Time) -> Result<Option<AccountId>> {
    let account: Option<AccountId> = tx.optional(
        "DELETE FROM sign_ins WHERE hash = ?1 AND session = 0 AND expires_at > ?2 RETURNING account_id",
        &[&token_hash, &now],
        |row| row.get(0),
    )?;
    if let Some(account) = &account {
        insert(tx, session_hash, account, (1, false), now + SESSION)?;
    }
    Ok(account)
}

/// Whose session this is, while it lasts.
pub fn session(tx: &mut Tx<'_>, hash: &str, now: Time) -> Result<Option<AccountId>> {
    tx.optional(
        "SELECT account_id FROM sign_ins WHERE hash = ?1 AND session = 1 AND expires_at > ?2",
        &[&hash, &now],
        |row| row.get(0),
    )
}

/// A session as its account's owner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    pub hash: String,
    pub opened_at: Time,
    /// Opened with the password; otherwise with a link.
    pub by_password: bool,
}

impl Session {
    /// Whether a link opened it a moment ago: whoever has links needs no password to choose a new one.
    pub fn is_fresh_from_link(&self, now: Time) -> bool {
        !self.by_password && self.opened_at + FRESH > now
    }
}

/// The sessions of an account that last, the newest first.
pub fn sessions(tx: &mut Tx<'_>, account: &AccountId, now: Time) -> Result<Vec<Session>> {
    tx.query(
        "SELECT hash, expires_at, by_password FROM sign_ins
         WHERE account_id = ?1 AND session = 1 AND expires_at > ?2 ORDER BY expires_at DESC LIMIT 100",
        &[account, &now],
        |row| {
            let opened_at = row.get::<Time>(1)? - SESSION;
            Ok(Session { hash: row.get(0)?, opened_at, by_password: row.get(2)? })
        },
    )
}

/// Ends every session of the account but one.
pub fn end_others(tx: &mut Tx<'_>, account: &AccountId, kept: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM sign_ins WHERE account_id = ?1 AND session = 1 AND hash <> ?2",
        &[account, &kept],
    )?;
    Ok(())
}

/// Ends a session.
pub fn end(tx: &mut Tx<'_>, hash: &str) -> Result<()> {
    tx.execute("DELETE FROM sign_ins WHERE hash = ?1 AND session = 1", &[&hash])?;
    Ok(())
}

fn insert(
    tx: &mut Tx<'_>,
    hash: &str,
    account: &AccountId,
    (session, by_password): (i64, bool),
    until: Time,
) -> Result<()> {
    tx.execute(
        "INSERT INTO sign_ins (hash, account_id, session, by_password, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[&hash, account, &session, &by_password, &until],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_link_opens_one_session_and_both_expire() {
        let (db, ids, clock, _folder) = testing::db().await;
        let account = testing::account(&db, &ids).await;
        let (start, owner) = (clock.now(), account.clone());
        let link = move |tx: &mut Tx<'_>| {
            create_link(tx, "old", &owner, start)?;
            create_link(tx, "link", &owner, start)
        };
        db.write(link).await.unwrap();
        let opened = db.write(move |tx| redeem(tx, "link", "opened", start)).await.unwrap();
        assert_eq!(opened.as_ref(), Some(&account));
        let again = db.write(move |tx| redeem(tx, "link", "again", start)).await.unwrap();
        assert_eq!(again, None, "a link works once");
        let by_session = db.write(move |tx| redeem(tx, "opened", "x", start)).await.unwrap();
        assert_eq!(by_session, None, "a session is no link");
        let too_late = db.write(move |tx| redeem(tx, "old", "late", start + LINK)).await.unwrap();
        assert_eq!(too_late, None, "a link expires");
        let holder = db.read(move |tx| session(tx, "opened", start + LINK)).await.unwrap();
        assert_eq!(holder, Some(account));
        let expired = db.read(move |tx| session(tx, "opened", start + SESSION)).await.unwrap();
        assert_eq!(expired, None);
        db.write(|tx| end(tx, "opened")).await.unwrap();
        let ended = db.read(move |tx| session(tx, "opened", start)).await.unwrap();
        assert_eq!(ended, None);
    }

    #[tokio::test]
    async fn sessions_are_listed_and_all_others_ended() {
        let (db, ids, clock, _folder) = testing::db().await;
        let (account, other) = (testing::account(&db, &ids).await, testing::account(&db, &ids).await);
        let (start, mine, theirs) = (clock.now(), account.clone(), other.clone());
        let opened = move |tx: &mut Tx<'_>| {
            create_link(tx, "link", &mine, start)?;
            redeem(tx, "link", "by link", start)?;
            open(tx, "by password", &mine, start + Duration::from_secs(1))?;
            open(tx, "theirs", &theirs, start)
        };
        db.write(opened).await.unwrap();
        let mine = account.clone();
        let all = db.read(move |tx| sessions(tx, &mine, start)).await.unwrap();
        let seen: Vec<_> = all.iter().map(|it| (it.hash.as_str(), it.by_password)).collect();
        assert_eq!(seen, [("by password", true), ("by link", false)]);
        assert!(all[1].is_fresh_from_link(start) && !all[1].is_fresh_from_link(start + FRESH));
        assert!(!all[0].is_fresh_from_link(start), "it was opened with the password");
        let mine = account.clone();
        db.write(move |tx| end_others(tx, &mine, "by link")).await.unwrap();
        let left = db.read(move |tx| sessions(tx, &account, start)).await.unwrap();
        assert_eq!(left.len(), 1);
        let untouched = db.read(move |tx| sessions(tx, &other, start)).await.unwrap();
        assert_eq!(untouched.len(), 1, "another account's session");
    }
}
