//! Whose number a message leaves from: looked up for many drafts with a statement for each way of naming one.

use std::collections::{HashMap, HashSet};

use super::send::Sender;
use crate::address::E164;
use crate::clock::Time;
use crate::db::{Row, ToValue, Tx, Value};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, AgentId, Incarnation, NumberId};
use crate::queue;

/// A number that sends.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: NumberId,
    pub e164: String,
    pub is_imessage: bool,
    pub carrier: String,
    pub agent_id: Option<AgentId>,
    /// This process works its lane and may hand its messages over directly.
    pub is_ours: bool,
    account: AccountId,
    is_suspended: bool,
}

/// The numbers and agents that some drafts name.
pub struct Senders {
    agents: HashSet<(AccountId, AgentId)>,
    by_e164: HashMap<String, Line>,
    by_id: HashMap<NumberId, Line>,
    /// Each agent's first number.
    by_agent: HashMap<AgentId, Line>,
}

impl Senders {
    /// Those that `senders` name; `me` is this process, at `now`.
    pub fn find<'a>(
        tx: &mut Tx<'_>,
        me: Option<&Incarnation>,
        now: Time,
        senders: impl Iterator<Item = &'a Sender>,
    ) -> Result<Self> {
        let (mut agents, mut e164s, mut ids, mut of_agents) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for Sender { from_number, number_id, agent_id } in senders {
            agents.extend(agent_id);
            match (from_number, number_id, agent_id) {
                (Some(from), _, _) => e164s.push(from),
                (None, Some(id), _) => ids.push(id),
                (None, None, Some(agent)) => of_agents.push(agent),
                (None, None, None) => {}
            }
        }
        let asker = Asker { me, now };
        let mut by_agent = HashMap::new();
        for line in asker.lines(tx, "agent_id", &unique(of_agents), " ORDER BY attached_at, id")? {
            if let Some(agent) = line.agent_id.clone() {
                by_agent.entry(agent).or_insert(line);
            }
        }
        let e164s: Vec<&str> = unique(e164s.into_iter().map(E164::as_str).collect());
        let e164s: Vec<&&str> = e164s.iter().collect();
        let by_e164 = asker.lines(tx, "e164", &e164s, "")?;
        let by_id = asker.lines(tx, "id", &unique(ids), "")?;
        Ok(Self {
            agents: existing(tx, &unique(agents))?,
            by_e164: by_e164.into_iter().map(|line| (line.e164.clone(), line)).collect(),
            by_id: by_id.into_iter().map(|line| (line.id.clone(), line)).collect(),
            by_agent,
        })
    }

    /// `from_number`, else `number_id`, else the agent's first number. A given agent must exist even when it loses.
    pub fn line(&self, account: &AccountId, sender: &Sender) -> Result<&Line> {
        let Sender { from_number, number_id, agent_id } = sender;
        if let Some(agent) = agent_id
            && !self.agents.contains(&(account.clone(), agent.clone()))
        {
            return Err(Error::missing(Code::AgentNotFound, "agent", agent));
        }
        let of_account = |line: &&Line| line.account == *account;
        let line = match (from_number, number_id, agent_id) {
            (Some(from), _, _) => self
                .by_e164
                .get(from.as_str())
                .filter(of_account)
                .ok_or_else(|| Error::missing(Code::PhoneNumberNotFound, "number", from)),
            (None, Some(id), _) => self
                .by_id
                .get(id)
                .filter(of_account)
                .ok_or_else(|| Error::missing(Code::NumberNotFound, "number", id)),
            (None, None, Some(agent)) => self.by_agent.get(agent).filter(of_account).ok_or_else(|| {
                Error::refused(Code::NoSendingNumber, format!("Agent {agent} has no number to send from"))
            }),
            (None, None, None) => {
                let message = "one of from_number, number_id and agent_id is required";
                Err(Error::field("from_number", "missing", message))
            }
        }?;
        if line.is_suspended {
            return Err(Error::refused(Code::NumberSuspended, format!("Number {} is suspended", line.e164)));
        }
        Ok(line)
    }
}

/// The number that this sender means.
pub fn line(tx: &mut Tx<'_>, account: &AccountId, sender: &Sender) -> Result<Line> {
    Senders::find(tx, None, Time::default(), std::iter::once(sender))?.line(account, sender).cloned()
}

/// Who asks for lines, and when: that decides whether a line's lane is its own.
struct Asker<'a> {
    me: Option<&'a Incarnation>,
    now: Time,
}

impl Asker<'_> {
    fn lines<T: ToValue>(
        &self,
        tx: &mut Tx<'_>,
        column: &str,
        keys: &[&T],
        order: &str,
    ) -> Result<Vec<Line>> {
        let is_ours = queue::store::holds_lane(tx, "numbers.id");
        let me = self.me.map_or(Value::Null, ToValue::value);
        let sql = format!(
            "SELECT id, e164, kind, status, carrier, agent_id, account_id, {is_ours} FROM numbers
             WHERE {column} IN ({{list}}) AND status <> 'released'{order}"
        );
        tx.query_listed(&sql, &[&me, &self.now], keys.iter().copied(), read)
    }
}

fn read(row: Row<'_>) -> Result<Line> {
    Ok(Line {
        id: row.get(0)?,
        e164: row.get(1)?,
        is_imessage: row.get::<String>(2)? == "imessage",
        is_suspended: row.get::<String>(3)? == "suspended",
        carrier: row.get(4)?,
        agent_id: row.get(5)?,
        account: row.get(6)?,
        is_ours: row.get(7)?,
    })
}

fn existing(tx: &mut Tx<'_>, agents: &[&AgentId]) -> Result<HashSet<(AccountId, AgentId)>> {
    let sql = "SELECT account_id, id FROM agents WHERE id IN ({list})";
    let found = tx.query_listed(sql, &[], agents.iter().copied(), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.into_iter().collect())
}

fn unique<T: Ord>(mut keys: Vec<T>) -> Vec<T> {
    keys.sort_unstable();
    keys.dedup();
    keys
}
