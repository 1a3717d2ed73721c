//! What goes wrong next: the switches of `PUT /sim/faults`. They belong to the state, so a network that starts
//! again still has the same faults.

use serde::{Deserialize, Serialize};

/// The faults as they stand. Times in milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Faults {
    /// Submits are taken at once and answered this much later.
    pub accept_delay_ms: u64,
    /// How many hand-overs (texts, reactions, backgrounds, group names) are still to be refused.
    pub refuse_next: u64,
    /// How many texts are still to be taken without an answer.
    pub withhold_next: u64,
    /// A delivery receipt follows so much after the answer.
    pub receipt_delay_ms: u64,
    /// No server is connected to the network, and none can connect.
    pub link_down: bool,
}

/// A change of faults: what is absent stays.
#[derive(Clone, Copy, Default, Debug, Deserialize)]
pub struct FaultChange {
    pub accept_delay_ms: Option<u64>,
    pub refuse_next: Option<u64>,
    pub withhold_next: Option<u64>,
    /// Answers everything that is being withheld.
    pub release: Option<bool>,
    pub receipt_delay_ms: Option<u64>,
    pub link_down: Option<bool>,
}

impl Faults {
    pub fn changed_by(self, change: FaultChange) -> Self {
        Self {
            accept_delay_ms: change.accept_delay_ms.unwrap_or(self.accept_delay_ms),
            refuse_next: change.refuse_next.unwrap_or(self.refuse_next),
            withhold_next: change.withhold_next.unwrap_or(self.withhold_next),
            receipt_delay_ms: change.receipt_delay_ms.unwrap_or(self.receipt_delay_ms),
            link_down: change.link_down.unwrap_or(self.link_down),
        }
    }
}
