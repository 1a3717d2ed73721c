//! Conversations: what one of our numbers and one participant (a person or a group) say to each other, over
//! whatever channel. A conversation is unique per number and participant.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Place, Result};
use crate::id::{AccountId, AgentId, ConversationId, NumberId};
use crate::phone::messages::send::Target;

mod joining;

pub use joining::{Standing, Touch, Touched, next_seq, next_seqs, order_key, standing, touch, touch_all};

/// Customer metadata may be so large, serialised.
pub const METADATA_BYTES: usize = 32 << 10;

#[derive(Clone, Debug)]
pub struct Conversation {
    pub id: ConversationId,
    pub account_id: AccountId,
    pub number_id: NumberId,
    pub agent_id: Option<AgentId>,
    pub participant: String,
    pub channel: Channel,
    pub last_message_at: Time,
    pub last_message_preview: String,
    pub message_count: i64,
    /// JSON text, as `JSON.stringify` writes it.
    pub metadata: Option<String>,
    pub no_imessage_until: Option<Time>,
    pub group: Option<Group>,
    pub created_at: Time,
    /// Of our number: E.164, `sms` or `imessage`, its status and carrier.
    pub number: String,
    pub number_kind: String,
    pub number_status: String,
    pub carrier: String,
}

/// What only a group thread has.
#[derive(Clone, Debug)]
pub struct Group {
    pub provider_id: Option<String>,
    pub name: Option<String>,
    pub icon_url: Option<String>,
    pub members: Vec<Member>,
}

/// Somebody in a group, as last seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Member {
    pub identifier: String,
    #[schema(required)]
    pub name: Option<String>,
}

const SELECT: &str = "SELECT c.id, c.account_id, c.number_id, c.agent_id, c.participant, c.channel, c.last_message_at,
        c.last_message_preview, c.message_count, c.metadata, c.no_imessage_until, c.group_members, c.group_provider_id,
        c.group_name, c.group_icon_url, c.created_at, n.e164, n.kind, n.status, n.carrier
    FROM conversations c JOIN numbers n ON n.id = c.number_id";

fn read(row: Row<'_>) -> Result<Conversation> {
    let group = match row.get::<Option<String>>(11)? {
        Some(members) => Some(Group {
            members: serde_json::from_str(&members).unwrap_or_default(),
            provider_id: row.get(12)?,
            name: row.get(13)?,
            icon_url: row.get(14)?,
        }),
        None => None,
    };
    Ok(Conversation {
        id: row.get(0)?,
        account_id: row.get(1)?,
        number_id: row.get(2)?,
        agent_id: row.get(3)?,
        participant: row.get(4)?,
        channel: row.get(5)?,
        last_message_at: row.get(6)?,
        last_message_preview: row.get(7)?,
        message_count: row.get(8)?,
        metadata: row.get(9)?,
        no_imessage_until: row.get(10)?,
        group,
        created_at: row.get(15)?,
        number: row.get(16)?,
        number_kind: row.get(17)?,
        number_status: row.get(18)?,
        carrier: row.get(19)?,
    })
}

impl Conversation {
    /// Whether the person was not found to be away from iMessage a short while ago.
    pub fn may_be_on_imessage(&self, now: Time) -> bool {
        self.no_imessage_until.is_none_or(|until| until <= now)
    }
}

/// The conversation of this id, whoever's it is.
pub fn find(tx: &mut Tx<'_>, id: &ConversationId) -> Result<Option<Conversation>> {
    tx.optional(&format!("{SELECT} WHERE c.id = ?1"), &[id], read)
}

/// The conversation of this id, if it is this account's.
pub fn get(tx: &mut Tx<'_>, account: &AccountId, id: &ConversationId) -> Result<Conversation> {
    find(tx, id)?
        .filter(|conversation| conversation.account_id == *account)
        .ok_or_else(|| Error::missing(Code::ConversationNotFound, "conversation", id))
}

/// The conversation of `number` with `participant`, if they have spoken.
pub fn of_participant(tx: &mut Tx<'_>, number: &NumberId, participant: &str) -> Result<Option<Conversation>> {
    tx.optional(
        &format!("{SELECT} WHERE c.number_id = ?1 AND c.participant = ?2"),
        &[number, &participant],
        read,
    )
}

