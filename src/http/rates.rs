//! API rate limits: a token bucket per key and class, in each process. They guard the API only; a burst of
//! messages within them is queued, never refused for a carrier's pace.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::http::{HeaderMap, HeaderValue, Method};

use crate::clock::Time;
use crate::config::RateLimits;
use crate::error::{Code, Error};
use crate::id::KeyId;

/// What a request counts as.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Class {
    Read,
    Write,
    WebhookChange,
    WebhookTest,
    NumberPurchase,
    NumberRelease,
}

impl Class {
    /// The class of a request, by its method and path.
    pub fn of(method: &Method, path: &str) -> Self {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Self::Read;
        }
        let path = path.trim_end_matches('/');
        if path.ends_with("/webhook/test") || path.ends_with("/webhooks/test") {
            Self::WebhookTest
        } else if path.ends_with("/webhook") || path.ends_with("/webhooks") {
            Self::WebhookChange
        } else if *method == Method::POST && path == "/v1/numbers" {
            Self::NumberPurchase
        } else if *method == Method::DELETE && path.starts_with("/v1/numbers/") {
            Self::NumberRelease
        } else {
            Self::Write
        }
    }

    /// How many per how many seconds; 0 is no limit.
    const fn limit(self, limits: &RateLimits) -> (u32, u32) {
        match self {
            Self::Read => (limits.reads_per_minute, 60),
            Self::Write => (limits.writes_per_minute, 60),
            Self::WebhookChange => (limits.webhook_changes_per_hour, 3600),
            Self::WebhookTest => (limits.webhook_tests_per_hour, 3600),
            Self::NumberPurchase => (limits.number_purchases_per_hour, 3600),
            Self::NumberRelease => (limits.number_releases_per_hour, 3600),
        }
    }
}

/// The buckets of every key that was seen.
#[derive(Default)]
pub struct Buckets(Mutex<HashMap<(KeyId, Class), Bucket>>);

struct Bucket {
    tokens: f64,
    at: Time,
}

/// What is left after a request, for the three headers.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    limit: u32,
    remaining: u32,
    reset: i64,
    retry_after: Option<u64>,
}

impl Buckets {
    /// Takes one request from the bucket; `None` when there is no limit.
    pub fn take(&self, limits: &RateLimits, key: &KeyId, class: Class, now: Time) -> Option<Left> {
        let (limit, seconds) = class.limit(limits);
        if limit == 0 {
            return None;
        }
        let per_milli = f64::from(limit) / f64::from(seconds) / 1000.0;
        let mut buckets = self.0.lock().expect("counting does not panic");
        let bucket =
            buckets.entry((key.clone(), class)).or_insert(Bucket { tokens: f64::from(limit), at: now });
        let passed = u32::try_from((now.millis() - bucket.at.millis()).max(0)).unwrap_or(u32::MAX);
        bucket.tokens = (bucket.tokens + f64::from(passed) * per_milli).min(f64::from(limit));
        bucket.at = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        let tokens = bucket.tokens;
        drop(buckets);
        let wait = |tokens: f64| (tokens / per_milli / 1000.0).ceil().max(0.0);
        Some(Left {
            limit,
            remaining: whole(tokens.floor()),
            reset: now.seconds() + i64::from(whole(wait(f64::from(limit) - tokens))),
            retry_after: (!allowed).then(|| u64::from(whole(wait(1.0 - tokens)).max(1))),
        })
    }
}

/// A small non-negative float as a whole number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range just before"
)]
fn whole(number: f64) -> u32 {
    number.clamp(0.0, f64::from(u32::MAX)) as u32
}

impl Left {
    /// The refusal, if the bucket was empty.
    pub fn refusal(&self) -> Option<Error> {
        self.retry_after.map(|seconds| Error::Later {
            code: Code::RateLimitExceeded,
            message: format!("Too many requests; try again in {seconds} s"),
            seconds,
        })
    }

    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(self.reset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::{Config, Profile};
    use crate::id::Ids;
    use std::time::Duration;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let variables = [("AGENTPHONE_RATE_LIMITS_WRITES_PER_MINUTE".to_owned(), "2".to_owned())];
        let config = Config::load(Profile::Development, None, variables).unwrap();
        let clock = Clock::manual(Time::from_millis(1_000_000));
        let key = KeyId::new(&Ids::from_seed(clock.clone(), 1));
        let buckets = Buckets::default();
        let take = |class| buckets.take(&config.rate_limits, &key, class, clock.now());
        assert!(take(Class::Read).is_none(), "reads are not limited here");
        assert_eq!(take(Class::Write).unwrap().remaining, 1);
        assert!(take(Class::Write).unwrap().refusal().is_none());
        let refused = take(Class::Write).unwrap();
        assert_eq!(refused.retry_after, Some(30));
        clock.advance(Duration::from_secs(30));
        assert!(take(Class::Write).unwrap().refusal().is_none());
    }
}
