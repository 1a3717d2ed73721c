//! The fields of a JSON object as slices of its text, so that a body of many megabytes is checked and passed on without
//! being taken apart. Of equal names the last counts. No request of this protocol has many: an object with more than
//! [`MOST`] is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Fields of one object. Each is looked for among all, so there must not be many.
const MOST: usize = 256;

/// A JSON object whose values are still text.
pub struct Fields<'a>(Vec<(String, &'a str)>);

impl<'a> Fields<'a> {
    /// The text of a field, if it is there and not null.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, text)| *text);
        found.filter(|text| *text != "null")
    }

    /// Gives a field another value, which must be JSON.
    pub fn set(&mut self, name: &str, text: &'a str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => *value = text,
            None => self.0.push((name.to_owned(), text)),
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The object as text again.
    pub fn text(&self) -> String {
        let length: usize = self.0.iter().map(|(name, text)| name.len() + text.len() + 4).sum();
        let mut out = String::with_capacity(length + 2);
        for (name, text) in &self.0 {
            out.push(if out.is_empty() { '{' } else { ',' });
            out.push_str(&serde_json::to_string(name).expect("a name is text"));
            out.push(':');
            out.push_str(text);
        }
        if out.is_empty() {
            out.push('{');
        }
        out.push('}');
        out
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields(Vec::with_capacity(8));
        while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
            fields.set(&name, value.get());
            if fields.0.len() > MOST {
                return Err(A::Error::custom(format_args!("an object has at most {MOST} fields here")));
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_the_same_but_for_what_was_changed() {
        let text = r#"{"a": [1,  2], "model":"x", "k\"ey":{"deep": [null]}, "a": 1.50, "n": null}"#;
        let mut fields: Fields<'_> = serde_json::from_str(text).unwrap();
        assert_eq!((fields.get("a"), fields.get("n"), fields.get("z")), (Some("1.50"), None, None));
        fields.remove("model");
        fields.set("stream", "true");
        assert_eq!(fields.text(), r#"{"a":1.50,"k\"ey":{"deep": [null]},"n":null,"stream":true}"#);
    }

    #[test]
    fn many_fields_are_refused_and_equal_names_are_one() {
        let of = |count: usize, name: &dyn Fn(usize) -> String| {
            let fields: Vec<_> = (0..count).map(|field| format!("\"{}\":{field}", name(field))).collect();
            format!("{{{}}}", fields.join(","))
        };
        let read = |text: String| serde_json::from_str::<Fields<'_>>(&text).map(|fields| fields.0.len()).ok();
        let numbered = |field: usize| format!("k{field}");
        assert_eq!(read(of(MOST, &numbered)), Some(MOST));
        assert_eq!(read(of(MOST + 1, &numbered)), None);
        assert_eq!(read(of(100_000, &|_| "same".to_owned())), Some(1));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", "\"a\"", "{", "{\"a\":}", "null", ""] {
            assert!(serde_json::from_str::<Fields<'_>>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Fields<'_>>("{}").unwrap().text(), "{}");
    }
}
