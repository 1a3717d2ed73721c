//! `Idempotency-Key` (contract 3.2): the key's row is written by the accepting unit, with the object's id, so it
//! can neither be lost nor left behind alone. The answer is stored beside it afterwards; if that did not happen,
//! the next request gets its answer built from the object.

use std::collections::HashSet;

use crate::clock::Time;
use crate::db::{ToValue, Tx, Value, in_pieces, tuples};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, Incarnation};

/// One use of a key.
#[derive(Clone, Debug)]
pub struct Use {
    pub account: AccountId,
    /// Method and path.
    pub operation: String,
    pub key: String,
    /// Hash of the parsed body.
    pub fingerprint: String,
}

/// What a key was used for before.
#[derive(Clone, Debug)]
pub enum Before {
    /// The stored answer.
    Answered { status: u16, body: String },
    /// It made this object; the answer was not stored.
    Made { object_id: String, holder: Option<Incarnation> },
}

/// What became of the key before, if it was used; another body is refused.
pub fn look(tx: &mut Tx<'_>, used: &Use) -> Result<Option<Before>> {
    let row = tx.optional(
        "SELECT fingerprint, status, body, object_id, holder FROM idempotency
         WHERE account_id = ?1 AND operation = ?2 AND key = ?3",
        &[&used.account, &used.operation, &used.key],
        |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<Option<i64>>(1)?,
                row.get::<Option<String>>(2)?,
                row.get::<Option<String>>(3)?,
                row.get::<Option<Incarnation>>(4)?,
            ))
        },
    )?;
    let Some((fingerprint, status, body, object_id, holder)) = row else { return Ok(None) };
    if fingerprint != used.fingerprint {
        let message = "This Idempotency-Key was used with another body";
        return Err(Error::refused(Code::IdempotencyKeyReused, message));
    }
    let status = status.and_then(|status| u16::try_from(status).ok());
    Ok(match (status, body, object_id) {
        (Some(status), Some(body), _) => Some(Before::Answered { status, body }),
        (_, _, Some(object_id)) => Some(Before::Made { object_id, holder }),
        _ => None,
    })
}

/// The error of a request whose key another live request holds.
pub fn in_progress() -> Error {
    Error::Later {
        code: Code::IdempotencyInProgress,
        message: "A request with this Idempotency-Key is still under way".to_owned(),
        seconds: 1,
    }
}

/// Whether the process of `holder` still runs.
pub fn is_alive(tx: &mut Tx<'_>, holder: &Incarnation) -> Result<bool> {
    if !tx.is_shared() {
        return Ok(false);
    }
    tx.exists("SELECT 1 FROM incarnations WHERE id = ?1", &[holder])
}

/// Takes the key for the object that this unit makes. A concurrent taker is told that it is in progress.
pub fn take(
    tx: &mut Tx<'_>,
    used: &Use,
    object_id: &str,
    holder: Option<&Incarnation>,
    now: Time,
) -> Result<()> {
    let taken = take_all(tx, &[(used, object_id, now)], holder)?;
    if taken.is_empty() { Err(in_progress()) } else { Ok(()) }
}

/// Takes keys for objects that this unit makes, and answers which objects got theirs.
pub fn take_all(
    tx: &mut Tx<'_>,
    uses: &[(&Use, &str, Time)],
    holder: Option<&Incarnation>,
) -> Result<HashSet<String>> {
    let mut taken = HashSet::with_capacity(uses.len());
    for some in in_pieces(uses) {
        let values: Vec<Value<'_>> = some
            .iter()
            .flat_map(|(used, object_id, now)| {
                let holder = holder.map_or(Value::Null, ToValue::value);
                let Use { account, operation, key, fingerprint } = used;
                let [account, operation] = [account.value(), operation.value()];
                [account, operation, key.value(), fingerprint.value(), object_id.value(), holder, now.value()]
            })
            .collect();
        let values: Vec<&dyn ToValue> = values.iter().map(|value| value as _).collect();
        let sql = format!(
            "INSERT INTO idempotency (account_id, operation, key, fingerprint, object_id, holder, created_at)
             VALUES {} ON CONFLICT (account_id, operation, key) DO NOTHING RETURNING object_id",
            tuples(some.len(), &[""; 7])
        );
        taken.extend(tx.query(&sql, &values, |row| row.get::<String>(0))?);
    }
    Ok(taken)
}

/// Gives the key back: its object was refused, and nothing was made.
pub fn give_back(tx: &mut Tx<'_>, used: &Use) -> Result<()> {
    tx.execute(
        "DELETE FROM idempotency WHERE account_id = ?1 AND operation = ?2 AND key = ?3",
        &[&used.account, &used.operation, &used.key],
    )?;
    Ok(())
}

/// Stores the answer, of a made object or of a refusal that made none.
pub fn answered(tx: &mut Tx<'_>, used: &Use, status: u16, body: &str, now: Time) -> Result<()> {
    tx.execute(
        "INSERT INTO idempotency (account_id, operation, key, fingerprint, status, body, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (account_id, operation, key) DO UPDATE SET status = EXCLUDED.status, body = EXCLUDED.body,
             holder = NULL
         WHERE idempotency.status IS NULL AND idempotency.fingerprint = EXCLUDED.fingerprint",
        &[&used.account, &used.operation, &used.key, &used.fingerprint, &i64::from(status), &body, &now],
    )?;
    Ok(())
}

/// Deletes keys from before `before`, some hundred at a time; whether any are left.
pub fn prune(tx: &mut Tx<'_>, before: Time) -> Result<bool> {
    let deleted = tx.execute_counted(
        "DELETE FROM idempotency WHERE (account_id, operation, key) IN
             (SELECT account_id, operation, key FROM idempotency WHERE created_at < ?1 LIMIT 500)",
        &[&before],
    )?;
    Ok(deleted == 500)
}
