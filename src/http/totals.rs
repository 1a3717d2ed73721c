//! How many there are, for lists that tell. Counted exactly while it is quick; a large count is remembered for a
//! few seconds, because nobody pages through a hundred thousand rows by their exact number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::app::App;
use crate::clock::Time;
use crate::error::Result;
use crate::id::{AccountId, AgentId};
use crate::phone::conversations;

/// Counted anew at every request up to here.
const EXACT: i64 = 1_000;
const REMEMBERED: Duration = Duration::from_secs(5);

/// Large counts of a moment ago.
#[derive(Clone, Default)]
pub struct Totals(Arc<Mutex<HashMap<Counted, (i64, Time)>>>);

/// Whose conversations were counted.
type Counted = (AccountId, Option<AgentId>);

impl Totals {
    /// How many conversations an account, or one agent of it, has.
    pub async fn conversations(&self, app: &App, account: AccountId, agent: Option<AgentId>) -> Result<i64> {
        let now = app.clock.now();
        let name = (account.clone(), agent.clone());
        let known = self.0.lock().expect("counting does not panic").get(&name).copied();
        if let Some((total, _)) = known.filter(|(_, until)| *until > now) {
            return Ok(total);
        }
        let unit =
            move |tx: &mut crate::db::Tx<'_>| conversations::count(tx, &account, agent.as_ref(), i64::MAX);
        let total = app.db.read(unit).await?;
        let mut counts = self.0.lock().expect("counting does not panic");
        if total > EXACT {
            counts.insert(name, (total, now + REMEMBERED));
        } else {
            counts.remove(&name);
        }
        Ok(total)
    }
}
