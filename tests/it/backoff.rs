//! Properties of the pauses between attempts.

use std::time::Duration;

use agentphone::clock::{Clock, Time};
use agentphone::id::Ids;
use agentphone::queue::backoff::{Schedule, doubling};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_pause_is_never_shorter_than_asked_and_a_tenth_longer_at_most(
        pauses in prop::collection::vec(0_u64..100_000_000, 0..8),
        attempt in -2_i64..12,
        at_least in prop::option::of(0_u64..100_000_000),
        seed: u64,
    ) {
        let ids = Ids::from_seed(Clock::manual(Time::from_millis(0)), seed);
        let pauses: Vec<_> = pauses.into_iter().map(Duration::from_millis).collect();
        let at_least = at_least.map(Duration::from_millis);
        let now = Time::from_millis(1_000);
        let next = Schedule { pauses: pauses.clone() }.next(now, attempt, at_least, &ids);
        let planned = usize::try_from(attempt - 1).ok().and_then(|index| pauses.get(index));
        prop_assert_eq!(next.is_some(), planned.is_some());
        if let (Some(next), Some(planned)) = (next, planned) {
            let asked = (*planned).max(at_least.unwrap_or_default());
            prop_assert!(next >= now + asked);
            prop_assert!(next <= now + asked.mul_f64(1.1) + Duration::from_millis(1));
        }
    }

    #[test]
    fn doubling_grows_up_to_its_most(attempt in i64::MIN..i64::MAX, first in 1_u64..10_000, most in 1_u64..1_000_000) {
        let (first, most) = (Duration::from_millis(first), Duration::from_millis(most));
        let (pause, next) = (doubling(attempt, first, most), doubling(attempt.saturating_add(1), first, most));
        prop_assert!(pause <= next, "it never shrinks");
        prop_assert!(pause >= first.min(most) && pause <= most);
        if (1..17).contains(&attempt) {
            prop_assert_eq!(next, (pause * 2).min(most));
        }
    }
}
