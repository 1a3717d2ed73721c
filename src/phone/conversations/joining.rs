//! How messages join their conversations: how one stands before, what it makes of the message, and the places it gives
//! away in the order of its jobs.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Member;
use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{self, ToValue, Tx, in_filled, tuples};
use crate::error::Result;
use crate::id::{AccountId, AgentId, ConversationId, NumberId};
use crate::text;

/// How a conversation stands before a message joins it.
#[derive(Clone, Debug)]
pub struct Standing {
    pub id: ConversationId,
    pub last_message_at: Time,
    pub group_provider_id: Option<String>,
    /// Messages of the conversation still wait to be sent.
    pub is_waiting: bool,
    next_seq: i64,
    no_imessage_until: Option<Time>,
}

impl Standing {
    /// Whether the person was not found to be away from iMessage a short while ago.
    pub fn may_be_on_imessage(&self, now: Time) -> bool {
        self.no_imessage_until.is_none_or(|until| until <= now)
    }
}

/// The conversations there are of these numbers and participants. On `PostgreSQL` they are locked, in one order for
/// everyone.
pub fn standing(
    tx: &mut Tx<'_>,
    wanted: &[(&NumberId, &str)],
) -> Result<HashMap<(NumberId, String), Standing>> {
    let mut found = HashMap::with_capacity(wanted.len());
    let locked = tx.locked("c", "c.id");
    for some in in_filled(wanted) {
        let sql = format!(
            "SELECT c.number_id, c.participant, c.id, c.last_message_at, c.group_provider_id, c.next_seq,
                    c.no_imessage_until,
                    CASE WHEN EXISTS (SELECT 1 FROM jobs j WHERE j.order_key = 'send/' || c.id)
                         THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END
             FROM (VALUES {}) AS wanted
             JOIN conversations c ON c.number_id = wanted.column1 AND c.participant = wanted.column2
             {locked}",
            tuples(some.len(), &["TEXT", "TEXT"])
        );
        let values: Vec<&dyn ToValue> =
            some.iter().flat_map(|(number, who)| [*number as &dyn ToValue, who as _]).collect();
        found.extend(tx.query(&sql, &values, |row| {
            let standing = Standing {
                id: row.get(2)?,
                last_message_at: row.get(3)?,
                group_provider_id: row.get(4)?,
                next_seq: row.get(5)?,
                no_imessage_until: row.get(6)?,
                is_waiting: row.get(7)?,
            };
            Ok(((row.get(0)?, row.get(1)?), standing))
        })?);
    }
    Ok(found)
}

/// A message joins its conversation.
pub struct Touch<'a> {
    /// The id, should the conversation be new.
    pub id: &'a ConversationId,
    pub account: &'a AccountId,
    pub number: &'a NumberId,
    pub agent: Option<&'a AgentId>,
    pub participant: &'a str,
    pub channel: Channel,
    pub body: &'a str,
    pub now: Time,
    /// The members of a group that this message starts.
    pub new_group: Option<&'a [String]>,
}

/// What the conversation made of it.
#[derive(Clone, Debug)]
pub struct Touched {
    pub id: ConversationId,
    /// The message's time: strictly increasing within the conversation.
    pub at: Time,
    /// The place of the message's first job in the conversation's order.
    pub seq: i64,
}

/// The key that orders the sending of a conversation's messages.
pub fn order_key(id: &ConversationId) -> String {
    format!("send/{id}")
}

/// Opens or extends the conversation by one message.
pub fn touch(tx: &mut Tx<'_>, touch: &Touch<'_>) -> Result<Touched> {
    let known = standing(tx, &[(touch.number, touch.participant)])?;
    let touched = touch.after(known.values().next());
    touch_all(tx, &[(touch, &touched)])?;
    Ok(touched)
}

impl Touch<'_> {
    /// What the conversation makes of the message; yet to be written by [`touch_all`].
    pub fn after(&self, known: Option<&Standing>) -> Touched {
        match known {
            Some(known) => Touched {
                id: known.id.clone(),
                at: self.now.max(known.last_message_at + Duration::from_millis(1)),
                seq: known.next_seq + 1,
            },
            None => Touched { id: self.id.clone(), at: self.now, seq: 1 },
        }
    }
}

