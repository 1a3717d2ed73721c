//! How many there are, for lists that tell. Counted exactly while it is quick; a large count is remembered for a
//! few seconds, because nobody pages through a hundred thousand rows by their exact number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::id::{AccountId, AgentId};
use crate::phone::conversations;

/// Counted anew at every request up to here.
const EXACT: i64 = 1_000;
/// A large count is taken as it is for so long, for every ten thousand of it: counting costs as much more…
const REMEMBERED: Duration = Duration::from_secs(5);
/// …but for so long at most…
const LONGEST: Duration = Duration::from_mins(1);
/// …and for so much longer while it is being counted anew.
const ANSWERED: Duration = Duration::from_mins(1);

/// Large counts of a moment ago.
#[derive(Clone, Default)]
pub struct Totals(Arc<Mutex<HashMap<Counted, Count>>>);

/// Whose conversations were counted.
type Counted = (AccountId, Option<AgentId>);

#[derive(Clone, Copy)]
struct Count {
    total: i64,
    counted_at: Time,
    /// Somebody counts anew.
    is_renewed: bool,
}

impl Count {
    /// When it is to be counted anew.
    fn old_at(&self) -> Time {
        let ten_thousands = u32::try_from(self.total / 10_000).unwrap_or(u32::MAX).max(1);
        self.counted_at + REMEMBERED.saturating_mul(ten_thousands).min(LONGEST)
    }
}

impl Totals {
    /// How many conversations an account, or one agent of it, has.
    pub async fn conversations(&self, app: &App, account: AccountId, agent: Option<AgentId>) -> Result<i64> {
        let now = app.clock.now();
        let whose = (account, agent);
        let Some(known) = self.known(&whose, now) else { return self.count(app, whose).await };
        if now >= known.old_at() && !known.is_renewed {
            let (totals, here) = (self.clone(), app.clone());
            app.tasks.spawn(async move {
                if let Err(error) = totals.count(&here, whose.clone()).await {
                    tracing::debug!(%error, "a list's total could not be counted");
                    totals.counts().remove(&whose);
                }
            });
        }
        Ok(known.total)
    }

    /// A remembered count that may be answered. Whoever sees first that it is old is the one to count anew.
    fn known(&self, whose: &Counted, now: Time) -> Option<Count> {
        let mut counts = self.counts();
        let count = counts.get_mut(whose).filter(|count| now < count.old_at() + ANSWERED)?;
        let known = *count;
        count.is_renewed |= now >= known.old_at();
        Some(known)
    }

    async fn count(&self, app: &App, whose: Counted) -> Result<i64> {
        let counted_at = app.clock.now();
        let (account, agent) = whose.clone();
        let unit =
            move |tx: &mut crate::db::Tx<'_>| conversations::count(tx, &account, agent.as_ref(), i64::MAX);
        let total = app.db.read(unit).await?;
        if total > EXACT {
            self.counts().insert(whose, Count { total, counted_at, is_renewed: false });
        } else {
            self.counts().remove(&whose);
        }
        Ok(total)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Counted, Count>> {
        self.0.lock().expect("counting does not panic")
    }
}
