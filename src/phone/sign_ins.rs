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

/// The hash under which `token` is stored.
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Stores a link to sign in to `account` with, and forgets what has expired.
pub fn create_link(tx: &mut Tx<'_>, token_hash: &str, account: &AccountId, now: Time) -> Result<()> {
    tx.execute("DELETE FROM sign_ins WHERE expires_at <= ?1", &[&now])?;
    insert(tx, token_hash, account, 0, now + LINK)
}

/// Uses up the link and opens a session; `None` if the link is used, expired or none of ours.
pub fn redeem(tx: &mut Tx<'_>, token_hash: &str, session_hash: &str, now: Time) -> Result<Option<AccountId>> {
    let account: Option<AccountId> = tx.optional(
        "DELETE FROM sign_ins WHERE hash = ?1 AND session = 0 AND expires_at > ?2 RETURNING account_id",
        &[&token_hash, &now],
        |row| row.get(0),
    )?;
    if let Some(account) = &account {
        insert(tx, session_hash, account, 1, now + SESSION)?;
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

/// Ends a session.
pub fn end(tx: &mut Tx<'_>, hash: &str) -> Result<()> {
    tx.execute("DELETE FROM sign_ins WHERE hash = ?1 AND session = 1", &[&hash])?;
    Ok(())
}

fn insert(tx: &mut Tx<'_>, hash: &str, account: &AccountId, session: i64, until: Time) -> Result<()> {
    tx.execute(
        "INSERT INTO sign_ins (hash, account_id, session, expires_at) VALUES (?1, ?2, ?3, ?4)",
        &[&hash, account, &session, &until],
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
}
