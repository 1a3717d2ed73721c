//! Between the nouns and the carriers: a hand-over becomes a carrier's plain data, its outcome a settlement.

use crate::carriers::{MessageRef, Outbound, Outcome, Target, Text};
use crate::clock::Time;
use crate::phone::messages::send::{self, Handover};
use crate::phone::messages::settle::Settlement;

use super::carrier_pause;

/// `handover` as the carrier takes it.
pub fn text(handover: Handover) -> Outbound {
    Outbound::Text(Text {
        message_id: handover.message_id.to_string(),
        attempt: handover.attempt,
        from: handover.from,
        to: match handover.to {
            send::Target::Person(person) => Target::Person(person),
            send::Target::Group { group_id, provider_id } => Target::Group { group_id, provider_id },
            send::Target::NewGroup { group_id, members } => Target::NewGroup { group_id, members },
        },
        channel: handover.channel,
        body: handover.body,
        media_urls: handover.media_urls,
        effect: handover.effect.map(|effect| effect.to_string()),
        reply_to: handover
            .reply_to
            .map(|(id, provider_id)| MessageRef { message_id: id.to_string(), provider_id }),
    })
}

/// What the carrier's answer means for the message.
pub fn settlement(outcome: Outcome, now: Time, attempt: i64) -> Settlement {
    match outcome {
        Outcome::Accepted { provider_id, group_provider_id } => {
            Settlement::Sent { provider_id, group_provider_id }
        }
        Outcome::Refused(failure) => Settlement::Refused(failure),
        Outcome::NotOnChannel { reason } => Settlement::NotOnImessage { reason },
        Outcome::Later { after, reason } => {
            let pause = carrier_pause(attempt).max(after.unwrap_or_default());
            Settlement::Later { run_at: now + pause, reason }
        }
        Outcome::Unknown { reason } => Settlement::Unconfirmed { reason },
    }
}
