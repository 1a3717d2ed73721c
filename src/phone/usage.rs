//! The meter: one appended row for what is counted, in the transaction of what it counts. Outbound messages are
//! counted when a carrier has accepted them, inbound ones when they are stored. For charts the rows are
//! added up by quarters of an hour, later and elsewhere: nothing that is counted waits for it. Prices come later.

use std::time::Duration;

use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::{AccountId, MessageId, NumberId};
use crate::phone::messages::Direction;

/// What of a message counts.
pub struct Counted<'a> {
    pub account: &'a AccountId,
    pub number: &'a NumberId,
    pub message: &'a MessageId,
    pub direction: Direction,
    pub channel: Channel,
    /// SMS segments.
    pub segments: i64,
    pub at: Time,
}

/// Appends one row: segments of an SMS, one MMS, or one iMessage.
pub fn count(tx: &mut Tx<'_>, counted: &Counted<'_>) -> Result<()> {
    let (kind, quantity) = match counted.channel {
        Channel::Sms => ("sms_segment", counted.segments),
        Channel::Mms => ("mms", 1),
        Channel::Imessage => ("imessage", 1),
    };
    tx.execute(
        "INSERT INTO usage (account_id, number_id, message_id, kind, direction, quantity, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            counted.account,
            counted.number,
            counted.message,
            &kind,
            &counted.direction,
            &quantity,
            &counted.at,
        ],
    )?;
    Ok(())
}

/// The grain of what is added up: every time zone is a whole number of these away from UTC.
pub const QUARTER: i64 = 15 * 60_000;
/// A quarter is added up when it ended so long ago: what it counts is stored by then.
const SETTLED: i64 = 2 * 60_000;
/// What is not added up yet is read row by row, but no further back than this.
const TAIL: i64 = 2 * 3_600_000;

/// What one quarter of an hour counts of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quarter {
    pub account: AccountId,
    /// When it began.
    pub at: Time,
    pub kind: String,
    pub direction: Direction,
    pub quantity: i64,
    pub messages: i64,
}

fn read(row: Row<'_>) -> Result<Quarter> {
    Ok(Quarter {
        account: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        direction: row.get(3)?,
        quantity: row.get(4)?,
        messages: row.get(5)?,
    })
}

/// What one bar of a chart counts of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bar {
    /// When it begins.
    pub at: Time,
    pub kind: String,
    pub direction: Direction,
    pub quantity: i64,
    pub messages: i64,
}

/// How a chart cuts time: bars of `grain`, which begin where the clocks of the reader's zone say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    pub grain: Duration,
    /// Minutes that the reader's clocks are ahead of UTC; a multiple of 15.
    pub offset_minutes: i64,
}

impl Cut {
    fn millis(self) -> (i64, i64) {
        (i64::try_from(self.grain.as_millis()).unwrap_or(QUARTER).max(QUARTER), self.offset_minutes * 60_000)
    }

    /// The beginning of the bar that `at` is in.
    pub fn begin(self, at: Time) -> Time {
        let (grain, offset) = self.millis();
        Time::from_millis((at.millis() + offset).div_euclid(grain) * grain - offset)
    }
}

/// The account's bars since `since`, in any order and each kind once or twice: what is added up, and the last
/// quarters straight from the meter.
pub fn series(tx: &mut Tx<'_>, account: &AccountId, since: Time, now: Time, cut: Cut) -> Result<Vec<Bar>> {
    let (grain, offset) = cut.millis();
    let read = |row: Row<'_>| {
        let at = Time::from_millis(row.get::<i64>(0)? * grain - offset);
        let (kind, direction) = (row.get(1)?, row.get(2)?);
        Ok(Bar { at, kind, direction, quantity: row.get(3)?, messages: row.get(4)? })
    };
    let mut bars = tx.query(
        "SELECT (quarter + ?3) / ?4 AS bar, kind, direction, CAST(SUM(quantity) AS BIGINT),
                CAST(SUM(messages) AS BIGINT)
         FROM usage_quarters WHERE account_id = ?1 AND quarter >= ?2 GROUP BY bar, kind, direction",
        &[account, &since, &offset, &grain],
        read,
    )?;
    let open = added_up_to(tx)?.max(now.millis() - TAIL).max(since.millis());
    bars.extend(tx.query(
        "SELECT (at + ?3) / ?4 AS bar, kind, direction, CAST(SUM(quantity) AS BIGINT),
                CAST(COUNT(*) AS BIGINT)
         FROM usage WHERE account_id = ?1 AND at >= ?2 GROUP BY bar, kind, direction",
        &[account, &open, &offset, &grain],
        read,
    )?);
    Ok(bars)
}

const SUMS: &str = "SELECT account_id, CAST(at / 900000 * 900000 AS BIGINT), kind, direction,
                           CAST(SUM(quantity) AS BIGINT), CAST(COUNT(*) AS BIGINT)
                    FROM usage WHERE at >= ?1 AND at < ?2";

