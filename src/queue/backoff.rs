//! When to try again: a schedule is data, a list of pauses counted from the attempt before.

use std::time::Duration;

use crate::clock::Time;
use crate::id::Ids;

/// Pauses between attempts; after the last one there is no further attempt.
#[derive(Clone, PartialEq, Debug)]
pub struct Schedule {
    pub pauses: Vec<Duration>,
}

impl Schedule {
    /// When the attempt after number `attempt` (the first is 1) is due: the pause plus 0–10 % random delay, and
    /// not before `at_least` has passed. `None` after the last attempt.
    pub fn next(&self, now: Time, attempt: i64, at_least: Option<Duration>, ids: &Ids) -> Option<Time> {
        let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
        let pause = *self.pauses.get(index)?;
        let pause = pause.max(at_least.unwrap_or_default());
        Some(now + pause + pause.mul_f64(ids.fraction() / 10.0))
    }
}

/// A pause that doubles from `first` up to `most` with the number of attempts, for what has no schedule.
pub fn doubling(attempt: i64, first: Duration, most: Duration) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 17) - 1).unwrap_or(16);
    (first * 2_u32.pow(doublings)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn six_attempts_then_no_more_and_jitter_only_adds() {
        let clock = Clock::manual(Time::from_millis(0));
        let ids = Ids::from_seed(clock, 7);
        let schedule = Schedule { pauses: [300, 1800, 7200, 21600, 43200].map(Duration::from_secs).to_vec() };
        for (attempt, pause) in (1..).zip(&schedule.pauses) {
            let next = schedule.next(Time::from_millis(0), attempt, None, &ids).expect("an attempt is left");
            let pause = i64::try_from(pause.as_millis()).expect("small");
            assert!((pause..=pause + pause / 10).contains(&next.millis()), "attempt {attempt}: {next}");
        }
        assert_eq!(schedule.next(Time::from_millis(0), 6, None, &ids), None);
        let later = schedule.next(Time::from_millis(0), 1, Some(Duration::from_mins(50)), &ids);
        assert!(later.expect("an attempt is left").millis() >= 3_000_000, "Retry-After lengthens");
        let not_sooner = schedule.next(Time::from_millis(0), 1, Some(Duration::from_secs(3)), &ids);
        assert!(not_sooner.expect("an attempt is left").millis() >= 300_000, "Retry-After never shortens");
    }
}
