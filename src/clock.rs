//! Time, passed in. [`Clock`] is the system's (wall time at start plus monotonic time, slewed gently towards the
//! wall clock, so that a jump of the wall clock never makes time run backwards or leap) or a test's, which moves
//! only by hand. [`Time`] is a moment in unix milliseconds, the only form in which the database knows time.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A moment: milliseconds since 1970, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(i64);

impl Time {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads RFC 3339 with any offset and 0–9 fraction digits; a bare date or a time without offset is UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let parsed: Option<jiff::Timestamp> = text.parse().ok().or_else(|| {
            let civil: jiff::civil::DateTime = text.parse().ok()?;
            civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        });
        parsed.map(|moment| Self(moment.as_millisecond()))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;
    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Self;
    fn sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339, UTC, exactly three fraction digits and `Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{moment:.3}")
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

/// What time it is, and waiting for a later one.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System(Arc<System>),
    Manual(Arc<Manual>),
}

struct System {
    base: Instant,
    state: Mutex<Slew>,
    latest: AtomicI64,
}

/// `offset` is what is added to the monotonic reading; it moves towards the wall clock by at most 0.5 ms per ms.
struct Slew {
    offset_micros: i64,
    read_at: Instant,
}

struct Manual {
    now: watch::Sender<i64>,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place that may ask the system for the time")]
    pub fn system() -> Self {
        let base = Instant::now();
        let state = Mutex::new(Slew { offset_micros: wall_micros(), read_at: base });
        Self(Source::System(Arc::new(System { base, state, latest: AtomicI64::new(0) })))
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Time) -> Self {
        Self(Source::Manual(Arc::new(Manual { now: watch::Sender::new(start.millis()) })))
    }

    pub fn now(&self) -> Time {
        match &self.0 {
            Source::System(system) => Time(system.millis()),
            Source::Manual(manual) => Time(*manual.now.borrow()),
        }
    }

    /// Moves a manual clock on; the system's clock takes no orders.
    pub fn advance(&self, length: Duration) {
        if let Source::Manual(manual) = &self.0 {
            manual.now.send_modify(|now| *now = (Time(*now) + length).millis());
        }
    }

    /// Returns once `now()` has reached `moment`.
    pub async fn sleep_until(&self, moment: Time) {
        match &self.0 {
            Source::System(system) => loop {
                let left = moment.millis() - system.millis();
                if left <= 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left.unsigned_abs().min(60_000))).await;
            },
            Source::Manual(manual) => {
                let mut now = manual.now.subscribe();
                // An error means the clock is gone, and with it everyone who could still be waiting.
                let _ = now.wait_for(|now| *now >= moment.millis()).await;
            }
        }
    }

    pub async fn sleep(&self, length: Duration) {
        self.sleep_until(self.now() + length).await;
    }
}

impl System {
    #[expect(clippy::disallowed_methods, reason = "the one place that may ask the system for the time")]
    fn millis(&self) -> i64 {
        let now = Instant::now();
        let monotonic = i64::try_from(now.duration_since(self.base).as_micros()).unwrap_or(i64::MAX);
        let mut state = self.state.lock().expect("reading the clock does not panic");
        let since = now.saturating_duration_since(state.read_at);
        if since >= Duration::from_secs(1) {
            let error = wall_micros() - (state.offset_micros + monotonic);
            let most = i64::try_from(since.as_micros() / 2).unwrap_or(i64::MAX);
            state.offset_micros += error.clamp(-most, most);
            state.read_at = now;
        }
        let reading = (state.offset_micros + monotonic).div_euclid(1000);
        drop(state);
        self.latest.fetch_max(reading, Ordering::Relaxed).max(reading)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may ask the system for the time")]
fn wall_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
