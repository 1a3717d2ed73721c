//! The three states of a field in a change: left out, null, a value. Serde alone cannot tell the first two apart.

use serde::{Deserialize, Deserializer};

/// What a field shall become. In a struct with `#[serde(default)]`, a field left out is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Change<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Change<T> {
    /// What it is afterwards.
    pub fn over(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The same change with its value checked or read.
    pub fn try_map<U, E>(self, read: impl FnOnce(T) -> Result<U, E>) -> Result<Change<U>, E> {
        match self {
            Self::Keep => Ok(Change::Keep),
            Self::Clear => Ok(Change::Clear),
            Self::Set(value) => read(value).map(Change::Set),
        }
    }
}

impl Change<String> {
    /// Like [`Change::over`], for texts that `""` clears too.
    pub fn over_text(self, before: Option<String>) -> Option<String> {
        self.over(before).filter(|text| !text.is_empty())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Body {
        text: Change<String>,
    }

    #[test]
    fn absent_keeps_and_null_or_nothing_clears() {
        let after = |json: &str| {
            let body: Body = serde_json::from_str(json).unwrap();
            body.text.over_text(Some("before".to_owned()))
        };
        assert_eq!(after("{}").as_deref(), Some("before"));
        assert_eq!(after(r#"{"text":null}"#), None);
        assert_eq!(after(r#"{"text":""}"#), None);
        assert_eq!(after(r#"{"text":"after"}"#).as_deref(), Some("after"));
        assert!(serde_json::from_str::<Body>(r#"{"text":5}"#).is_err());
    }
}
