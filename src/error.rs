//! The one error of the house. What a caller may see has a stable [`Code`]; everything else is behind `anyhow`
//! and reaches a caller only as `INTERNAL_ERROR`. How an error looks on each door is decided in `http/`.

use std::fmt;

use crate::words;

words! {
    /// The stable codes of the contract, sections 2.1 and 2.3.
    Code {
        ChannelNotSupported = "CHANNEL_NOT_SUPPORTED",
        ReactionNotSupported = "REACTION_NOT_SUPPORTED",
        NoSendingNumber = "NO_SENDING_NUMBER",
        BodyTooLong = "BODY_TOO_LONG",
        MediaNotUsable = "MEDIA_NOT_USABLE",
        Unauthorized = "UNAUTHORIZED",
        AllowanceExhausted = "ALLOWANCE_EXHAUSTED",
        RegistrationRequired = "REGISTRATION_REQUIRED",
        RecipientOptedOut = "RECIPIENT_OPTED_OUT",
        NumberSuspended = "NUMBER_SUSPENDED",
        NotFound = "NOT_FOUND",
        NotAvailable = "NOT_AVAILABLE",
        AgentNotFound = "AGENT_NOT_FOUND",
        PhoneNumberNotFound = "PHONE_NUMBER_NOT_FOUND",
        NumberNotFound = "NUMBER_NOT_FOUND",
        ConversationNotFound = "CONVERSATION_NOT_FOUND",
        MessageNotFound = "MESSAGE_NOT_FOUND",
        GroupNotFound = "GROUP_NOT_FOUND",
        SubAccountNotFound = "SUB_ACCOUNT_NOT_FOUND",
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
        IdempotencyInProgress = "IDEMPOTENCY_IN_PROGRESS",
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        Validation = "VALIDATION_ERROR",
        NumberLimit = "VALIDATION_ERROR_NUMBER_LIMIT",
        RateLimitExceeded = "RATE_LIMIT_EXCEEDED",
        NewContactLimit = "NEW_CONTACT_LIMIT",
        Internal = "INTERNAL_ERROR",
        Carrier = "CARRIER_ERROR",
        InvalidAudio = "INVALID_AUDIO",
        VoiceNotFound = "VOICE_NOT_FOUND",
        VoiceNotAvailable = "VOICE_NOT_AVAILABLE",
        ContextLengthExceeded = "CONTEXT_LENGTH_EXCEEDED",
        ModelNotFound = "MODEL_NOT_FOUND",
        Backend = "BACKEND_ERROR",
        Unavailable = "UNAVAILABLE",
    }
}

impl Code {
    /// The HTTP status of the /v1 door.
    pub const fn status(self) -> u16 {
        match self {
            Self::ChannelNotSupported
            | Self::ReactionNotSupported
            | Self::NoSendingNumber
            | Self::BodyTooLong
            | Self::MediaNotUsable
            | Self::InvalidAudio
            | Self::VoiceNotFound
            | Self::VoiceNotAvailable
            | Self::ContextLengthExceeded => 400,
            Self::Unauthorized => 401,
            Self::AllowanceExhausted => 402,
            Self::RegistrationRequired | Self::RecipientOptedOut | Self::NumberSuspended => 403,
            Self::NotFound
            | Self::NotAvailable
            | Self::AgentNotFound
            | Self::PhoneNumberNotFound
            | Self::NumberNotFound
            | Self::ConversationNotFound
            | Self::MessageNotFound
            | Self::GroupNotFound
            | Self::SubAccountNotFound
            | Self::ModelNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::IdempotencyKeyReused | Self::IdempotencyInProgress => 409,
            Self::PayloadTooLarge => 413,
            Self::Validation | Self::NumberLimit => 422,
            Self::RateLimitExceeded | Self::NewContactLimit => 429,
            Self::Internal | Self::Backend => 500,
            Self::Carrier => 502,
            Self::Unavailable => 503,
        }
    }

