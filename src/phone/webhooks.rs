//! Webhooks: where an account, an agent or a number wants its events sent, and the secret that signs them. Who
//! gets an event is decided by [`covering`]; sending it is the business of a job.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use anyhow::Context;

use super::events::Kind;
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, AgentId, NumberId, WebhookId};
use crate::signature::Secret;
use crate::words;

/// More messages of history are not told with an event.
pub const MOST_CONTEXT: i64 = 50;

/// How long a replaced secret goes on signing beside the new one.
const SECRET_OVERLAP: Duration = Duration::from_hours(24);

/// An endpoint is failing after so many failed attempts in a row.
const FAILING: i64 = 10;

words! {
    /// Whose events a webhook gets.
    Scope { Account = "account", Agent = "agent", Number = "number", }
}
words! {
    /// Whether deliveries arrive. A failing endpoint is still delivered to.
    WebhookStatus { Active = "active", Failing = "failing", }
}
words! {
    /// What an account's or agent's webhook can be told of.
    Subscription {
        AgentMessage = "agent.message",
        AgentReaction = "agent.reaction",
        AgentCallEnded = "agent.call_ended",
        MessageSent = "message.sent",
        MessageDelivered = "message.delivered",
        MessageFailed = "message.failed",
        MessageRead = "message.read",
        MessageUnconfirmed = "message.unconfirmed",
    }
}

/// What is subscribed to by whoever does not say.
pub const USUAL: [Subscription; 3] =
    [Subscription::AgentMessage, Subscription::AgentReaction, Subscription::AgentCallEnded];

/// A webhook's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    pub account_id: AccountId,
    pub scope: Scope,
    /// The account's, agent's or number's id.
    pub scope_id: String,
    /// `None`: nothing is delivered. A number's secret outlives its URL.
    pub url: Option<String>,
    pub secret: Secret,
    pub previous_secret: Option<Secret>,
    /// Until when the previous secret goes on signing.
    pub previous_until: Option<Time>,
    /// How many messages of history an event carries.
    pub context_limit: i64,
    pub timeout_millis: i64,
    pub events: Vec<Subscription>,
    /// Attempts failed in a row.
    pub failures: i64,
    pub created_at: Time,
}

impl Webhook {
    pub const fn status(&self) -> WebhookStatus {
        if self.failures >= FAILING { WebhookStatus::Failing } else { WebhookStatus::Active }
    }

    /// Whether it is told of events of this kind.
    pub fn wants(&self, kind: Kind) -> bool {
        self.events.iter().any(|event| event.as_str() == kind.as_str())
    }

    /// The secrets that sign at `now`, the newest first.
    pub fn secrets(&self, now: Time) -> Vec<Secret> {
        let previous =
            self.previous_secret.clone().filter(|_| self.previous_until.is_some_and(|until| until > now));
        std::iter::once(self.secret.clone()).chain(previous).collect()
    }
}

/// Whose webhook is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owner {
    Account,
    Agent(AgentId),
    Number(NumberId),
}

impl Owner {
    const fn scope(&self) -> Scope {
        match self {
            Self::Account => Scope::Account,
            Self::Agent(_) => Scope::Agent,
            Self::Number(_) => Scope::Number,
        }
    }

    fn id<'a>(&'a self, account: &'a AccountId) -> &'a str {
        match self {
            Self::Account => account.as_str(),
            Self::Agent(id) => id.as_str(),
            Self::Number(id) => id.as_str(),
        }
    }
}

/// What a webhook is set to. The URL was checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    pub url: String,
    pub context_limit: i64,
    pub timeout: Duration,
    pub events: Vec<Subscription>,
}

/// The events that are delivered to whoever asks for `wanted`: in its order, each once, texts in any case.
pub fn subscribed(wanted: Option<Vec<Subscription>>) -> Vec<Subscription> {
    let mut events = Vec::new();
    for event in wanted.unwrap_or_else(|| USUAL.to_vec()) {
        if !events.contains(&event) {
            events.push(event);
        }
    }
    if !events.contains(&Subscription::AgentMessage) {
        events.insert(0, Subscription::AgentMessage);
    }
    events
}

/// The webhook that comes with a number: a secret to sign with, and no URL yet.
pub fn of_new_number(
    id: WebhookId,
    account: &AccountId,
    number: &NumberId,
    secret: Secret,
    now: Time,
) -> Webhook {
    Webhook {
        id,
        account_id: account.clone(),
        scope: Scope::Number,
        scope_id: number.to_string(),
        url: None,
        secret,
        previous_secret: None,
        previous_until: None,
        context_limit: 0,
        timeout_millis: 10_000,
        events: Vec::new(),
        failures: 0,
        created_at: now,
    }
}

