//! Whom a message is for or from, parsed once at the edge: a phone number, a US short code, an e-mail address (on
//! iMessage) or one of our groups. Says what an address is, not whether anybody can be reached there.

mod number;

use std::fmt;

use crate::id::GroupId;
pub use number::{E164, Region};

/// Why a text is no address. The sentence is meant for whoever sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressProblem {
    #[error("is not a phone number, short code, e-mail address or group id")]
    Unreadable,
    #[error("has the wrong number of digits for a phone number")]
    Length,
    #[error("belongs to no country's numbering plan")]
    UnknownCountry,
    #[error("is an emergency or service number, which cannot be texted or called")]
    Emergency,
    #[error("is not an e-mail address")]
    Email,
}

/// One person, service or group, in the only spelling that is stored.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Address {
    Phone(E164),
    /// 3 to 6 digits.
    ShortCode(String),
    /// The domain is lower case; the part before the `@` is kept as it came.
    Email(String),
    Group(GroupId),
}

impl Address {
    /// Reads any common notation; numbers without a country code belong to `region`.
    pub fn parse(text: &str, region: Region) -> Result<Self, AddressProblem> {
        let text = text.trim();
        if text.starts_with(GroupId::PREFIX) {
            return group(text);
        }
        if text.contains('@') {
            return email(text);
        }
        if (3..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            number::refuse_emergency(text)?;
            return Ok(Self::ShortCode(text.to_owned()));
        }
        E164::parse(text, region).map(Self::Phone)
    }

    /// An address that was parsed before it was stored.
    pub fn from_stored(text: impl Into<String>) -> Self {
        let text = text.into();
        match text.as_bytes().first() {
            Some(b'+') => Self::Phone(E164::from_stored(text)),
            _ if text.contains('@') => Self::Email(text),
            Some(b'0'..=b'9') => Self::ShortCode(text),
            Some(_) | None => Self::Group(GroupId::from_text(text)),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(number) => number.as_str(),
            Self::ShortCode(text) | Self::Email(text) => text,
            Self::Group(id) => id.as_str(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

fn group(text: &str) -> Result<Address, AddressProblem> {
    let named = text.len() > GroupId::PREFIX.len() && text.len() <= 100;
    if named && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
        return Ok(Address::Group(GroupId::from_text(text)));
    }
    Err(AddressProblem::Unreadable)
}

/// The shape of RFC 5321 without quoting and without addresses in brackets.
fn email(text: &str) -> Result<Address, AddressProblem> {
    let (local, domain) = text.rsplit_once('@').ok_or(AddressProblem::Email)?;
    let odd = |it: char| it.is_whitespace() || it.is_control() || "@\"(),:;<>[]\\".contains(it);
    let local_is_good = (1..=64).contains(&local.len())
        && !local.contains(odd)
        && local.split('.').all(|atom| !atom.is_empty());
    let label_is_good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|it| it.is_alphanumeric() || it == '-')
    };
    let domain_is_good = domain.contains('.') && domain.split('.').all(label_is_good);
    if local_is_good && domain_is_good && text.len() <= 254 {
        return Ok(Address::Email(format!("{local}@{}", domain.to_lowercase())));
    }
    Err(AddressProblem::Email)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Address, AddressProblem> {
        Address::parse(text, Region::US)
    }

    #[test]
    fn each_kind_is_told_from_its_spelling() {
        let phone = |text: &str| Ok(Address::Phone(E164::from_stored(text)));
        assert_eq!(parse(" (415) 555-0142 "), phone("+14155550142"));
        assert_eq!(parse("262966"), Ok(Address::ShortCode("262966".into())));
        assert_eq!(parse("311"), Err(AddressProblem::Emergency));
        assert_eq!(parse("Ada.L+x@Mail.EXAMPLE"), Ok(Address::Email("Ada.L+x@mail.example".into())));
        assert_eq!(parse("grp_0s8d"), Ok(Address::Group(GroupId::from_text("grp_0s8d"))));
        for text in [
            "", "12", "5550142", "grp_", "grp_a b", "grp_'", "hello", "+", "a@b", "@b.c", "a@b..c", "a b@c.d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["a@-b.c", "a..b@c.d", "a@b@c.d", "a@b.c\u{0}", &format!("{}@b.c", "a".repeat(65))] {
            assert_eq!(parse(text), Err(AddressProblem::Email), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_parsed_stays(text in r"(\PC{0,40}|[+]?[-0-9 ().]{0,20}|[a-z.]{0,9}@[A-Z.-]{0,9})") {
            if let Ok(address) = parse(&text) {
                prop_assert_eq!(parse(address.as_str()), Ok(address.clone()));
                prop_assert_eq!(Address::from_stored(address.as_str()), address);
            }
        }
    }
}
