//! What the carriers of our numbers can do, as plain data for the nouns, which know no carrier.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::db::Tx;
use crate::error::Result;
use crate::id::AccountId;
use crate::phone::numbers::NumberKind;

/// What one carrier can do, and whether it can take messages now.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that a carrier can do or not")]
pub struct Ability {
    pub sms: bool,
    pub mms: bool,
    pub imessage: bool,
    pub reactions: bool,
    pub emoji_reactions: bool,
    pub replies: bool,
    pub effects: bool,
    pub backgrounds: bool,
    pub groups: bool,
    pub typing: bool,
    /// Its numbers are each worked by one process at a time.
    pub exclusive: bool,
    /// How many persons each of its lines may write to by iMessage in a day.
    pub daily: DailyLimits,
    pub up: watch::Receiver<bool>,
}

/// Persons that a line may write to by iMessage in a day (UTC), answers within 24 hours not counted. `None`: no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DailyLimits {
    /// Those who never wrote first.
    pub strangers: Option<i64>,
    /// Those who wrote first.
    pub callers: Option<i64>,
}

impl Ability {
    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }
}

/// Abilities by the carrier's name.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<HashMap<String, Ability>>);

impl Lines {
    pub fn new(abilities: HashMap<String, Ability>) -> Self {
        Self(Arc::new(abilities))
    }

    pub fn get(&self, carrier: &str) -> Option<&Ability> {
        self.0.get(carrier)
    }
}

/// The numbers in service on one carrier, each with whether it does iMessage.
pub fn of_carrier(tx: &mut Tx<'_>, carrier: &str) -> Result<Vec<(String, bool)>> {
    tx.query(
        "SELECT e164, kind FROM numbers WHERE carrier = ?1 AND status <> 'released'",
        &[&carrier],
        |row| Ok((row.get(0)?, row.get::<NumberKind>(1)? == NumberKind::Imessage)),
    )
}

/// An account's oldest iMessage number in service, with its carrier.
pub fn first_imessage(tx: &mut Tx<'_>, account: &AccountId) -> Result<Option<(String, String)>> {
    tx.optional(
        "SELECT e164, carrier FROM numbers WHERE account_id = ?1 AND status = 'active' AND kind = 'imessage'
         ORDER BY created_at, id LIMIT 1",
        &[account],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}