/// A webhook that is not stored yet, or the new parts of one that is.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: WebhookId,
    pub secret: Secret,
    /// Whether a secret that is there stays.
    pub keep_secret: bool,
    pub now: Time,
}

/// Sets the owner's webhook; answers it as it is then. It keeps its id for as long as it is not deleted.
pub fn set(
    tx: &mut Tx<'_>,
    account: &AccountId,
    owner: &Owner,
    to: &Settings,
    draft: &Draft,
) -> Result<Webhook> {
    let before = find(tx, account, owner)?;
    let timeout_millis = i64::try_from(to.timeout.as_millis()).unwrap_or(i64::MAX);
    let fresh = Webhook {
        id: draft.id.clone(),
        account_id: account.clone(),
        scope: owner.scope(),
        scope_id: owner.id(account).to_owned(),
        url: Some(to.url.clone()),
        secret: draft.secret.clone(),
        previous_secret: None,
        previous_until: None,
        context_limit: to.context_limit,
        timeout_millis,
        events: to.events.clone(),
        failures: 0,
        created_at: draft.now,
    };
    let Some(before) = before else {
        insert(tx, &fresh)?;
        return Ok(fresh);
    };
    let webhook = following(fresh, before, draft);
    update(tx, &webhook)?;
    Ok(webhook)
}

/// `fresh` in the place of `before`.
fn following(fresh: Webhook, before: Webhook, draft: &Draft) -> Webhook {
    let was_set = before.url.is_some();
    let (secret, previous_secret, previous_until) = if draft.keep_secret {
        (before.secret, before.previous_secret, before.previous_until)
    } else {
        (fresh.secret, Some(before.secret), Some(draft.now + SECRET_OVERLAP))
    };
    let created_at = if was_set { before.created_at } else { draft.now };
    Webhook { id: before.id, secret, previous_secret, previous_until, created_at, ..fresh }
}

/// Gives the owner's webhook another secret; the old one goes on signing beside it for a day.
pub fn rotate(tx: &mut Tx<'_>, account: &AccountId, owner: &Owner, secret: &Secret, now: Time) -> Result<()> {
    let missing = || Error::refused(Code::NotFound, "There is no webhook yet; set one first");
    let before = find(tx, account, owner)?.ok_or_else(missing)?;
    let (previous_secret, previous_until) = (Some(before.secret.clone()), Some(now + SECRET_OVERLAP));
    update(tx, &Webhook { secret: secret.clone(), previous_secret, previous_until, ..before })
}

/// The owner's webhook, if it has a URL.
pub fn get(tx: &mut Tx<'_>, account: &AccountId, owner: &Owner) -> Result<Option<Webhook>> {
    Ok(find(tx, account, owner)?.filter(|webhook| webhook.url.is_some()))
}

/// The owner's webhook, with or without a URL.
pub fn find(tx: &mut Tx<'_>, account: &AccountId, owner: &Owner) -> Result<Option<Webhook>> {
    let sql =
        format!("SELECT {COLUMNS} FROM webhooks WHERE scope_id = ?1 AND scope = ?2 AND account_id = ?3");
    tx.optional(&sql, &[&owner.id(account), &owner.scope(), account], read)
}

/// Whether anything of the account's has a webhook with a URL.
pub fn is_any_set(tx: &mut Tx<'_>, account: &AccountId) -> Result<bool> {
    tx.exists("SELECT 1 FROM webhooks WHERE account_id = ?1 AND url IS NOT NULL LIMIT 1", &[account])
}

/// The webhooks of these ids, whoever's they are: for jobs.
pub fn find_all<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a WebhookId>,
) -> Result<HashMap<WebhookId, Webhook>> {
    let sql = format!("SELECT {COLUMNS} FROM webhooks WHERE id IN ({{list}})");
    let found = tx.query_listed(&sql, &[], ids, read)?;
    Ok(found.into_iter().map(|webhook| (webhook.id.clone(), webhook)).collect())
}

/// Ends deliveries to the owner's webhook, if there is one. A number keeps its secret.
pub fn delete(tx: &mut Tx<'_>, account: &AccountId, owner: &Owner) -> Result<()> {
    let sql = match owner.scope() {
        Scope::Account | Scope::Agent => {
            "DELETE FROM webhooks WHERE scope_id = ?1 AND scope = ?2 AND account_id = ?3"
        }
        Scope::Number => {
            "UPDATE webhooks SET url = NULL, failures = 0 WHERE scope_id = ?1 AND scope = ?2 AND account_id = ?3"
        }
    };
    tx.execute(sql, &[&owner.id(account), &owner.scope(), account])?;
    Ok(())
}

