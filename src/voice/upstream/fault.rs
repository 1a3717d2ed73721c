//! What went wrong at an upstream, as a caller may read it: no address, no key, no stack trace of theirs.

use serde_json::Value;

use super::answer::{Answered, BrokenOff};
use super::server::Silence;
use super::super::Fault;

/// How much of an error's body is read.
const ERROR_BODY: usize = 64 * 1024;

impl super::Model {
    pub(super) fn failed(&self, what: &str) -> Fault {
        Fault::Failed { message: format!("{}: {what}", self.0.settings.name) }
    }

    pub(super) fn silent(&self, silence: &Silence) -> Fault {
        tracing::warn!(model = self.0.settings.name, ?silence, "an upstream does not answer");
        match silence {
            Silence::Unreachable(_) => self.failed("the upstream cannot be reached"),
            Silence::TooSlow => self.failed("the upstream took too long"),
            Silence::Broken(_) => self.failed("the upstream broke off before it answered"),
        }
    }

    pub(super) fn broken_off(&self, why: &BrokenOff) -> Fault {
        tracing::warn!(model = self.0.settings.name, %why, "an upstream's answer broke off");
        self.failed("the upstream's answer broke off")
    }

    /// What an answer that is no success means.
    pub(super) async fn refused(&self, answered: Answered) -> Fault {
        let status = answered.status;
        let body = answered.body.whole(ERROR_BODY).await.unwrap_or_default();
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = error["error"]["message"].as_str().or(error["message"].as_str());
        if status.is_client_error() {
            let code = error["error"]["code"].as_str().map(str::to_owned);
            let message = said.map_or_else(|| format!("refused with status {status}"), str::to_owned);
            return Fault::Refused { code, message };
        }
        self.failed(&format!("the upstream answered with status {status}"))
    }
}
