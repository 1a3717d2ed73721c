//! Agents: who texts and is texted. An agent speaks through the numbers attached to it ([`super::numbers`]); what
//! it is told to be is its [`Profile`].

use std::collections::HashMap;

use anyhow::Context;
use serde::Serialize;
use utoipa::ToSchema;

use super::numbers::{Number, NumberKind, NumberStatus};
use super::profile::{AgentFields, Profile, Rules};
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, AgentId, ConversationId, NumberId};

/// An agent as its owner sees it.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    #[schema(value_type = String)]
    pub id: AgentId,
    pub name: String,
    #[serde(flatten)]
    pub profile: Profile,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Time,
    /// In the order in which they were attached.
    pub numbers: Vec<Attached>,
}

/// A number as its agent shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    #[schema(value_type = String)]
    pub id: NumberId,
    pub phone_number: String,
    pub status: NumberStatus,
    #[serde(rename = "type")]
    pub kind: NumberKind,
}

impl From<Number> for Attached {
    fn from(number: Number) -> Self {
        Self {
            id: number.id,
            phone_number: number.e164.to_string(),
            status: number.status,
            kind: number.kind,
        }
    }
}

/// A new agent, not stored yet.
pub fn draft(id: AgentId, fields: AgentFields, now: Time, rules: &Rules) -> Result<Agent> {
    let (name, profile) = fields.over(None, Profile::default(), rules)?;
    Ok(Agent { id, name, profile, created_at: now, numbers: Vec::new() })
}

pub fn create(tx: &mut Tx<'_>, account: &AccountId, agent: &Agent) -> Result<()> {
    tx.execute(
        "INSERT INTO agents (id, account_id, name, profile, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[&agent.id, account, &agent.name, &stored(&agent.profile)?, &agent.created_at],
    )?;
    Ok(())
}

/// One page of an account's agents, newest first, and how many there are.
pub fn list(tx: &mut Tx<'_>, account: &AccountId, limit: i64, offset: i64) -> Result<(Vec<Agent>, i64)> {
    let sql = format!(
        "SELECT {COLUMNS} FROM agents WHERE account_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2 OFFSET ?3"
    );
    let mut agents = tx.query(&sql, &[account, &limit, &offset], read)?;
    add_numbers(tx, &mut agents)?;
    let total = tx.one("SELECT COUNT(*) FROM agents WHERE account_id = ?1", &[account], |row| row.get(0))?;
    Ok((agents, total))
}

/// Where a page goes on: the last agent that was shown.
pub type Cursor = (Time, AgentId);

/// The next of an account's agents, newest first.
pub fn page(tx: &mut Tx<'_>, account: &AccountId, before: Option<&Cursor>, limit: i64) -> Result<Vec<Agent>> {
    let beginning = (Time::from_millis(i64::MAX), AgentId::from_text(""));
    let (time, id) = before.unwrap_or(&beginning);
    let sql = format!(
        "SELECT {COLUMNS} FROM agents WHERE account_id = ?1 AND (created_at, id) < (?2, ?3)
         ORDER BY created_at DESC, id DESC LIMIT ?4"
    );
    let mut agents = tx.query(&sql, &[account, time, id, &limit], read)?;
    add_numbers(tx, &mut agents)?;
    Ok(agents)
}

fn add_numbers(tx: &mut Tx<'_>, agents: &mut [Agent]) -> Result<()> {
    let sql = format!("SELECT {ATTACHED} FROM numbers WHERE agent_id IN ({{list}}) ORDER BY attached_at, id");
    let numbers = tx.query_listed(&sql, &[], agents.iter().map(|agent| &agent.id), read_attached)?;
    let mut of_agent: HashMap<AgentId, Vec<Attached>> = HashMap::new();
    for (owner, number) in numbers {
        of_agent.entry(owner).or_default().push(number);
    }
    for agent in agents {
        agent.numbers = of_agent.remove(&agent.id).unwrap_or_default();
    }
    Ok(())
}

/// The names of those of `ids` that are agents of this account.
pub fn names<'a>(
    tx: &mut Tx<'_>,
    account: &AccountId,
    ids: impl IntoIterator<Item = &'a AgentId>,
) -> Result<HashMap<AgentId, String>> {
    let sql = "SELECT id, name FROM agents WHERE account_id = ?1 AND id IN ({list})";
    let found = tx.query_listed(sql, &[account], ids, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.into_iter().collect())
}

/// The agent that has this id, or else those that have this name, two at most.
pub fn called(tx: &mut Tx<'_>, account: &AccountId, text: &str) -> Result<Vec<AgentId>> {
    let by_id =
        tx.query("SELECT id FROM agents WHERE id = ?2 AND account_id = ?1", &[account, &text], |row| {
            row.get(0)
        })?;
    if !by_id.is_empty() {
        return Ok(by_id);
    }
    tx.query("SELECT id FROM agents WHERE account_id = ?1 AND name = ?2 LIMIT 2", &[account, &text], |row| {
        row.get(0)
    })
}