/// The conversation of `number` whose group the carrier knows by `provider_id`.
pub fn of_group(tx: &mut Tx<'_>, number: &NumberId, provider_id: &str) -> Result<Option<Conversation>> {
    tx.optional(
        &format!("{SELECT} WHERE c.number_id = ?1 AND (c.participant = ?2 OR c.group_provider_id = ?2)"),
        &[number, &provider_id],
        read,
    )
}

/// A page of an account's conversations, newest activity first; of one agent's only, if asked.
pub fn list(
    tx: &mut Tx<'_>,
    account: &AccountId,
    agent: Option<&AgentId>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Conversation>> {
    match agent {
        None => {
            // What is skipped is skipped in the index; only what is shown is read.
            let sql = format!(
                "{SELECT} WHERE c.id IN (SELECT id FROM conversations WHERE account_id = ?1
                                         ORDER BY last_message_at DESC, id DESC LIMIT ?2 OFFSET ?3)
                 ORDER BY c.last_message_at DESC, c.id DESC"
            );
            tx.query(&sql, &[account, &limit, &offset], read)
        }
        Some(agent) => {
            let sql = format!(
                "{SELECT} WHERE c.account_id = ?1 AND c.agent_id = ?4
                 ORDER BY c.last_message_at DESC, c.id DESC LIMIT ?2 OFFSET ?3"
            );
            tx.query(&sql, &[account, &limit, &offset, agent], read)
        }
    }
}

/// Where a page goes on: the last row that was looked at.
pub type Cursor = (Time, ConversationId);

/// Which conversations are wanted; all of an account's where nothing is set.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    pub agent: Option<AgentId>,
    pub number: Option<NumberId>,
}

impl Filter {
    fn fits(&self, conversation: &Conversation) -> bool {
        self.agent.as_ref().is_none_or(|agent| conversation.agent_id.as_ref() == Some(agent))
            && self.number.as_ref().is_none_or(|number| conversation.number_id == *number)
    }
}

/// A page of an account's conversations, newest activity first, and where the next goes on. It looks at a bounded
/// number of rows, so a filter that fits little can leave a page short of rows and not be at its end.
pub fn page(
    tx: &mut Tx<'_>,
    account: &AccountId,
    filter: &Filter,
    before: Option<&Cursor>,
    limit: usize,
) -> Result<(Vec<Conversation>, Option<Cursor>)> {
    const LOOKED_AT: usize = 1_000;
    let most = if filter.agent.is_none() && filter.number.is_none() { limit } else { LOOKED_AT };
    let beginning = (Time::from_millis(i64::MAX), ConversationId::from_text(""));
    let (time, id) = before.unwrap_or(&beginning);
    let sql = format!(
        "{SELECT} WHERE c.account_id = ?1 AND (c.last_message_at, c.id) < (?2, ?3)
         ORDER BY c.last_message_at DESC, c.id DESC LIMIT ?4"
    );
    let rows = tx.query(&sql, &[account, time, id, &i64::try_from(most + 1).unwrap_or(i64::MAX)], read)?;
    let mut more = rows.len() > most;
    let mut last = None;
    let mut found = Vec::with_capacity(limit);
    for conversation in rows.into_iter().take(most) {
        if found.len() == limit {
            more = true;
            break;
        }
        last = Some((conversation.last_message_at, conversation.id.clone()));
        if filter.fits(&conversation) {
            found.push(conversation);
        }
    }
    Ok((found, last.filter(|_| more)))
}

/// The conversations of these ids, whoever's they are.
pub fn find_all<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a ConversationId>,
) -> Result<HashMap<ConversationId, Conversation>> {
    let found = tx.query_listed(&format!("{SELECT} WHERE c.id IN ({{list}})"), &[], ids, read)?;
    Ok(found.into_iter().map(|conversation| (conversation.id.clone(), conversation)).collect())
}

/// How many conversations [`list`] has in all; counting stops at `most`.
pub fn count(tx: &mut Tx<'_>, account: &AccountId, agent: Option<&AgentId>, most: i64) -> Result<i64> {
    let counted = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM conversations WHERE account_id = ?1";
    match agent {
        None => tx.one(&format!("{counted} LIMIT ?2) AS counted"), &[account, &most], |row| row.get(0)),
        Some(agent) => {
            let sql = format!("{counted} AND agent_id = ?3 LIMIT ?2) AS counted");
            tx.one(&sql, &[account, &most, agent], |row| row.get(0))
        }
    }
}

