//! How an account's deliveries went: counts by event and by hour, and of all time. Computed when asked for.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::deliveries::DeliveryStatus;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;

const HOUR: i64 = 3_600_000;

/// Deliveries by their status.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, ToSchema)]
pub struct Counts {
    pub success: i64,
    pub failed: i64,
    pub pending: i64,
}

impl Counts {
    fn add(&mut self, status: DeliveryStatus, count: i64) {
        match status {
            DeliveryStatus::Success => self.success += count,
            DeliveryStatus::Failed => self.failed += count,
            DeliveryStatus::Pending => self.pending += count,
        }
    }

    pub const fn total(&self) -> i64 {
        self.success + self.failed + self.pending
    }

    /// How many of all succeeded: 0–100 with one decimal, 100 when there are none.
    fn success_rate(&self) -> f64 {
        let total = self.total();
        let tenths = if total == 0 { 1000 } else { (self.success * 1000 + total / 2) / total };
        f64::from(i32::try_from(tenths).unwrap_or(1000)) / 10.0
    }
}

/// One hour's deliveries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Hour {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub hour: Time,
    #[serde(flatten)]
    pub counts: Counts,
}

/// The deliveries of the last hours.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    pub total: i64,
    #[serde(flatten)]
    pub counts: Counts,
    pub success_rate: f64,
    pub by_event_type: BTreeMap<String, Counts>,
    /// Every hour that the window touches, the oldest first.
    pub by_hour: Vec<Hour>,
}

/// All deliveries that are still known.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllTime {
    pub total: i64,
    pub success: i64,
    pub failed: i64,
    pub success_rate: f64,
}

/// How the newest deliveries went.
#[derive(Clone, PartialEq, Debug)]
pub struct Newest {
    pub counts: Counts,
    pub success_rate: f64,
    /// Of those that got an answer: the one in the middle, and the one that 95 of 100 were as quick as.
    pub median_millis: Option<i64>,
    pub slow_millis: Option<i64>,
    /// As many were asked for, so that there may be more.
    pub is_cut: bool,
}

/// The account's newest deliveries, `most` of them at most, since a moment.
pub fn newest(tx: &mut Tx<'_>, account: &AccountId, since: Time, most: i64) -> Result<Newest> {
    let rows = tx.query(
        "SELECT status, response_millis FROM deliveries WHERE account_id = ?1 AND created_at >= ?2
         ORDER BY created_at DESC, id DESC LIMIT ?3",
        &[account, &since, &most],
        |row| Ok((row.get::<DeliveryStatus>(0)?, row.get::<Option<i64>>(1)?)),
    )?;
    let is_cut = i64::try_from(rows.len()).is_ok_and(|count| count == most);
    let mut counts = Counts::default();
    let mut millis = Vec::with_capacity(rows.len());
    for (status, took) in rows {
        counts.add(status, 1);
        millis.extend(took);
    }
    millis.sort_unstable();
    let at = |percent: usize| millis.get((millis.len() * percent / 100).min(millis.len().saturating_sub(1)));
    Ok(Newest {
        counts,
        success_rate: counts.success_rate(),
        median_millis: at(50).copied(),
        slow_millis: at(95).copied(),
        is_cut,
    })
}

/// The account's deliveries of the last `hours` hours.
pub fn recent(tx: &mut Tx<'_>, account: &AccountId, hours: i64, now: Time) -> Result<Statistics> {
    let since = now.millis() - hours * HOUR;
    let rows = tx.query(
        "SELECT kind, status, created_at / 3600000, COUNT(*) FROM deliveries
         WHERE account_id = ?1 AND created_at >= ?2 GROUP BY kind, status, created_at / 3600000",
        &[account, &since],
        |row| {
            Ok((row.get::<String>(0)?, row.get::<DeliveryStatus>(1)?, row.get::<i64>(2)?, row.get::<i64>(3)?))
        },
    )?;
    let mut counts = Counts::default();
    let mut by_event_type = BTreeMap::<String, Counts>::new();
    let mut by_hour: BTreeMap<i64, Counts> = (since.div_euclid(HOUR)..=now.millis().div_euclid(HOUR))
        .map(|hour| (hour, Counts::default()))
        .collect();
    for (kind, status, hour, count) in rows {
        counts.add(status, count);
        by_event_type.entry(kind).or_default().add(status, count);
        by_hour.entry(hour).or_default().add(status, count);
    }
    let hour = |(hour, counts)| Hour { hour: Time::from_millis(hour * HOUR), counts };
    Ok(Statistics {
        total: counts.total(),
        counts,
        success_rate: counts.success_rate(),
        by_event_type,
        by_hour: by_hour.into_iter().map(hour).collect(),
    })
}

/// Every delivery of the account that is still known.
pub fn all_time(tx: &mut Tx<'_>, account: &AccountId) -> Result<AllTime> {
    let rows = tx.query(
        "SELECT status, COUNT(*) FROM deliveries WHERE account_id = ?1 GROUP BY status",
        &[account],
        |row| Ok((row.get::<DeliveryStatus>(0)?, row.get::<i64>(1)?)),
    )?;
    let mut counts = Counts::default();
    for (status, count) in rows {
        counts.add(status, count);
    }
    let Counts { success, failed, .. } = counts;
    Ok(AllTime { total: counts.total(), success, failed, success_rate: counts.success_rate() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_one_decimal() {
        let rate = |success, failed| format!("{:?}", Counts { success, failed, pending: 0 }.success_rate());
        assert_eq!(rate(0, 0), "100.0");
        assert_eq!(rate(2, 1), "66.7");
        assert_eq!(rate(0, 5), "0.0");
        assert_eq!(rate(1_000_000, 1), "100.0");
    }
}
