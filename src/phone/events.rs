//! Events: what happened, for whoever asked to be told.

use crate::words;

words! {
    /// Every event there is, by its name on the wire.
    Kind {
        AgentMessage = "agent.message",
        AgentReaction = "agent.reaction",
        AgentCallEnded = "agent.call_ended",
        MessageSent = "message.sent",
        MessageDelivered = "message.delivered",
        MessageFailed = "message.failed",
        MessageRead = "message.read",
        MessageUnconfirmed = "message.unconfirmed",
        /// Of number webhooks.
        MessageInbound = "message.inbound",
    }
}
