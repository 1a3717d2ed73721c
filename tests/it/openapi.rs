//! `openapi.json` is what the code says, and says something of every answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

#[test]
fn the_checked_in_document_is_the_one_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == agentphone::http::openapi(),
        "openapi.json is not what the code says. Make it anew: cargo run --quiet -- openapi > openapi.json"
    );
}

/// What is rightly open.
const OPEN: [&str; 9] = [
    // The customer's own.
    "ConversationView.metadata",
    "List_ConversationView.data[].metadata",
    "Tool.parameters",
    // Null on every message there is; WhatsApp will fill it.
    "MessageView.content",
    "MessageList_MessageView.data[].content",
    // On group conversations all of them are there, on others none.
    "GroupKeys",
    // An engine's own answer.
    "Completion",
    "Completion.choices[]",
    "Completion.usage",
];

/// What the document leaves unsaid of its answers.
struct Gaps<'a> {
    schemas: &'a Value,
    /// Named schemas that were looked at, or are being looked at.
    seen: BTreeSet<&'a str>,
    found: BTreeSet<String>,
}

impl<'a> Gaps<'a> {
    /// Looks at `schema`, which stands at `place`, and at all that it is made of.
    fn look(&mut self, place: &str, schema: &'a Value) {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            if self.seen.insert(name) {
                self.look(name, &self.schemas[name]);
            }
            return;
        }
        let list = |key: &str| schema[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let parts: Vec<&Value> = ["allOf", "oneOf", "anyOf"].into_iter().flat_map(list).collect();
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            kinds => kinds.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        };
        for part in &parts {
            self.look(place, part);
        }
        if kinds.contains(&"array") {
            self.look(&format!("{place}[]"), &schema["items"]);
        }
        if kinds.contains(&"object") {
            self.look_at_object(place, schema);
        }
        if parts.is_empty() && kinds.is_empty() {
            self.note(place, "says nothing");
        }
    }

    fn look_at_object(&mut self, place: &str, schema: &'a Value) {
        let filled = |key: &str| schema[key].as_object().is_some_and(|map| !map.is_empty());
        if filled("additionalProperties") {
            return self.look(&format!("{place}{{}}"), &schema["additionalProperties"]);
        }
        if !filled("properties") {
            return self.note(place, "is an object of which nothing is said");
        }
        if schema["required"].as_array().is_none_or(Vec::is_empty) {
            self.note(place, "has only fields that may be missing");
        }
        for (name, property) in schema["properties"].as_object().unwrap() {
            self.look(&format!("{place}.{name}"), property);
        }
    }

    fn note(&mut self, place: &str, what: &str) {
        self.found.insert(format!("{place}: {what}"));
    }
}

#[test]
fn every_answer_has_a_schema() {
    let document: Value = serde_json::from_str(&agentphone::http::openapi()).unwrap();
    let schemas = &document["components"]["schemas"];
    let mut gaps = Gaps { schemas, seen: BTreeSet::new(), found: BTreeSet::new() };
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(responses) = operation["responses"].as_object() else { continue };
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} has no success");
            for (status, response) in responses.iter().filter(|(status, _)| *status != "204") {
                let place = format!("{method} {path} {status}");
                match response["content"].as_object().filter(|content| !content.is_empty()) {
                    Some(content) => content.values().for_each(|it| gaps.look(&place, &it["schema"])),
                    None => gaps.note(&place, "has no content"),
                }
            }
        }
    }
    gaps.found.retain(|gap| !OPEN.iter().any(|open| gap.split(": ").next() == Some(*open)));
    assert!(gaps.found.is_empty(), "what the document leaves unsaid of its answers: {:#?}", gaps.found);
}

#[test]
fn what_is_left_unsaid_is_seen_wherever_it_hides() {
    let schemas = json!({
        "Nothing": {},
        "Bare": {"type": "object"},
        "Loose": {"type": "object", "properties": {"id": {"type": "string"}}},
        "List": {"type": "object", "required": ["data"], "properties": {
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Nothing"}},
            "next": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Bare"}]},
            "more": {"allOf": [{"$ref": "#/components/schemas/Loose"}, {"$ref": "#/components/schemas/List"}]},
            "names": {"type": "object", "additionalProperties": {"type": "string"}},
        }},
    });
    let list = json!({"$ref": "#/components/schemas/List"});
    let mut gaps = Gaps { schemas: &schemas, seen: BTreeSet::new(), found: BTreeSet::new() };
    gaps.look("get /", &list);
    let places: Vec<&str> = gaps.found.iter().map(|gap| gap.split(':').next().unwrap()).collect();
    assert_eq!(places, ["Bare", "Loose", "Nothing"]);
}

/// Every list of allowed words in the document.
fn enums(value: &Value, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(map) => {
            if let Some(words) = map.get("enum").and_then(Value::as_array) {
                found.push(words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            }
            map.values().for_each(|value| enums(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| enums(value, found)),
        _ => {}
    }
}

#[test]
fn words_are_described_as_they_are_on_the_wire() {
    let document: Value = serde_json::from_str(&agentphone::http::openapi()).unwrap();
    let mut found = Vec::new();
    enums(&document, &mut found);
    assert!(found.iter().any(|words| *words == ["sms", "mms", "imessage"]), "channels are described");
    let is_rust =
        |word: &String| word.chars().next().is_some_and(char::is_uppercase) && *word != word.to_uppercase();
    let rust: Vec<_> = found.iter().flatten().filter(|word| is_rust(word)).collect();
    assert!(rust.is_empty(), "names of the code instead of words of the wire: {rust:?}");
}