    /// The `type` that goes with the status.
    pub const fn kind(self) -> &'static str {
        match self.status() {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            409 => "conflict_error",
            422 => "validation_error",
            429 => "rate_limit_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        }
    }
}

/// One thing wrong with a request: where (`["body", "to_number"]`), what, and the machine's word for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub place: Place,
    pub field: String,
    pub message: String,
    /// `missing`, `type`, `value`, `json`, …
    pub kind: &'static str,
}

impl Problem {
    /// A body field whose value is not good.
    pub fn value(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: Place::Body, field: field.into(), message: message.into(), kind: "value" }
    }
}

words! {
    /// Which part of a request a [`Problem`] is in.
    Place {
        Body = "body",
        Query = "query",
        Path = "path",
        Header = "header",
    }
}

#[derive(Debug)]
pub enum Error {
    /// Well understood and refused; the sentence says why.
    Refused { code: Code, message: String },
    /// The request is malformed in itself: 422, every field named.
    Invalid(Vec<Problem>),
    /// Too much, too soon; try again after so many whole seconds.
    Later { code: Code, message: String, seconds: u64 },
    /// The database cannot take or give anything now; nothing was stored.
    Storage(Storage),
    /// A fault of ours. The caller learns nothing but the code.
    Internal(anyhow::Error),
}

/// What kept the database from doing a unit of work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Storage {
    /// Lost against a concurrent transaction; the same unit may succeed next time.
    Conflict,
    /// A row of that key is there already, written by somebody else since the unit looked.
    Duplicate(String),
    /// More work is waiting than is sensible to accept.
    Overloaded,
    /// Disk full, database locked or away: the unit was certainly not stored.
    Unavailable(String),
    /// The commit's answer was lost: the unit may or may not have been stored.
    OutcomeUnknown(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    /// A single malformed body field.
    pub fn field(field: &str, kind: &'static str, message: impl Into<String>) -> Self {
        Self::at(Place::Body, field, kind, message)
    }

    /// A single malformed value anywhere in the request.
    pub fn at(place: Place, field: &str, kind: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Problem { place, field: field.to_owned(), message: message.into(), kind }])
    }

    /// "No `what` with id `id`", as 404.
    pub fn missing(code: Code, what: &str, id: impl fmt::Display) -> Self {
        Self::refused(code, format!("No {what} with id {id}"))
    }

    pub fn code(&self) -> Code {
        match self {
            Self::Refused { code, .. } | Self::Later { code, .. } => *code,
            Self::Invalid(_) => Code::Validation,
            Self::Storage(_) => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// The same trouble of the database once more, for the next one that it concerns.
    #[must_use]
    pub fn again(&self) -> Self {
        match self {
            Self::Storage(storage) => Self::Storage(storage.clone()),
            other => Self::Internal(anyhow::anyhow!("{other}")),
        }
    }

    /// The same trouble for a request that has done something already: nobody may be told that nothing was done.
    #[must_use]
    pub fn after_the_fact(self) -> Self {
        match self {
            Self::Storage(trouble) => Self::Storage(Storage::OutcomeUnknown(format!("{trouble:?}"))),
            other => other,
        }
    }

    /// Whether the same unit of work may be stored when it is tried again.
    pub const fn is_storage(&self) -> bool {
        matches!(self, Self::Storage(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message, .. } | Self::Later { message, .. } => f.write_str(message),
            Self::Invalid(problems) => match problems.first() {
                Some(problem) => f.write_str(&problem.message),
                None => f.write_str("The request is malformed"),
            },
            Self::Storage(Storage::Overloaded) => f.write_str("The server is busy; try again in a moment"),
            Self::Storage(Storage::OutcomeUnknown(_)) => {
                f.write_str("The database's answer was lost; it is not known whether this was stored")
            }
            Self::Storage(_) => f.write_str("The database cannot store anything right now; nothing was done"),
            Self::Internal(_) => f.write_str("Something went wrong on our side"),
        }
    }
}

impl std::error::Error for Error {}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
