//! The three states of a field in a change: absent, null, a value. Serde alone cannot tell the first two apart.

use serde::{Deserialize, Deserializer};

/// For fields of the type `Option<Option<T>>` with `#[serde(default)]`: absent stays `None`, null is `Some(None)`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A text that may be cleared, by null or by `""`: what it is afterwards.
pub fn cleared(change: Option<Option<String>>, before: Option<String>) -> Option<String> {
    change.map_or(before, |text| text.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Change {
        #[serde(default, deserialize_with = "present")]
        text: Option<Option<String>>,
    }

    #[test]
    fn absent_keeps_and_null_or_nothing_clears() {
        let after = |json: &str| {
            let change: Change = serde_json::from_str(json).unwrap();
            cleared(change.text, Some("before".to_owned()))
        };
        assert_eq!(after("{}").as_deref(), Some("before"));
        assert_eq!(after(r#"{"text":null}"#), None);
        assert_eq!(after(r#"{"text":""}"#), None);
        assert_eq!(after(r#"{"text":"after"}"#).as_deref(), Some("after"));
    }
}
