//! The document `openapi.json` as a judge: every response that any test sees must be what it says.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&agentphone::http::openapi()).expect("the document is JSON"));

/// Compiled schemas by operation and status.
static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails the test if the answer to `method path` is not one that the document describes.
pub fn check(method: &str, path: &str, status: u16, body: &[u8]) {
    let path = path.split('?').next().unwrap_or(path);
    // Sound, plain text and events have no schema that says more than that they are text.
    let is_json = body.starts_with(b"{") || body.starts_with(b"[");
    let is_described = ["/v1/", "/api/numbers/"].iter().any(|door| path.starts_with(door));
    let is_voice = path.starts_with("/api/v1/") && is_json;
    if !(is_described || is_voice) {
        return;
    }
    let Some((template, operation)) = operation(method, path) else {
        assert!(
            matches!(status, 401 | 404 | 405),
            "{method} {path} answered {status} and is not in the document"
        );
        return;
    };
    let name = format!("{method} {template} {status}");
    let described = &operation["responses"][status.to_string()];
    assert!(described.is_object(), "{name} is not in the document");
    if status == 204 {
        assert!(body.is_empty(), "{name} answered {body:?}");
        return;
    }
    let schema = &described["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{name} has no schema");
    let body: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let validator = Arc::clone(
        KNOWN.lock().unwrap().entry(name.clone()).or_insert_with(|| Arc::new(compile(&name, schema))),
    );
    let problems: Vec<_> =
        validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{name} answered {body}, which breaks its schema: {problems:#?}");
}

fn compile(name: &str, schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = DOCUMENT["components"].clone();
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("the schema of {name}: {error}"))
}

/// The path of the document that `path` is one of, and what stands there for `method`. Fixed segments win.
fn operation(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let fits = |template: &str| {
        let (asked, known): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
        asked.len() == known.len()
            && known.iter().zip(asked).all(|(known, asked)| known.starts_with('{') || *known == asked)
    };
    let paths = DOCUMENT["paths"].as_object()?;
    let found = paths.iter().filter(|(template, _)| fits(template));
    let (template, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
    item.get(method.to_lowercase()).map(|operation| (template.as_str(), operation))
}
