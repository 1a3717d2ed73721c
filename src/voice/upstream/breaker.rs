//! The circuit breaker of one upstream: after several failures in a row nobody calls it for a while; then one request
//! is let through to try, and its outcome decides. It keeps no time of its own.

use std::time::Duration;

use crate::clock::Time;

/// Failures in a row that open it.
pub(super) const FAILURES: u32 = 5;

/// How long it stays open the first time; each failed try doubles that.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_mins(1);

/// What a breaker says of its upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It is called.
    Healthy,
    /// It asked for a rest (429 with `Retry-After`) and gets it.
    Resting,
    /// It failed too often and is not called.
    Open,
    /// One request tries whether it is back.
    Trying,
}

#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// In a row.
    failures: u32,
    /// Set while it is open.
    open: Option<Open>,
    rests_until: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    until: Time,
    length: Duration,
    /// Whether a request is under way that tries.
    trying: bool,
}

impl Breaker {
    pub fn health(&self, now: Time) -> Health {
        match self.open {
            Some(open) if open.trying => Health::Trying,
            Some(_) => Health::Open,
            None if self.rests_until.is_some_and(|until| now < until) => Health::Resting,
            None => Health::Healthy,
        }
    }

    /// Whether a request may go through now.
    pub fn lets_through(&self, now: Time) -> bool {
        let shut = self.open.is_some_and(|open| open.trying || now < open.until);
        !shut && self.rests_until.is_none_or(|until| now >= until)
    }

    /// A request goes through. Says whether it is the one that tries, which must end in [`Self::answered`],
    /// [`Self::succeeded`], [`Self::failed`] or [`Self::abandoned`].
    pub fn went_through(&mut self) -> bool {
        if let Some(open) = &mut self.open {
            open.trying = true;
        }
        self.open.is_some()
    }

    /// The one that tried is being answered: others may follow, but one more failure opens the breaker again.
    pub fn answered(&mut self) {
        self.open = None;
        self.failures = FAILURES - 1;
    }

    /// A request was answered to its end.
    pub fn succeeded(&mut self) {
        (self.failures, self.open) = (0, None);
    }

    /// The one that tried ended without an outcome: the next may try.
    pub fn abandoned(&mut self) {
        if let Some(open) = &mut self.open {
            open.trying = false;
        }
    }

    /// `tried`: whether it was the request that tried. Others were sent before the breaker opened and say nothing new.
    pub fn failed(&mut self, now: Time, tried: bool) {
        self.failures = self.failures.saturating_add(1);
        let length = match self.open {
            Some(open) if tried => (open.length * 2).min(LONGEST),
            None if self.failures >= FAILURES => FIRST,
            Some(_) | None => return,
        };
        self.open = Some(Open { until: now + length, length, trying: false });
    }

    /// It asked not to be called before `until`.
    pub fn rests(&mut self, until: Time) {
        self.rests_until = self.rests_until.max(Some(until));
        self.abandoned();
    }

    /// How long it asked to be left alone, if it still does and nothing worse is known of it.
    pub fn rests_until(&self, now: Time) -> Option<Time> {
        self.rests_until.filter(|until| now < *until && self.open.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(0);

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert!(breaker.lets_through(START));
            assert!(!breaker.went_through());
            breaker.failed(START, false);
        }
        breaker
    }

    #[test]
    fn opens_lets_one_try_and_closes() {
        let mut breaker = opened();
        assert!(!breaker.lets_through(START + Duration::from_millis(4_999)));
        let later = START + FIRST;
        assert!(breaker.lets_through(later));
        assert!(breaker.went_through());
        assert!(!breaker.lets_through(later), "only one may try");
        assert_eq!(breaker.health(later), Health::Trying);
        breaker.succeeded();
        assert_eq!(breaker.health(later), Health::Healthy);
    }

    #[test]
    fn a_failed_try_doubles_the_pause_up_to_a_minute() {
        let (mut breaker, mut now) = (opened(), START);
        for seconds in [5, 10, 20, 40, 60, 60] {
            let until = now + Duration::from_secs(seconds);
            assert!(!breaker.lets_through(until - Duration::from_millis(1)), "{seconds}");
            now = until;
            assert!(breaker.lets_through(now) && breaker.went_through());
            breaker.failed(now, true);
        }
    }

    #[test]
    fn who_answers_and_breaks_off_is_left_alone_again() {
        let mut breaker = opened();
        let later = START + FIRST;
        breaker.went_through();
        breaker.answered();
        assert!(breaker.lets_through(later));
        breaker.failed(later, false);
        assert!(!breaker.lets_through(later));
    }

    #[test]
    fn an_abandoned_try_lets_the_next_one_try() {
        let mut breaker = opened();
        let later = START + FIRST;
        breaker.went_through();
        breaker.abandoned();
        assert!(breaker.lets_through(later));
    }

    #[test]
    fn one_success_forgets_failures() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES - 1 {
            breaker.failed(START, false);
        }
        breaker.succeeded();
        breaker.failed(START, false);
        assert!(breaker.lets_through(START));
    }

    #[test]
    fn rests_as_long_as_it_asked() {
        let mut breaker = Breaker::default();
        breaker.rests(START + Duration::from_secs(7));
        breaker.rests(START + Duration::from_secs(2));
        assert!(!breaker.lets_through(START + Duration::from_secs(6)));
        assert_eq!(breaker.health(START), Health::Resting);
        assert!(breaker.lets_through(START + Duration::from_secs(7)));
    }
}
