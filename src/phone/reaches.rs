//! What is remembered of how persons can be reached: the carrier's last answer, corrected by what is seen since.
//! Asking a carrier is not done here.

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;

/// How a person could be reached when it was last known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reach {
    pub imessage: bool,
    pub sms: bool,
    pub checked_at: Time,
}

/// What was found out since `since`, if anything was.
pub fn known(tx: &mut Tx<'_>, account: &AccountId, address: &str, since: Time) -> Result<Option<Reach>> {
    tx.optional(
        "SELECT imessage, sms, checked_at FROM reaches WHERE account_id = ?1 AND address = ?2 AND checked_at > ?3",
        &[account, &address, &since],
        |row| Ok(Reach { imessage: row.get(0)?, sms: row.get(1)?, checked_at: row.get(2)? }),
    )
}

/// Remembers the carrier's answer. A person who is on iMessage is written to there again, at once.
pub fn remember(tx: &mut Tx<'_>, account: &AccountId, address: &str, reach: Reach) -> Result<()> {
    tx.execute(
        "INSERT INTO reaches (account_id, address, imessage, sms, checked_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account_id, address) DO UPDATE SET imessage = EXCLUDED.imessage, sms = EXCLUDED.sms,
             checked_at = EXCLUDED.checked_at",
        &[account, &address, &reach.imessage, &reach.sms, &reach.checked_at],
    )?;
    if reach.imessage {
        tx.execute(
            "UPDATE conversations SET no_imessage_until = NULL
             WHERE participant = ?2 AND no_imessage_until IS NOT NULL
               AND number_id IN (SELECT id FROM numbers WHERE account_id = ?1)",
            &[account, &address],
        )?;
    }
    Ok(())
}

/// A message showed whether the person is on iMessage.
pub fn seen(tx: &mut Tx<'_>, account: &AccountId, address: &str, imessage: bool, now: Time) -> Result<()> {
    tx.execute(
        "UPDATE reaches SET imessage = ?3, checked_at = ?4
         WHERE account_id = ?1 AND address = ?2 AND imessage <> ?3",
        &[account, &address, &imessage, &now],
    )?;
    Ok(())
}

/// Deletes what was found out before `before`, some hundred at a time; whether any is left.
pub fn prune(tx: &mut Tx<'_>, before: Time) -> Result<bool> {
    let deleted = tx.execute_counted(
        "DELETE FROM reaches WHERE (account_id, address) IN
             (SELECT account_id, address FROM reaches WHERE checked_at < ?1 LIMIT 500)",
        &[&before],
    )?;
    Ok(deleted == 500)
}
