//! Deliveries as both doors show them, and the query parameters of their lists.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::{Range, whole_number, within};
use crate::clock::Time;
use crate::error::Result;
use crate::id::{DeliveryId, MessageId};
use crate::phone::deliveries::{Delivery, DeliveryStatus};
use crate::phone::events::Kind;

/// The longest window of hours: a year.
const MOST_HOURS: i64 = 8760;

/// One event on its way to one webhook.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryObject {
    #[schema(value_type = String)]
    id: DeliveryId,
    #[schema(value_type = Option<String>, required)]
    message_id: Option<MessageId>,
    event_type: Kind,
    /// The same as `eventType`.
    event: Kind,
    channel: String,
    status: DeliveryStatus,
    success: bool,
    #[schema(required)]
    http_status: Option<i64>,
    /// The same as `httpStatus`.
    #[schema(required)]
    status_code: Option<i64>,
    #[schema(required)]
    error_message: Option<String>,
    /// The first 2 KB.
    #[schema(required)]
    response_body: Option<String>,
    attempt_count: i64,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_attempt_at: Option<Time>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    next_retry_at: Option<Time>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    delivered_at: Option<Time>,
    #[schema(required)]
    response_ms: Option<i64>,
    #[schema(value_type = Option<String>, required)]
    reply_message_id: Option<MessageId>,
    #[schema(required)]
    reply_error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
}

impl From<Delivery> for DeliveryObject {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            message_id: delivery.message_id,
            event_type: delivery.kind,
            event: delivery.kind,
            channel: delivery.channel,
            status: delivery.status,
            success: delivery.status == DeliveryStatus::Success,
            http_status: delivery.http_status,
            status_code: delivery.http_status,
            error_message: delivery.error_message,
            response_body: delivery.response_body,
            attempt_count: delivery.attempt_count,
            last_attempt_at: delivery.last_attempt_at,
            next_retry_at: delivery.next_retry_at,
            delivered_at: delivery.delivered_at,
            response_ms: delivery.response_millis,
            reply_message_id: delivery.reply_message_id,
            reply_error: delivery.reply_error,
            created_at: delivery.created_at,
        }
    }
}

/// Deliveries as they are shown.
pub fn shown(deliveries: Vec<Delivery>) -> Vec<DeliveryObject> {
    deliveries.into_iter().map(DeliveryObject::from).collect()
}

/// Which deliveries to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Filter {
    /// How many to answer; 50 unless asked otherwise.
    #[param(minimum = 1, maximum = 200)]
    #[serde(deserialize_with = "whole_number")]
    limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0)]
    #[serde(deserialize_with = "whole_number")]
    offset: Option<i64>,
    /// Only those of the last hours.
    #[param(minimum = 1, maximum = 8760)]
    #[serde(deserialize_with = "whole_number")]
    hours: Option<i64>,
}

impl Filter {
    pub fn range(&self) -> Result<Range> {
        let limit = within("limit", self.limit.unwrap_or(50), 1, 200)?;
        Ok(Range { limit, offset: within("offset", self.offset.unwrap_or(0), 0, i64::MAX)? })
    }

    /// The beginning of the window; without one, of all time.
    pub fn since(&self, now: Time) -> Result<Time> {
        let Some(hours) = self.hours else { return Ok(Time::default()) };
        let hours = within("hours", hours, 1, MOST_HOURS)?;
        Ok(Time::from_millis(now.millis() - hours * 3_600_000))
    }
}

/// Over which hours to count.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Window {
    /// The last so many hours; 24 unless asked otherwise.
    #[param(minimum = 1, maximum = 8760)]
    #[serde(deserialize_with = "whole_number")]
    hours: Option<i64>,
}

impl Window {
    pub fn hours(&self) -> Result<i64> {
        within("hours", self.hours.unwrap_or(24), 1, MOST_HOURS)
    }
}