/// Writes what became of conversations that [`standing`] saw; each occurs once.
pub fn touch_all(tx: &mut Tx<'_>, touches: &[(&Touch<'_>, &Touched)]) -> Result<()> {
    // In one order for everyone, so that two units never wait for each other crosswise.
    let mut touches = touches.to_vec();
    touches.sort_unstable_by_key(|(touch, _)| (touch.number, touch.participant));
    let texts: Vec<(String, Option<String>)> =
        touches.iter().map(|(touch, _)| (text::preview(touch.body), members(touch.new_group))).collect();
    let rows: Vec<_> = touches
        .iter()
        .zip(&texts)
        .map(|((touch, touched), (preview, members))| {
            vec![
                touched.id.value(),
                touch.account.value(),
                touch.number.value(),
                touch.agent.map_or(db::Value::Null, ToValue::value),
                touch.participant.value(),
                touch.channel.value(),
                touched.at.value(),
                preview.value(),
                1_i64.value(),
                touched.seq.value(),
                members.value(),
                touched.at.value(),
            ]
        })
        .collect();
    tx.insert(
        "INSERT INTO conversations (id, account_id, number_id, agent_id, participant, channel, last_message_at,
             last_message_preview, message_count, next_seq, group_members, created_at)",
        &rows,
        "ON CONFLICT (id) DO UPDATE SET
             agent_id = COALESCE(excluded.agent_id, conversations.agent_id), channel = excluded.channel,
             last_message_at = excluded.last_message_at, last_message_preview = excluded.last_message_preview,
             message_count = conversations.message_count + 1, next_seq = excluded.next_seq",
    )?;
    Ok(())
}

fn members(new_group: Option<&[String]>) -> Option<String> {
    let member = |identifier: &String| Member { identifier: identifier.clone(), name: None };
    let members: Vec<Member> = new_group?.iter().map(member).collect();
    Some(serde_json::to_string(&members).unwrap_or_else(|_| "[]".to_owned()))
}

/// Draws the next places in the orders of these conversations, for jobs that no message of their own brings along; 0
/// where one is gone.
pub fn next_seqs<'a>(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = &'a ConversationId> + Clone,
) -> Result<Vec<i64>> {
    // In one order for everyone, so that two units never wait for each other crosswise.
    let mut counts: BTreeMap<&ConversationId, i64> = BTreeMap::new();
    ids.clone().for_each(|id| *counts.entry(id).or_default() += 1);
    let counts: Vec<_> = counts.into_iter().collect();
    let mut last = HashMap::with_capacity(counts.len());
    for some in in_filled(&counts) {
        let sql = format!(
            "UPDATE conversations SET next_seq = next_seq + drawn.column2
             FROM (VALUES {}) AS drawn WHERE conversations.id = drawn.column1
             RETURNING id, next_seq",
            tuples(some.len(), &["TEXT", "BIGINT"])
        );
        let parameters: Vec<&dyn ToValue> =
            some.iter().flat_map(|(id, count)| [*id as &dyn ToValue, count]).collect();
        last.extend(
            tx.query(&sql, &parameters, |row| Ok((row.get::<ConversationId>(0)?, row.get::<i64>(1)?)))?,
        );
    }
    let before = |(id, count)| Some((id, last.get(id)? - count));
    let mut next: HashMap<&ConversationId, i64> = counts.into_iter().filter_map(before).collect();
    Ok(ids
        .map(|id| {
            next.get_mut(id).map_or(0, |place| {
                *place += 1;
                *place
            })
        })
        .collect())
}

/// Draws the next place in the conversation's order.
pub fn next_seq(tx: &mut Tx<'_>, id: &ConversationId) -> Result<i64> {
    let sql = "UPDATE conversations SET next_seq = next_seq + 1 WHERE id = ?1 RETURNING next_seq";
    Ok(tx.optional(sql, &[id], |row| row.get(0))?.unwrap_or(0))
}
