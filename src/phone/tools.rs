//! The tools an agent may call while it speaks. They are stored and checked here; nothing calls them yet.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::Problem;
use crate::net::Guard;
use crate::words;

/// An agent has so many tools at most.
pub const MOST: usize = 20;

words! {
    /// How a tool's URL is called.
    ToolMethod {
        Get = "GET",
        Post = "POST",
    }
}

/// One tool.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// Unique within the agent.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    description: String,
    /// https, unless configured otherwise.
    #[schema(max_length = 2083, pattern = "^https?://")]
    url: String,
    #[serde(default = "post")]
    #[schema(required = false)]
    method: ToolMethod,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    /// A JSON Schema of what the model passes.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
    #[serde(default, alias = "timeout_ms")]
    #[schema(minimum = 1000, maximum = 120_000)]
    timeout_ms: Option<i64>,
    #[serde(default, alias = "speak_during_execution")]
    speak_during_execution: Option<bool>,
    #[serde(default, alias = "execution_message")]
    execution_message: Option<String>,
}

const fn post() -> ToolMethod {
    ToolMethod::Post
}

/// Everything that is wrong with a set of tools.
pub fn check(tools: &[Tool], guard: &Guard) -> Vec<Problem> {
    let mut problems = Vec::new();
    if tools.len() > MOST {
        problems
            .push(Problem::value("customTools", format!("customTools must not hold more than {MOST} tools")));
    }
    let mut names = HashSet::new();
    for (index, tool) in tools.iter().enumerate() {
        let mut wrong = |field: &str, what: String| {
            problems.push(Problem::value(format!("customTools.{index}.{field}"), format!("{field} {what}")));
        };
        if !is_name(&tool.name) {
            wrong("name", "must be 1 to 64 letters, digits, _ and -".to_owned());
        }
        if !names.insert(&tool.name) {
            wrong("name", format!("{:?} is used twice", tool.name));
        }
        if let Err(reason) = guard.check_url(&tool.url) {
            wrong("url", reason.to_string());
        }
        if tool.timeout_ms.is_some_and(|millis| !(1000..=120_000).contains(&millis)) {
            wrong("timeoutMs", "must be between 1000 and 120000".to_owned());
        }
        if !tool.headers.iter().flatten().all(|(name, value)| is_header(name, value)) {
            wrong("headers", "must hold names and values of HTTP headers".to_owned());
        }
    }
    problems
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// RFC 9110, 5.1 and 5.5: a token, and a value without control characters.
fn is_header(name: &str, value: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_token)
        && !value.contains(|it: char| it.is_control() && it != '\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Policy;
    use serde_json::json;

    fn fields(tools: Value) -> Vec<String> {
        let tools: Vec<Tool> = serde_json::from_value(tools).unwrap();
        check(&tools, &Guard::new(Policy::default())).into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_good_tool_passes_and_posts_by_default() {
        let tools = json!([{"name": "find_order", "description": "", "url": "https://shop.example/o", "timeoutMs": 1000}]);
        assert!(fields(tools.clone()).is_empty());
        let tools: Vec<Tool> = serde_json::from_value(tools).unwrap();
        assert_eq!(tools[0].method, ToolMethod::Post);
    }

    #[test]
    fn every_fault_is_named() {
        let tool = |name: &str, url: &str| json!({"name": name, "description": "d", "url": url});
        let ok = "https://shop.example";
        assert_eq!(fields(json!([tool("a b", ok)])), ["customTools.0.name"]);
        assert_eq!(fields(json!([tool("a", ok), tool("a", ok)])), ["customTools.1.name"]);
        assert_eq!(fields(json!([tool("a", "http://shop.example")])), ["customTools.0.url"]);
        assert_eq!(fields(json!([tool("a", "https://127.0.0.1/")])), ["customTools.0.url"]);
        let slow =
            json!({"name": "a", "description": "d", "url": ok, "timeoutMs": 999, "headers": {"a b": "c"}});
        assert_eq!(fields(json!([slow])), ["customTools.0.timeoutMs", "customTools.0.headers"]);
        let many: Vec<Value> = (0..=MOST).map(|n| tool(&n.to_string(), ok)).collect();
        assert_eq!(fields(Value::Array(many)), ["customTools"]);
    }
}