/// The end of the last quarter that was added up; quarters without traffic leave no trace.
fn added_up_to(tx: &mut Tx<'_>) -> Result<i64> {
    let newest = "SELECT quarter FROM usage_quarters ORDER BY quarter DESC LIMIT 1";
    Ok(tx.optional(newest, &[], |row| row.get::<i64>(0))?.map_or(0, |quarter| quarter + QUARTER))
}

/// The next quarter to add up, with its sums; `None` when all that are settled have been. `after` is the one that was
/// added up before it in this round; a round begins with the last two of the round before, for rows that came late.
pub fn next_sums(tx: &mut Tx<'_>, after: Option<Time>, now: Time) -> Result<Option<(Time, Vec<Quarter>)>> {
    let from = match after {
        Some(quarter) => quarter.millis() + QUARTER,
        None => added_up_to(tx)? - 2 * QUARTER,
    };
    let next = "SELECT at FROM usage WHERE at >= ?1 ORDER BY at LIMIT 1";
    let Some(at) = tx.optional(next, &[&from], |row| row.get::<i64>(0))? else { return Ok(None) };
    let begin = at.div_euclid(QUARTER) * QUARTER;
    let end = begin + QUARTER;
    if end + SETTLED > now.millis() {
        return Ok(None);
    }
    let sql = format!("{SUMS} GROUP BY account_id, at / 900000, kind, direction");
    Ok(Some((Time::from_millis(begin), tx.query(&sql, &[&begin, &end], read)?)))
}

/// Keeps the sums of a quarter.
pub fn keep_sums(tx: &mut Tx<'_>, quarters: &[Quarter]) -> Result<()> {
    for quarter in quarters {
        tx.execute(
            "INSERT INTO usage_quarters (account_id, quarter, kind, direction, quantity, messages)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (account_id, quarter, kind, direction) DO UPDATE SET quantity = EXCLUDED.quantity,
                 messages = EXCLUDED.messages",
            &[
                &quarter.account,
                &quarter.at,
                &quarter.kind,
                &quarter.direction,
                &quarter.quantity,
                &quarter.messages,
            ],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Ids;
    use crate::testing::{self, START};

    fn one(tx: &mut Tx<'_>, ids: &Ids, account: &AccountId, at: Time, segments: i64) -> Result<()> {
        let (number, message) = (NumberId::new(ids), MessageId::new(ids));
        let (direction, channel) = (Direction::Outbound, Channel::Sms);
        let (number, message) = (&number, &message);
        count(tx, &Counted { account, number, message, direction, channel, segments, at })
    }

    #[test]
    fn bars_begin_where_the_reader_s_clocks_say() {
        let cut = Cut { grain: Duration::from_hours(24), offset_minutes: 330 };
        let begin = cut.begin(START);
        assert_eq!(begin.to_string(), "2026-03-01T18:30:00.000Z");
        assert_eq!(cut.begin(begin), begin);
    }

    #[tokio::test]
    async fn a_series_is_the_same_before_and_after_quarters_are_added_up() {
        let (db, ids, clock, _folder) = testing::db().await;
        let account = testing::account(&db, &ids).await;
        clock.advance(Duration::from_mins(40));
        let (now, mine) = (clock.now(), account.clone());
        let fill = move |tx: &mut Tx<'_>| {
            for (minute, segments) in [(0, 1), (14, 2), (15, 4), (31, 8)] {
                one(tx, &ids, &mine, START + Duration::from_mins(minute), segments)?;
            }
            Ok(())
        };
        db.write(fill).await.unwrap();
        let shown = move |tx: &mut Tx<'_>, account: &AccountId| {
            let cut = Cut { grain: Duration::from_mins(15), offset_minutes: -240 };
            let mut bars = series(tx, account, START, now, cut)?;
            bars.sort_by_key(|bar| bar.at);
            Ok(bars
                .into_iter()
                .map(|it| (it.at.millis() - START.millis(), it.quantity, it.messages))
                .collect())
        };
        let expected = vec![(0, 3, 2), (QUARTER, 4, 1), (2 * QUARTER, 8, 1)];
        let mine = account.clone();
        let before: Vec<_> = db.read(move |tx| shown(tx, &mine)).await.unwrap();
        assert_eq!(before, expected);
        let mut last = None;
        while let Some((quarter, sums)) = db.read(move |tx| next_sums(tx, last, now)).await.unwrap() {
            db.write(move |tx| keep_sums(tx, &sums)).await.unwrap();
            last = Some(quarter);
        }
        assert_eq!(
            last,
            Some(Time::from_millis(START.millis() + QUARTER)),
            "the third quarter has not ended"
        );
        let after: Vec<_> = db.read(move |tx| shown(tx, &account)).await.unwrap();
        assert_eq!(after, expected);
    }
}
