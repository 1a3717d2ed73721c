//! Accounts: who owns numbers, agents, messages. A sub-account is an account with a parent, on whose key it runs.

use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, Ids};

#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub created_at: Time,
}

pub fn create(tx: &mut Tx<'_>, account: &Account) -> Result<()> {
    tx.execute(
        "INSERT INTO accounts (id, name, created_at) VALUES (?1, ?2, ?3)",
        &[&account.id, &account.name, &account.created_at],
    )?;
    Ok(())
}

/// A new account of this name, not stored yet.
pub fn draft(ids: &Ids, name: &str, now: Time) -> Account {
    Account { id: AccountId::new(ids), name: name.to_owned(), created_at: now }
}

/// All accounts, oldest first.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Account>> {
    tx.query("SELECT id, name, created_at FROM accounts ORDER BY created_at, id", &[], |row| {
        Ok(Account { id: row.get(0)?, name: row.get(1)?, created_at: row.get(2)? })
    })
}

/// The account of this id.
pub fn get(tx: &mut Tx<'_>, id: &AccountId) -> Result<Account> {
    let sql = "SELECT id, name, created_at FROM accounts WHERE id = ?1";
    let account = tx.optional(sql, &[id], |row| {
        Ok(Account { id: row.get(0)?, name: row.get(1)?, created_at: row.get(2)? })
    })?;
    account.ok_or_else(|| Error::missing(Code::NotFound, "project", id))
}

/// The account that has this id, or else the one that has this name; `None` also where several share the name.
pub fn named(tx: &mut Tx<'_>, text: &str) -> Result<Option<AccountId>> {
    let id = AccountId::from_text(text);
    if exists(tx, &id)? {
        return Ok(Some(id));
    }
    let sql = "SELECT id FROM accounts WHERE name = ?1 LIMIT 2";
    let mut found: Vec<AccountId> = tx.query(sql, &[&text], |row| row.get(0))?;
    let one = found.pop();
    Ok(one.filter(|_| found.is_empty()))
}

/// Gives the account another name.
pub fn rename(tx: &mut Tx<'_>, id: &AccountId, name: &str) -> Result<()> {
    let length = name.chars().count();
    if !(1..=200).contains(&length) || name.contains('\0') {
        return Err(Error::field("name", "value", "name must have 1 to 200 characters"));
    }
    tx.execute("UPDATE accounts SET name = ?2 WHERE id = ?1", &[id, &name])?;
    Ok(())
}

pub fn exists(tx: &mut Tx<'_>, id: &AccountId) -> Result<bool> {
    tx.exists("SELECT 1 FROM accounts WHERE id = ?1", &[id])
}

/// The sub-account `id` of `parent`; anyone else's is not found.
pub fn sub_account(tx: &mut Tx<'_>, parent: &AccountId, id: &AccountId) -> Result<()> {
    if tx.exists("SELECT 1 FROM accounts WHERE id = ?1 AND parent_id = ?2", &[id, parent])? {
        return Ok(());
    }
    Err(Error::missing(Code::SubAccountNotFound, "sub-account", id))
}
