//! Numbers: the lines that agents text from. A number is bought from a carrier's stock, may belong to an agent, and
//! is released for good. What its carrier can do is not known here.

use super::{agents, webhooks};
use crate::address::E164;
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Problem, Result};
use crate::id::{AccountId, AgentId, Ids, NumberId};
use crate::patch::Change;
use crate::queue::{self, Task, upkeep_lane};
use crate::words;

words! {
    /// What a number is made for; an iMessage number texts too.
    NumberKind { Sms = "sms", Imessage = "imessage", }
}
words! {
    /// Whether a number can be used.
    NumberStatus {
        Active = "active",
        Activating = "activating",
        Suspended = "suspended",
        /// Given back, for good.
        Released = "released",
    }
}
words! {
    /// Where numbers are asked for.
    Country { UnitedStates = "US", Canada = "CA", }
}
words! {
    /// Whether SMS may leave from a number.
    OutboundSms {
        Enabled = "enabled",
        Activating = "activating",
        RegistrationRequired = "registration_required",
    }
}

/// A number's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number {
    pub id: NumberId,
    pub account_id: AccountId,
    pub agent_id: Option<AgentId>,
    pub e164: E164,
    /// Two letters, ISO 3166-1.
    pub country: String,
    pub kind: NumberKind,
    pub status: NumberStatus,
    /// The name of its `[[carriers]]` table.
    pub carrier: String,
    /// The owner's own name for it.
    pub external_id: Option<String>,
    /// Released then.
    pub expires_at: Option<Time>,
    /// Answers with what it was sent until a webhook covers it.
    pub echo: bool,
    /// When it came to its agent.
    pub attached_at: Option<Time>,
    pub created_at: Time,
}

impl Number {
    /// Nothing has to be registered yet, so SMS may leave once the number works.
    pub const fn outbound_sms(&self) -> OutboundSms {
        match self.status {
            NumberStatus::Activating => OutboundSms::Activating,
            NumberStatus::Active | NumberStatus::Suspended | NumberStatus::Released => OutboundSms::Enabled,
        }
    }
}

/// Stores a bought number with its webhook, which has a secret and no URL yet. `false`: somebody has the number.
pub fn create(
    tx: &mut Tx<'_>,
    ids: &Ids,
    number: &Number,
    webhook: &webhooks::Webhook,
    quota: i64,
) -> Result<bool> {
    check_room(tx, &number.account_id, quota)?;
    if let Some(agent) = &number.agent_id {
        agents::check(tx, &number.account_id, agent)?;
    }
    let stored = tx.execute_counted(
        "INSERT INTO numbers (id, account_id, agent_id, e164, country, kind, status, carrier, external_id, expires_at,
                              echo, attached_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (e164) WHERE status <> 'released' DO NOTHING",
        &[
            &number.id,
            &number.account_id,
            &number.agent_id,
            &number.e164.as_str(),
            &number.country,
            &number.kind,
            &number.status,
            &number.carrier,
            &number.external_id,
            &number.expires_at,
            &number.echo,
            &number.attached_at,
            &number.created_at,
        ],
    )?;
    if stored == 0 {
        return Ok(false);
    }
    webhooks::insert(tx, webhook)?;
    plan_expiry(tx, ids, number, number.created_at)?;
    Ok(true)
}

/// Fails when the account holds as many numbers as it may.
pub fn check_room(tx: &mut Tx<'_>, account: &AccountId, quota: i64) -> Result<()> {
    if count(tx, account)? < quota {
        return Ok(());
    }
    Err(Error::refused(Code::NumberLimit, format!("This account may hold {quota} numbers and has them all")))
}

/// How many numbers the account holds.
fn count(tx: &mut Tx<'_>, account: &AccountId) -> Result<i64> {
    tx.one("SELECT COUNT(*) FROM numbers WHERE account_id = ?1 AND status <> 'released'", &[account], |row| {
        row.get(0)
    })
}

/// One page of the numbers an account holds, newest first, and how many they are.
pub fn list(tx: &mut Tx<'_>, account: &AccountId, limit: i64, offset: i64) -> Result<(Vec<Number>, i64)> {
    let sql = format!(
        "SELECT {COLUMNS} FROM numbers WHERE account_id = ?1 AND status <> 'released'
         ORDER BY created_at DESC, id DESC LIMIT ?2 OFFSET ?3"
    );
    let numbers = tx.query(&sql, &[account, &limit, &offset], read)?;
    Ok((numbers, count(tx, account)?))
}

/// Where a page goes on: the last number that was shown.
pub type Cursor = (Time, NumberId);

