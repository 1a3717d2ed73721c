//! `openapi.json` is what the code says, and says something of every answer.

use serde_json::Value;

#[test]
fn the_checked_in_document_is_the_one_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == agentphone::http::openapi(),
        "openapi.json is not what the code says. Make it anew: cargo run --quiet -- openapi > openapi.json"
    );
}

#[test]
fn every_answer_has_a_schema() {
    let document: Value = serde_json::from_str(&agentphone::http::openapi()).unwrap();
    let mut bare = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(responses) = operation["responses"].as_object() else { continue };
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} has no success");
            for (status, response) in responses {
                let content = response["content"].as_object();
                let schema = content.and_then(|content| content.values().next()).map(|it| &it["schema"]);
                let is_empty = schema.and_then(Value::as_object).is_none_or(serde_json::Map::is_empty);
                if status != "204" && is_empty {
                    bare.push(format!("{method} {path} {status}"));
                }
            }
        }
    }
    assert!(bare.is_empty(), "answers without a schema: {bare:#?}");
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
