//! Between the nouns and the carriers: a hand-over becomes a carrier's plain data, its outcome a settlement.

use crate::app::App;
use crate::carriers::{Connection, MessageRef, Outbound, Outcome, Target, Text};
use crate::channel::{Failure, FailureCode};
use crate::clock::Time;
use crate::id::MessageId;
use crate::phone::acts::{self, Deed};
use crate::phone::messages::receive;
use crate::phone::messages::send::{self, Handover};
use crate::phone::messages::settle::Settlement;

use super::carrier_pause;

/// The connection to a number's carrier; why nothing can leave where there is none.
pub fn connection<'a>(app: &'a App, carrier: Option<&str>) -> Result<&'a Connection, Failure> {
    let reason = match carrier {
        Some(name) => match app.carrier(name) {
            Some(connection) => return Ok(connection),
            None => format!("The carrier {name:?} of this number is not configured"),
        },
        None => "The number was released before this could leave".to_owned(),
    };
    Err(Failure { code: FailureCode::CarrierUnavailable, reason })
}

/// `handover` as the carrier takes it.
pub fn text(handover: Handover) -> Outbound {
    Outbound::Text(Text {
        message_id: handover.message_id.to_string(),
        attempt: handover.attempt,
        from: handover.from,
        to: target(handover.to),
        channel: handover.channel,
        body: handover.body,
        media_urls: handover.media_urls,
        effect: handover.effect.map(|effect| effect.to_string()),
        reply_to: handover.reply_to.map(|(id, provider_id)| reference(&id, provider_id)),
    })
}

/// An act as the carrier takes it.
pub fn act(handover: acts::Handover) -> Outbound {
    let acts::Handover { id, from, to, deed, .. } = handover;
    let (id, to) = (id.to_string(), target(to));
    match deed {
        Deed::Reaction { message, provider_id, reaction } => {
            let message = reference(&message, provider_id);
            Outbound::Reaction { id, from, to, message, reaction }
        }
        Deed::Typing => Outbound::Typing { from, to },
        Deed::Background { image_url } => Outbound::Background { id, from, to, image_url },
        Deed::GroupName { name } => Outbound::GroupName { from, to, name },
    }
}

fn target(to: send::Target) -> Target {
    match to {
        send::Target::Person(person) => Target::Person(person),
        send::Target::Group { group_id, provider_id } => Target::Group { group_id, provider_id },
        send::Target::NewGroup { group_id, members } => Target::NewGroup { group_id, members },
    }
}

/// A message as its carrier knows it. The pictures of a carousel that came share the carrier's name of it.
pub fn reference(id: &MessageId, provider_id: Option<String>) -> MessageRef {
    let (provider_id, part) = provider_id.map_or((None, 0), |name| {
        let (whole, part) = receive::picture_of(&name);
        (Some(whole.to_owned()), part)
    });
    MessageRef { message_id: id.to_string(), provider_id, part }
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
