//! How many persons a line may write to by iMessage in a day (contract 14.3), and how many it has. A person is counted
//! once a day; an answer within 24 hours of their last text is free. Where a carrier sets no limit nothing is counted.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::id::{ConversationId, NumberId};
use crate::phone::conversations;
use crate::phone::lines::{DailyLimits, Lines};
use crate::phone::messages::Direction;
use crate::phone::numbers::{Number, NumberKind};

const DAY: Duration = Duration::from_hours(24);

/// Days since 1970, UTC.
const fn day(now: Time) -> i64 {
    now.seconds().div_euclid(24 * 3600)
}

/// Counts `people` against today's limits of the line; `false`, and nobody is counted, if one is over them. Who counts
/// under a limit takes the next place of the day, which is there once: of two that take it, one counts again.
pub fn admit(
    tx: &mut Tx<'_>,
    limits: DailyLimits,
    line: &NumberId,
    people: &[&str],
    now: Time,
) -> Result<bool> {
    if limits == DailyLimits::default() {
        return Ok(true);
    }
    let today = day(now);
    let mut fresh: Vec<(&str, bool, Option<i64>)> = Vec::new();
    for person in people {
        let Some(wrote_first) = counts(tx, line, person, now)? else { continue };
        let mut place = None;
        if let Some(limit) = if wrote_first { limits.callers } else { limits.strangers } {
            let alike = fresh.iter().filter(|(_, first, _)| *first == wrote_first).count();
            let more = i64::try_from(alike).unwrap_or(i64::MAX);
            let taken = count(tx, line, today, wrote_first)? + more;
            if taken >= limit {
                return Ok(false);
            }
            place = Some(taken);
        }
        fresh.push((person, wrote_first, place));
    }
    for (person, wrote_first, place) in fresh {
        tx.execute(
            "INSERT INTO new_contacts (number_id, day, participant, wrote_first, place) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (number_id, day, participant) DO NOTHING",
            &[line, &today, &person, &wrote_first, &place],
        )?;
    }
    Ok(true)
}

/// Whether a message to `person` counts today, and then whether they wrote first.
fn counts(tx: &mut Tx<'_>, line: &NumberId, person: &str, now: Time) -> Result<Option<bool>> {
    let known = conversations::of_participant(tx, line, person)?.map(|known| known.id);
    let (wrote_first, last_text) = match &known {
        Some(known) => (wrote_first(tx, known)?, last_text(tx, known)?),
        None => (false, None),
    };
    let counted = "SELECT 1 FROM new_contacts WHERE number_id = ?1 AND day = ?2 AND participant = ?3";
    let is_free = last_text.is_some_and(|at| at + DAY > now);
    Ok((!is_free && !tx.exists(counted, &[line, &day(now), &person])?).then_some(wrote_first))
}

fn wrote_first(tx: &mut Tx<'_>, conversation: &ConversationId) -> Result<bool> {
    let sql = "SELECT direction FROM messages WHERE conversation_id = ?1 ORDER BY received_at LIMIT 1";
    let first: Option<Direction> = tx.optional(sql, &[conversation], |row| row.get(0))?;
    Ok(first == Some(Direction::Inbound))
}

fn last_text(tx: &mut Tx<'_>, conversation: &ConversationId) -> Result<Option<Time>> {
    let sql = "SELECT received_at FROM messages WHERE conversation_id = ?1 AND direction = 'inbound'
               ORDER BY received_at DESC LIMIT 1";
    tx.optional(sql, &[conversation], |row| row.get(0))
}

fn count(tx: &mut Tx<'_>, line: &NumberId, day: i64, wrote_first: bool) -> Result<i64> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM new_contacts
               WHERE number_id = ?1 AND day = ?2 AND wrote_first = ?3";
    tx.one(sql, &[line, &day, &wrote_first], |row| row.get(0))
}

/// Persons who never wrote first and were written to today, of so many, on an iMessage number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct DailyNewContacts {
    pub used: i64,
    pub limit: i64,
}

/// Today's count of an iMessage number. Where its carrier sets no limit nothing is counted, and `usual` is shown.
pub fn today(
    tx: &mut Tx<'_>,
    lines: &Lines,
    usual: i64,
    number: &Number,
    now: Time,
) -> Result<Option<DailyNewContacts>> {
    match number.kind {
        NumberKind::Sms => Ok(None),
        NumberKind::Imessage => {
            let limit = lines.get(&number.carrier).and_then(|able| able.daily.strangers).unwrap_or(usual);
            Ok(Some(DailyNewContacts { used: count(tx, &number.id, day(now), false)?, limit }))
        }
    }
}

/// The refusal of a message over the limit: it may go tomorrow.
pub fn over(now: Time) -> Error {
    let tomorrow = (day(now) + 1) * 24 * 3600;
    Error::Later {
        code: Code::NewContactLimit,
        message: "This number has written to as many new contacts by iMessage today as it may".to_owned(),
        seconds: u64::try_from(tomorrow - now.seconds()).unwrap_or(1).max(1),
    }
}

/// Deletes the counts of days that are over, some hundred at a time; whether any are left.
pub fn prune(tx: &mut Tx<'_>, now: Time) -> Result<bool> {
    let deleted = tx.execute_counted(
        "DELETE FROM new_contacts WHERE (number_id, day, participant) IN
             (SELECT number_id, day, participant FROM new_contacts WHERE day < ?1 LIMIT 500)",
        &[&day(now)],
    )?;
    Ok(deleted == 500)
}
