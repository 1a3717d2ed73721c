//! How the `OpenAPI` document describes values, said in few words, with an example of each body.

use serde_json::{Map, Value, json};

/// A field of an object: name, type in words, whether it must be there, what it is.
pub struct Property {
    pub name: String,
    pub kind: String,
    pub required: bool,
    pub about: String,
}

/// The document, to look references up in.
#[derive(Clone, Copy)]
pub struct Schemas<'a>(pub &'a Value);

impl<'a> Schemas<'a> {
    /// What `schema` is, with a reference followed.
    fn resolved(self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        name.map_or(schema, |name| &self.0["components"]["schemas"][name])
    }

    /// The fields of an object, those of its parts among them.
    pub fn properties(self, schema: &'a Value) -> Vec<Property> {
        let schema = self.resolved(schema);
        let parts =
            ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
        let mut found: Vec<Property> = parts.flat_map(|part| self.properties(part)).collect();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            found.push(Property {
                name: name.clone(),
                kind: self.kind(property),
                required: required.contains(&name.as_str()),
                about: self.about(property),
            });
        }
        found
    }

    /// The type, in words.
    pub fn kind(self, schema: &'a Value) -> String {
        let schema = self.resolved(schema);
        if let Some(words) = schema["enum"].as_array() {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            return if words.len() > 12 { "one of several words".to_owned() } else { words.join(" | ") };
        }
        for key in ["oneOf", "anyOf", "allOf"] {
            if let Some(parts) = schema[key].as_array() {
                let mut kinds: Vec<String> = parts.iter().map(|part| self.kind(part)).collect();
                kinds.dedup();
                return kinds.join(" or ");
            }
        }
        let named = |kind: &str| match (kind, schema["format"].as_str()) {
            ("array", _) => format!("list of {}", self.kind(&schema["items"])),
            ("string", Some("date-time")) => "time".to_owned(),
            ("integer", _) => "whole number".to_owned(),
            (kind, _) => kind.to_owned(),
        };
        match &schema["type"] {
            Value::String(kind) => named(kind),
            Value::Array(kinds) => {
                let kinds: Vec<String> = kinds.iter().filter_map(Value::as_str).map(named).collect();
                kinds.join(" or ")
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any".to_owned(),
        }
    }

    /// What it is and within which bounds.
    fn about(self, schema: &'a Value) -> String {
        let resolved = self.resolved(schema);
        let told = schema["description"].as_str().or(resolved["description"].as_str()).unwrap_or_default();
        let bound =
            |key: &str| Some(&resolved[key]).filter(|value| value.is_number()).map(ToString::to_string);
        let bounds = match (bound("minimum").or(bound("minLength")), bound("maximum").or(bound("maxLength")))
        {
            (Some(least), Some(most)) => format!(" ({least} to {most})"),
            (None, Some(most)) => format!(" (at most {most})"),
            (Some(least), None) => format!(" (at least {least})"),
            (None, None) => String::new(),
        };
        format!("{told}{bounds}").trim().to_owned()
    }

    /// A body that could be sent: what is required, and what is usual.
    pub fn example(self, schema: &'a Value) -> Value {
        let mut body = Map::new();
        for property in self.properties(schema) {
            let sample = sample(&property.name);
            if property.required || !sample.is_null() {
                let unknown = || if property.kind == "whole number" { json!(1) } else { json!("…") };
                body.insert(property.name, if sample.is_null() { unknown() } else { sample });
            }
        }
        Value::Object(body)
    }
}

/// What usually stands in the fields that usually are sent.
fn sample(name: &str) -> Value {
    match name {
        "to_number" | "to" => json!("+14155550142"),
        "from_number" => json!("+12065550100"),
        "body" => json!("Is my bike ready?"),
        "url" => json!("https://example.com/hook"),
        "name" => json!("Front desk"),
        "country" => json!("US"),
        "areaCode" => json!("206"),
        "numberId" => json!("num_…"),
        "metadata" => json!({"step": "greeting"}),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_parts_and_bounds_are_told() {
        let document = json!({"components": {"schemas": {
            "Colour": {"type": "string", "enum": ["red", "blue"]},
            "Base": {"type": "object", "required": ["name"],
                     "properties": {"name": {"type": "string", "maxLength": 9, "description": "Its name"}}},
        }}});
        let schema = json!({"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {
            "colour": {"$ref": "#/components/schemas/Colour"},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "many": {"type": "array", "items": {"type": "integer"}}}}]});
        let schemas = Schemas(&document);
        let told: Vec<_> = schemas
            .properties(&schema)
            .into_iter()
            .map(|it| format!("{} {} {} {}", it.name, it.kind, it.required, it.about))
            .collect();
        assert_eq!(
            told,
            [
                "name string true Its name (at most 9)",
                "colour red | blue false ",
                "at time or null false ",
                "many list of whole number false "
            ]
        );
        assert_eq!(schemas.example(&schema), json!({"name": "Front desk"}));
    }
}
