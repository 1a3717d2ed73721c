//! The few words that carriers and the phone share: by which channel a text travels, and why one failed.
//! A leaf: it knows neither of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Declares a closed set of words, each with the spelling that API and tables use. (The spelling is a `tt`, because a
/// derive does not see into a `literal`.)
#[macro_export]
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:tt,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl $crate::id::TextForm for $name {
            fn from_text_form(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or(text)
            }

            fn text_form(&self) -> &str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// So many pictures of one text that came are kept; each becomes a message.
pub const PICTURES: usize = 100;

words! {
    /// How a message travels. MMS is an SMS with media; RCS and WhatsApp come later.
    Channel {
        Sms = "sms",
        Mms = "mms",
        Imessage = "imessage",
    }
}

impl Channel {
    /// The cellular channel for a message with or without media.
    pub const fn cellular(has_media: bool) -> Self {
        if has_media { Self::Mms } else { Self::Sms }
    }
}

words! {
    /// Why a message failed or is in doubt: `errorCode` of the contract, section 4.7.
    FailureCode {
        InvalidRecipient = "INVALID_RECIPIENT",
        Unreachable = "UNREACHABLE",
        Landline = "LANDLINE",
        CarrierRejected = "CARRIER_REJECTED",
        SpamFiltered = "SPAM_FILTERED",
        RecipientOptedOut = "RECIPIENT_OPTED_OUT",
        RegistrationRequired = "REGISTRATION_REQUIRED",
        BodyTooLong = "BODY_TOO_LONG",
        MediaNotUsable = "MEDIA_NOT_USABLE",
        MediaTooLarge = "MEDIA_TOO_LARGE",
        NewContactLimit = "NEW_CONTACT_LIMIT",
        /// It stayed queued for longer than its validity.
        Expired = "EXPIRED",
        CarrierUnavailable = "CARRIER_UNAVAILABLE",
        /// The hand-over broke off; the carrier may or may not have it.
        DeliveryUnconfirmed = "DELIVERY_UNCONFIRMED",
        InternalError = "INTERNAL_ERROR",
    }
}

impl FailureCode {
    /// Whether what iMessage refused so may be taken by SMS or MMS.
    pub const fn another_channel_may_take(self) -> bool {
        match self {
            Self::InvalidRecipient
            | Self::Unreachable
            | Self::Landline
            | Self::CarrierRejected
            | Self::SpamFiltered
            | Self::NewContactLimit => true,
            Self::RecipientOptedOut
            | Self::RegistrationRequired
            | Self::BodyTooLong
            | Self::MediaNotUsable
            | Self::MediaTooLarge
            | Self::Expired
            | Self::CarrierUnavailable
            | Self::DeliveryUnconfirmed
            | Self::InternalError => false,
        }
    }
}

/// A failure as rows and events carry it: the code and one sentence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    pub code: FailureCode,
    pub reason: String,
}
