//! Lists: the query parameters that pages share, and the shapes they come back in.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Time;
use crate::error::{Error, Place, Result};

/// `limit` and `offset` of an offset list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Page {
    /// How many to answer.
    #[param(minimum = 1, maximum = 100)]
    #[serde(deserialize_with = "whole_number")]
    limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0)]
    #[serde(deserialize_with = "whole_number")]
    offset: Option<i64>,
}

/// A checked page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub limit: i64,
    pub offset: i64,
}

impl Page {
    /// The page with `default` rows unless asked otherwise, and `most` at most.
    pub fn range(&self, default: i64, most: i64) -> Result<Range> {
        let limit = within("limit", self.limit.unwrap_or(default), 1, most)?;
        Ok(Range { limit, offset: within("offset", self.offset.unwrap_or(0), 0, i64::MAX)? })
    }
}

/// `limit`, `before` and `after` of a message list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Bounds {
    /// How many to answer: 1–200, 50 unless asked otherwise.
    #[param(minimum = 1, maximum = 200)]
    #[serde(deserialize_with = "whole_number")]
    limit: Option<i64>,
    /// Only messages before this moment (ISO 8601).
    before: Option<String>,
    /// Only messages after this moment (ISO 8601).
    after: Option<String>,
}

/// Checked bounds of a message list.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub limit: i64,
    pub before: Option<Time>,
    pub after: Option<Time>,
}

impl Bounds {
    pub fn span(&self) -> Result<Span> {
        Ok(Span {
            limit: within("limit", self.limit.unwrap_or(50), 1, 200)?,
            before: moment("before", self.before.as_deref())?,
            after: moment("after", self.after.as_deref())?,
        })
    }
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<Time>> {
    let Some(text) = text else { return Ok(None) };
    // A `+` of an offset that was not escaped arrives as a space.
    let time = Time::parse(text).or_else(|| Time::parse(&text.replace(' ', "+")));
    let problem = || Error::at(Place::Query, name, "value", format!("{name} must be an ISO 8601 time"));
    time.map(Some).ok_or_else(problem)
}

/// `value` if it lies in `least..=most`.
pub fn within(name: &str, value: i64, least: i64, most: i64) -> Result<i64> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let message = if most == i64::MAX {
        format!("{name} must be at least {least}")
    } else {
        format!("{name} must be between {least} and {most}")
    };
    Err(Error::at(Place::Query, name, "value", message))
}

/// A whole number that comes as the text of a query parameter.
pub fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| serde::de::Error::custom("must be a whole number"))
}

/// An offset list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    pub data: Vec<T>,
    pub has_more: bool,
    pub total: i64,
}

impl<T> List<T> {
    pub fn new(data: Vec<T>, total: i64, range: Range) -> Self {
        let seen = range.offset.saturating_add(i64::try_from(data.len()).unwrap_or(i64::MAX));
        Self { data, has_more: total > seen, total }
    }
}

/// A message list: each page oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageList<T> {
    pub data: Vec<T>,
    pub has_more: bool,
}

/// `{"success": true}`
#[derive(Debug, Serialize, ToSchema)]
pub struct Success {
    pub success: bool,
}

impl Success {
    pub const YES: Self = Self { success: true };
}