/// Who is told of what happens on a number: one of agent and account, and the number's own beside it.
#[derive(Clone, Default, Debug)]
pub struct Coverage {
    pub v1: Option<Webhook>,
    pub number: Option<Webhook>,
}

/// Contract, section 8.2: the agent's webhook, else the account's; independently of it the number's.
pub fn covering(
    tx: &mut Tx<'_>,
    account: &AccountId,
    agent: Option<&AgentId>,
    number: &NumberId,
) -> Result<Coverage> {
    // Ids of different kinds never clash, so the id alone finds the row.
    let sql = format!("SELECT {COLUMNS} FROM webhooks WHERE scope_id IN (?1, ?2, ?3) AND url IS NOT NULL");
    let mut coverage = Coverage::default();
    for webhook in tx.query(&sql, &[account, &agent.cloned(), number], read)? {
        match webhook.scope {
            Scope::Number => coverage.number = Some(webhook),
            Scope::Agent => coverage.v1 = Some(webhook),
            Scope::Account => coverage.v1 = coverage.v1.or(Some(webhook)),
        }
    }
    Ok(coverage)
}

/// Notes how attempts went, in their order, for the status of their webhooks.
pub fn note_attempts<'a>(
    tx: &mut Tx<'_>,
    attempts: impl Iterator<Item = (&'a WebhookId, bool)>,
) -> Result<()> {
    // In the order of their ids, so that two processes do not wait for each other.
    let (mut recovered, mut failures) = (BTreeSet::new(), BTreeMap::new());
    for (id, succeeded) in attempts {
        if succeeded {
            recovered.insert(id);
            failures.remove(id);
        } else {
            *failures.entry(id).or_insert(0_i64) += 1;
        }
    }
    let sql = "UPDATE webhooks SET failures = 0 WHERE id IN ({list}) AND failures <> 0";
    tx.execute_listed(sql, &[], recovered)?;
    for (id, more) in failures {
        tx.execute("UPDATE webhooks SET failures = failures + ?2 WHERE id = ?1", &[id, &more])?;
    }
    Ok(())
}

pub fn insert(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<()> {
    tx.execute(
        "INSERT INTO webhooks (id, account_id, scope, scope_id, url, secret, previous_secret, previous_until,
                               context_limit, timeout_millis, events, failures, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        &[
            &webhook.id,
            &webhook.account_id,
            &webhook.scope,
            &webhook.scope_id,
            &webhook.url,
            &webhook.secret.expose(),
            &webhook.previous_secret.as_ref().map(Secret::expose),
            &webhook.previous_until,
            &webhook.context_limit,
            &webhook.timeout_millis,
            &stored(&webhook.events)?,
            &webhook.failures,
            &webhook.created_at,
        ],
    )?;
    Ok(())
}

fn update(tx: &mut Tx<'_>, webhook: &Webhook) -> Result<()> {
    tx.execute(
        "UPDATE webhooks SET url = ?2, secret = ?3, previous_secret = ?4, previous_until = ?5, context_limit = ?6,
                             timeout_millis = ?7, events = ?8, failures = ?9, created_at = ?10
         WHERE id = ?1",
        &[
            &webhook.id,
            &webhook.url,
            &webhook.secret.expose(),
            &webhook.previous_secret.as_ref().map(Secret::expose),
            &webhook.previous_until,
            &webhook.context_limit,
            &webhook.timeout_millis,
            &stored(&webhook.events)?,
            &webhook.failures,
            &webhook.created_at,
        ],
    )?;
    Ok(())
}

const COLUMNS: &str =
    "id, account_id, scope, scope_id, url, secret, previous_secret, previous_until, context_limit,
                       timeout_millis, events, failures, created_at";

fn read(row: Row<'_>) -> Result<Webhook> {
    let secret = |text: String| Secret::parse(&text).context("reading a webhook's secret");
    let events: String = row.get(10)?;
    Ok(Webhook {
        id: row.get(0)?,
        account_id: row.get(1)?,
        scope: row.get(2)?,
        scope_id: row.get(3)?,
        url: row.get(4)?,
        secret: secret(row.get(5)?)?,
        previous_secret: row.get::<Option<String>>(6)?.map(secret).transpose()?,
        previous_until: row.get(7)?,
        context_limit: row.get(8)?,
        timeout_millis: row.get(9)?,
        events: serde_json::from_str(&events).context("reading a webhook's events")?,
        failures: row.get(11)?,
        created_at: row.get(12)?,
    })
}

fn stored(events: &[Subscription]) -> Result<String> {
    Ok(serde_json::to_string(events).context("events are plain data")?)
}

#[cfg(test)]
mod tests;
