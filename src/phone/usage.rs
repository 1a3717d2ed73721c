//! The meter: one appended row for what is counted, in the transaction of what it counts. Outbound messages are
//! counted when a carrier has accepted them, inbound ones when they are stored. Prices and reports come later.

use crate::channel::Channel;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, MessageId, NumberId};
use crate::phone::messages::Direction;

/// What of a message counts.
pub struct Counted<'a> {
    pub account: &'a AccountId,
    pub number: &'a NumberId,
    pub message: &'a MessageId,
    pub direction: Direction,
    pub channel: Channel,
    /// SMS segments.
    pub segments: i64,
    pub at: Time,
}

/// Appends one row: segments of an SMS, one MMS, or one iMessage.
pub fn count(tx: &mut Tx<'_>, counted: &Counted<'_>) -> Result<()> {
    let (kind, quantity) = match counted.channel {
        Channel::Sms => ("sms_segment", counted.segments),
        Channel::Mms => ("mms", 1),
        Channel::Imessage => ("imessage", 1),
    };
    tx.execute(
        "INSERT INTO usage (account_id, number_id, message_id, kind, direction, quantity, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            counted.account,
            counted.number,
            counted.message,
            &kind,
            &counted.direction,
            &quantity,
            &counted.at,
        ],
    )?;
    Ok(())
}
