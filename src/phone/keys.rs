//! API keys: `agp_`, 32 random base62 characters and the CRC32 of what comes before as six more, so that a
//! typing error or a scanner's false find needs no look-up. Only the SHA-256 is stored; a key is shown once.

use sha2::{Digest, Sha256};

use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, Ids, KeyId, checksum};

const PREFIX: &str = "agp_";
const RANDOM: usize = 32;
const CHECKSUM: usize = 6;

/// A new key: the secret to show once, and its record.
pub fn mint(ids: &Ids) -> String {
    let text = format!("{PREFIX}{}", ids.base62(RANDOM));
    let sum = checksum(&text);
    text + &sum
}

/// The hash under which `key` is stored; `None` if it cannot be one of ours.
pub fn hash(key: &str) -> Option<String> {
    if key.len() != PREFIX.len() + RANDOM + CHECKSUM || !key.starts_with(PREFIX) || !key.is_ascii() {
        return None;
    }
    let (text, sum) = key.split_at(PREFIX.len() + RANDOM);
    (checksum(text) == sum).then(|| hex::encode(Sha256::digest(key.as_bytes())))
}

/// A key as it is listed: everything but the key.
#[derive(Clone, Debug)]
pub struct Key {
    pub id: KeyId,
    pub account_id: AccountId,
    pub name: String,
    pub hint: String,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

/// Stores a minted key.
pub fn create(
    tx: &mut Tx<'_>,
    id: &KeyId,
    account: &AccountId,
    name: &str,
    key: &str,
    now: Time,
) -> Result<()> {
    let hash = hex::encode(Sha256::digest(key.as_bytes()));
    let hint = &key[key.len() - 4..];
    tx.execute(
        "INSERT INTO api_keys (id, account_id, name, hash, hint, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[id, account, &name, &hash, &hint, &now],
    )?;
    Ok(())
}

/// Whose key this is, while it is not revoked.
pub fn find(tx: &mut Tx<'_>, hash: &str) -> Result<Option<(KeyId, AccountId)>> {
    tx.optional(
        "SELECT id, account_id FROM api_keys WHERE hash = ?1 AND revoked_at IS NULL",
        &[&hash],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Whether the key is there and not revoked.
pub fn is_in_use(tx: &mut Tx<'_>, id: &KeyId) -> Result<bool> {
    tx.exists("SELECT 1 FROM api_keys WHERE id = ?1 AND revoked_at IS NULL", &[id])
}

/// Notes that the key was used; called now and then, not at every request.
pub fn touch(tx: &mut Tx<'_>, id: &KeyId, now: Time) -> Result<()> {
    tx.execute("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1", &[id, &now])?;
    Ok(())
}

/// Revokes a key for good; `false` if there is none of this id in use.
pub fn revoke(tx: &mut Tx<'_>, id: &KeyId, now: Time) -> Result<bool> {
    let changed = tx.execute_counted(
        "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        &[id, &now],
    )?;
    Ok(changed > 0)
}

/// Like [`revoke`], but only a key of this account; others' are not found.
pub fn revoke_of(tx: &mut Tx<'_>, account: &AccountId, id: &KeyId, now: Time) -> Result<()> {
    let is_theirs = tx.exists(
        "SELECT 1 FROM api_keys WHERE id = ?1 AND account_id = ?2 AND revoked_at IS NULL",
        &[id, account],
    )?;
    if is_theirs && revoke(tx, id, now)? {
        return Ok(());
    }
    Err(Error::missing(Code::NotFound, "key in use", id))
}

/// All keys, oldest first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Key>> {
    tx.query(&format!("SELECT {COLUMNS} FROM api_keys ORDER BY created_at, id"), &[], read)
}

/// The keys of one account, those in use first, the newest first.
pub fn of_account(tx: &mut Tx<'_>, account: &AccountId) -> Result<Vec<Key>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM api_keys WHERE account_id = ?1
         ORDER BY CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT 200"
    );
    tx.query(&sql, &[account], read)
}

const COLUMNS: &str = "id, account_id, name, hint, created_at, last_used_at, revoked_at";

fn read(row: Row<'_>) -> Result<Key> {
    Ok(Key {
        id: row.get(0)?,
        account_id: row.get(1)?,
        name: row.get(2)?,
        hint: row.get(3)?,
        created_at: row.get(4)?,
        last_used_at: row.get(5)?,
        revoked_at: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_minted_key_is_recognised_and_a_mistyped_one_is_not() {
        let key = mint(&Ids::from_seed(Clock::manual(Time::from_millis(1)), 1));
        assert!(hash(&key).is_some());
        let swapped = key.replacen(&key[10..11], if &key[10..11] == "A" { "B" } else { "A" }, 1);
        assert!(hash(&swapped).is_none(), "the checksum is wrong");
        assert!(hash("agp_short").is_none());
    }
}