pub fn get(tx: &mut Tx<'_>, account: &AccountId, id: &AgentId) -> Result<Agent> {
    let sql = format!("SELECT {COLUMNS} FROM agents WHERE id = ?1 AND account_id = ?2");
    let agent = tx.optional(&sql, &[id, account], read)?;
    let mut agent = agent.ok_or_else(|| Error::missing(Code::AgentNotFound, "agent", id))?;
    let sql = format!("SELECT {ATTACHED} FROM numbers WHERE agent_id = ?1 ORDER BY attached_at, id");
    agent.numbers = tx.query(&sql, &[id], |row| Ok(read_attached(row)?.1))?;
    Ok(agent)
}

/// Fails unless `id` is an agent of this account.
pub fn check(tx: &mut Tx<'_>, account: &AccountId, id: &AgentId) -> Result<()> {
    if tx.exists("SELECT 1 FROM agents WHERE id = ?1 AND account_id = ?2", &[id, account])? {
        return Ok(());
    }
    Err(Error::missing(Code::AgentNotFound, "agent", id))
}

/// Lays `fields` over the agent; answers it as it is then.
pub fn update(
    tx: &mut Tx<'_>,
    account: &AccountId,
    id: &AgentId,
    fields: &AgentFields,
    rules: &Rules,
) -> Result<Agent> {
    let mut agent = get(tx, account, id)?;
    (agent.name, agent.profile) = fields.clone().over(Some(agent.name), agent.profile, rules)?;
    tx.execute(
        "UPDATE agents SET name = ?2, profile = ?3 WHERE id = ?1",
        &[id, &agent.name, &stored(&agent.profile)?],
    )?;
    Ok(agent)
}

/// Where [`forget_some`] goes on.
pub type Place = (Time, ConversationId);

/// Before an agent is deleted, takes it off its conversations, a few hundred a unit; answers where to go on,
/// `None` at the end. Conversations that come meanwhile are left to [`delete`].
pub fn forget_some(
    tx: &mut Tx<'_>,
    account: &AccountId,
    id: &AgentId,
    from: Option<&Place>,
) -> Result<Option<Place>> {
    const BATCH: i64 = 300;
    let (time, conversation) = from.cloned().unwrap_or((Time::default(), ConversationId::from_text("")));
    let rows: Vec<(Place, Option<AgentId>)> = tx.query(
        "SELECT last_message_at, id, agent_id FROM conversations
         WHERE account_id = ?1 AND (last_message_at, id) > (?2, ?3) ORDER BY last_message_at, id LIMIT ?4",
        &[account, &time, &conversation, &BATCH],
        |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)),
    )?;
    let is_whole = i64::try_from(rows.len()).is_ok_and(|count| count == BATCH);
    for ((_, conversation), agent) in &rows {
        if agent.as_ref() == Some(id) {
            tx.execute("UPDATE conversations SET agent_id = NULL WHERE id = ?1", &[conversation])?;
        }
    }
    Ok(rows.into_iter().last().map(|(place, _)| place).filter(|_| is_whole))
}

/// Deletes an agent and its webhook, and answers its name. Its numbers stay, without an agent; so do the
/// conversations that were active since `since`, when [`forget_some`] began with the others.
pub fn delete(tx: &mut Tx<'_>, account: &AccountId, id: &AgentId, since: Time) -> Result<String> {
    let name = get(tx, account, id)?.name;
    tx.execute("UPDATE numbers SET agent_id = NULL, attached_at = NULL WHERE agent_id = ?1", &[id])?;
    tx.execute(
        "UPDATE conversations SET agent_id = NULL
         WHERE account_id = ?1 AND last_message_at >= ?3 AND agent_id = ?2",
        &[account, id, &since],
    )?;
    tx.execute("DELETE FROM webhooks WHERE scope_id = ?1 AND scope = 'agent'", &[id])?;
    tx.execute("DELETE FROM agents WHERE id = ?1", &[id])?;
    Ok(name)
}

const COLUMNS: &str = "id, name, profile, created_at";
const ATTACHED: &str = "agent_id, id, e164, status, kind";

fn read(row: Row<'_>) -> Result<Agent> {
    let profile: String = row.get(2)?;
    Ok(Agent {
        id: row.get(0)?,
        name: row.get(1)?,
        profile: serde_json::from_str(&profile).context("reading an agent's profile")?,
        created_at: row.get(3)?,
        numbers: Vec::new(),
    })
}

fn read_attached(row: Row<'_>) -> Result<(AgentId, Attached)> {
    let attached =
        Attached { id: row.get(1)?, phone_number: row.get(2)?, status: row.get(3)?, kind: row.get(4)? };
    Ok((row.get(0)?, attached))
}

fn stored(profile: &Profile) -> Result<String> {
    Ok(serde_json::to_string(profile).context("a profile is plain data")?)
}

#[cfg(test)]
mod tests;
