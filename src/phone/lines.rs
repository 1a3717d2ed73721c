//! What the carriers of our numbers can do, as plain data for the nouns, which know no carrier.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

/// What one carrier can do, and whether it can take messages now.
#[derive(Clone, Debug)]
pub struct Ability {
    pub sms: bool,
    pub mms: bool,
    pub imessage: bool,
    pub emoji_reactions: bool,
    pub can_be_asked: bool,
    pub up: watch::Receiver<bool>,
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