/// The next of the numbers that an account holds, newest first.
pub fn page(
    tx: &mut Tx<'_>,
    account: &AccountId,
    before: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Number>> {
    let beginning = (Time::from_millis(i64::MAX), NumberId::from_text(""));
    let (time, id) = before.unwrap_or(&beginning);
    let sql = format!(
        "SELECT {COLUMNS} FROM numbers WHERE account_id = ?1 AND status <> 'released' AND (created_at, id) < (?2, ?3)
         ORDER BY created_at DESC, id DESC LIMIT ?4"
    );
    tx.query(&sql, &[account, time, id, &limit], read)
}

/// The number that is spelled so and is or was this account's; of several the last.
pub fn last_with(tx: &mut Tx<'_>, account: &AccountId, e164: &E164) -> Result<Option<NumberId>> {
    let sql = "SELECT id FROM numbers WHERE account_id = ?1 AND e164 = ?2 ORDER BY created_at DESC, id DESC LIMIT 1";
    tx.optional(sql, &[account, &e164.as_str()], |row| row.get(0))
}

/// The number of this id, released or not, whoever has it.
pub fn find(tx: &mut Tx<'_>, id: &NumberId) -> Result<Option<Number>> {
    tx.optional(&format!("SELECT {COLUMNS} FROM numbers WHERE id = ?1"), &[id], read)
}

/// The number of this id, released or not, if it is or was this account's.
pub fn by_id(tx: &mut Tx<'_>, account: &AccountId, id: &NumberId) -> Result<Option<Number>> {
    tx.optional(
        &format!("SELECT {COLUMNS} FROM numbers WHERE id = ?1 AND account_id = ?2"),
        &[id, account],
        read,
    )
}

/// Like [`by_id`]; fails if there is none.
pub fn get(tx: &mut Tx<'_>, account: &AccountId, id: &NumberId) -> Result<Number> {
    by_id(tx, account, id)?.ok_or_else(|| Error::missing(Code::NumberNotFound, "number", id))
}

/// The number of this id that the account holds; a released one counts as none.
pub fn held(tx: &mut Tx<'_>, account: &AccountId, id: &NumberId) -> Result<Number> {
    let number = by_id(tx, account, id)?.filter(|number| number.status != NumberStatus::Released);
    number.ok_or_else(|| Error::missing(Code::NumberNotFound, "number in service", id))
}

/// Whoever holds this number now.
pub fn by_e164(tx: &mut Tx<'_>, e164: &E164) -> Result<Option<Number>> {
    let sql = format!("SELECT {COLUMNS} FROM numbers WHERE e164 = ?1 AND status <> 'released'");
    tx.optional(&sql, &[&e164.as_str()], read)
}

/// The number that was attached to the agent before its others.
pub fn first_of_agent(tx: &mut Tx<'_>, account: &AccountId, agent: &AgentId) -> Result<Option<Number>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM numbers WHERE agent_id = ?2 AND account_id = ?1 AND status <> 'released'
         ORDER BY attached_at, id LIMIT 1"
    );
    tx.optional(&sql, &[account, agent], read)
}

/// The first of `stock` that nobody holds. `stock` should be short: a few hundred.
pub fn first_free(tx: &mut Tx<'_>, stock: &[E164]) -> Result<Option<E164>> {
    for number in stock {
        let sql = "SELECT 1 FROM numbers WHERE e164 = ?1 AND status <> 'released'";
        if !tx.exists(sql, &[&number.as_str()])? {
            return Ok(Some(number.clone()));
        }
    }
    Ok(None)
}

/// What may be changed of a number.
#[derive(Clone, Default, Debug)]
pub struct Changes {
    pub external_id: Change<String>,
    pub expires_at: Change<Time>,
}

/// Changes a number that the account holds; answers it as it is then.
pub fn update(
    tx: &mut Tx<'_>,
    ids: &Ids,
    account: &AccountId,
    id: &NumberId,
    changes: &Changes,
    now: Time,
) -> Result<Number> {
    let mut number = held(tx, account, id)?;
    number.external_id = changes.external_id.clone().over(number.external_id);
    let expires_at = changes.expires_at.clone().over(number.expires_at);
    if expires_at != number.expires_at {
        number.expires_at = expires_at;
        plan_expiry(tx, ids, &number, now)?;
    }
    tx.execute(
        "UPDATE numbers SET external_id = ?2, expires_at = ?3 WHERE id = ?1",
        &[id, &number.external_id, &number.expires_at],
    )?;
    Ok(number)
}