/// Opens the thread of a group that nobody has written in yet.
pub fn open_group(
    tx: &mut Tx<'_>,
    id: &ConversationId,
    account: &AccountId,
    number: &NumberId,
    agent: Option<&AgentId>,
    participant: &str,
    now: Time,
) -> Result<()> {
    tx.execute(
        "INSERT INTO conversations (id, account_id, number_id, agent_id, participant, channel, last_message_at,
             last_message_preview, message_count, next_seq, group_members, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '', 0, 0, '[]', ?7)
         ON CONFLICT (number_id, participant) DO NOTHING",
        &[id, account, number, &agent.cloned(), &participant, &Channel::Imessage, &now],
    )?;
    Ok(())
}

/// How a carrier reaches the group `group_id`: by its own name for it, or by starting it.
pub fn target(tx: &mut Tx<'_>, id: &ConversationId, group_id: &str) -> Result<Target> {
    let group = find(tx, id)?.and_then(|conversation| conversation.group);
    let group_id = group_id.to_owned();
    Ok(match group {
        Some(Group { provider_id: None, members, .. }) => Target::NewGroup {
            group_id,
            members: members.into_iter().map(|member| member.identifier).collect(),
        },
        Some(Group { provider_id, .. }) => Target::Group { group_id, provider_id },
        None => Target::Group { group_id, provider_id: None },
    })
}

/// The carrier's name for a group that we started.
pub fn group_started(tx: &mut Tx<'_>, id: &ConversationId, provider_id: &str) -> Result<()> {
    tx.execute("UPDATE conversations SET group_provider_id = ?2 WHERE id = ?1", &[id, &provider_id])?;
    Ok(())
}

/// A group's roster and name as last seen.
pub fn group_seen(
    tx: &mut Tx<'_>,
    id: &ConversationId,
    provider_id: &str,
    name: Option<&str>,
    members: &[Member],
) -> Result<()> {
    let members = serde_json::to_string(members).unwrap_or_else(|_| "[]".to_owned());
    tx.execute(
        "UPDATE conversations SET group_provider_id = ?2, group_name = ?3, group_members = ?4 WHERE id = ?1",
        &[id, &provider_id, &name.map(str::to_owned), &members],
    )?;
    Ok(())
}

/// Our number gave the group a name.
pub fn renamed(tx: &mut Tx<'_>, id: &ConversationId, name: Option<&str>) -> Result<()> {
    let sql = "UPDATE conversations SET group_name = ?2 WHERE id = ?1";
    tx.execute(sql, &[id, &name.map(str::to_owned)])?;
    Ok(())
}

/// The person is not on iMessage; it is tried again after `until`.
pub fn not_on_imessage(tx: &mut Tx<'_>, id: &ConversationId, until: Time) -> Result<()> {
    tx.execute("UPDATE conversations SET no_imessage_until = ?2 WHERE id = ?1", &[id, &until])?;
    Ok(())
}

/// The last message went by another channel than planned.
pub fn channel_changed(tx: &mut Tx<'_>, id: &ConversationId, channel: Channel) -> Result<()> {
    tx.execute("UPDATE conversations SET channel = ?2 WHERE id = ?1", &[id, &channel])?;
    Ok(())
}

/// Metadata as it is stored: normalised as JavaScript would, or nothing.
pub fn metadata(value: Option<Value>) -> Result<Option<String>> {
    let problem = |kind, message: String| Err(Error::at(Place::Body, "metadata", kind, message));
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(object @ Value::Object(_)) => {
            let text = crate::json::stringify(&object);
            if text.len() > METADATA_BYTES {
                return problem(
                    "value",
                    format!("metadata may have {METADATA_BYTES} bytes at most, serialised"),
                );
            }
            Ok(Some(text))
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            problem("type", "metadata must be an object or null".to_owned())
        }
    }
}

/// Replaces the metadata; `None` clears it.
pub fn set_metadata(tx: &mut Tx<'_>, id: &ConversationId, metadata: Option<&str>) -> Result<()> {
    tx.execute("UPDATE conversations SET metadata = ?2 WHERE id = ?1", &[id, &metadata.map(str::to_owned)])?;
    Ok(())
}
