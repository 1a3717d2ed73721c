//! Programs that follow an account's events (`agentphone listen`): one row for each open stream, kept up while the
//! stream is. Events are stored for as long as a row says so, which is a little longer than the stream: a program
//! that lost its connection finds what happened meanwhile. What a stream says is rendered at its door.

use std::time::Duration;

use anyhow::Context;

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, ListenerId};
use crate::signature::Secret;

/// A row that is not renewed counts no more after so long.
const LIFE: Duration = Duration::from_secs(30);

/// A stream's row.
#[derive(Clone, Debug)]
pub struct Listener {
    pub id: ListenerId,
    pub account: AccountId,
    /// What its events are signed with.
    pub secret: Secret,
}

/// Opens a stream's row. Its secret is that of the account's latest stream, so that a program goes on verifying
/// after a restart; else it is `fresh`.
pub fn begin(
    tx: &mut Tx<'_>,
    id: &ListenerId,
    account: &AccountId,
    fresh: &Secret,
    now: Time,
) -> Result<Listener> {
    let latest = "SELECT secret FROM listeners WHERE account_id = ?1 ORDER BY until DESC LIMIT 1";
    let known: Option<String> = tx.optional(latest, &[account], |row| row.get(0))?;
    let known = known.map(|text| Secret::parse(&text)).transpose().context("reading a listener's secret")?;
    tx.execute("DELETE FROM listeners WHERE account_id = ?1 AND until <= ?2", &[account, &now])?;
    let secret = known.unwrap_or_else(|| fresh.clone());
    let listener = Listener { id: id.clone(), account: account.clone(), secret };
    keep(tx, &listener, now)?;
    Ok(listener)
}

/// The stream is still there: its row counts for another while.
pub fn keep(tx: &mut Tx<'_>, listener: &Listener, now: Time) -> Result<()> {
    tx.execute(
        "INSERT INTO listeners (id, account_id, secret, until) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET until = excluded.until",
        &[&listener.id, &listener.account, &listener.secret.expose(), &(now + LIFE)],
    )?;
    Ok(())
}