/// Gives a number back for good. What waits to be sent or delivered is left alone.
pub fn release(tx: &mut Tx<'_>, account: &AccountId, id: &NumberId) -> Result<Number> {
    let number = held(tx, account, id)?;
    mark_released(tx, number)
}

/// What became of a number whose time may be over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// It was released just now; its carrier should be told.
    Released(Box<Number>),
    /// Its time was changed; look again then.
    Later(Time),
    /// It does not expire, was released before, or is not known.
    Nothing,
}

/// Releases the number if its time is over at `now`.
pub fn release_if_expired(tx: &mut Tx<'_>, id: &NumberId, now: Time) -> Result<Expiry> {
    let Some(number) = find(tx, id)?.filter(|number| number.status != NumberStatus::Released) else {
        return Ok(Expiry::Nothing);
    };
    match number.expires_at {
        None => Ok(Expiry::Nothing),
        Some(time) if time > now => Ok(Expiry::Later(time)),
        Some(_) => Ok(Expiry::Released(Box::new(mark_released(tx, number)?))),
    }
}

/// Gives the number to the agent, taking it from another that had it.
pub fn attach(
    tx: &mut Tx<'_>,
    account: &AccountId,
    agent: &AgentId,
    id: &NumberId,
    now: Time,
) -> Result<Number> {
    agents::check(tx, account, agent)?;
    let mut number = held(tx, account, id)?;
    if number.agent_id.as_ref() != Some(agent) {
        tx.execute("UPDATE numbers SET agent_id = ?2, attached_at = ?3 WHERE id = ?1", &[id, agent, &now])?;
        (number.agent_id, number.attached_at) = (Some(agent.clone()), Some(now));
    }
    Ok(number)
}

/// Takes the number from the agent; it stays the account's.
pub fn detach(tx: &mut Tx<'_>, account: &AccountId, agent: &AgentId, id: &NumberId) -> Result<()> {
    agents::check(tx, account, agent)?;
    let changed = tx.execute_counted(
        "UPDATE numbers SET agent_id = NULL, attached_at = NULL WHERE id = ?1 AND agent_id = ?2 AND account_id = ?3",
        &[id, agent, account],
    )?;
    if changed == 1 {
        return Ok(());
    }
    Err(Error::refused(Code::NumberNotFound, format!("Agent {agent} has no number with id {id}")))
}

fn mark_released(tx: &mut Tx<'_>, number: Number) -> Result<Number> {
    tx.execute(
        "UPDATE numbers SET status = 'released', agent_id = NULL, attached_at = NULL WHERE id = ?1",
        &[&number.id],
    )?;
    queue::withdraw(tx, &expiry_key(&number.id))?;
    Ok(Number { status: NumberStatus::Released, agent_id: None, attached_at: None, ..number })
}

fn expiry_key(id: &NumberId) -> String {
    format!("expire/{id}")
}

/// Has the number looked at when its time is over, and at no other time.
fn plan_expiry(tx: &mut Tx<'_>, ids: &Ids, number: &Number, now: Time) -> Result<()> {
    let key = expiry_key(&number.id);
    queue::withdraw(tx, &key)?;
    let Some(run_at) = number.expires_at else { return Ok(()) };
    let draft = queue::Draft {
        lane: upkeep_lane(),
        task: Task::ReleaseNumber(number.id.clone()),
        unique_key: Some(key),
        order: None,
        run_at,
        origin: None,
    };
    queue::enqueue(tx, ids, now, &draft)
}

/// A moment given to `expiresAt`: ISO 8601, and in the future.
pub fn expiry(text: &str, now: Time) -> Result<Time, Problem> {
    let time =
        Time::parse(text).ok_or_else(|| Problem::value("expiresAt", "expiresAt must be an ISO 8601 time"))?;
    if time <= now {
        return Err(Problem::value("expiresAt", "expiresAt must be in the future"));
    }
    Ok(time)
}

const COLUMNS: &str =
    "id, account_id, agent_id, e164, country, kind, status, carrier, external_id, expires_at, echo,
                       attached_at, created_at";

fn read(row: Row<'_>) -> Result<Number> {
    Ok(Number {
        id: row.get(0)?,
        account_id: row.get(1)?,
        agent_id: row.get(2)?,
        e164: E164::from_stored(row.get::<String>(3)?),
        country: row.get(4)?,
        kind: row.get(5)?,
        status: row.get(6)?,
        carrier: row.get(7)?,
        external_id: row.get(8)?,
        expires_at: row.get(9)?,
        echo: row.get(10)?,
        attached_at: row.get(11)?,
        created_at: row.get(12)?,
    })
}

#[cfg(test)]
mod tests;
