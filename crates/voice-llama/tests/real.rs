//! With real weights (`script/test --voice`): `AGENTPHONE_TEST_MODELS` is a folder into which `agentphone models import`
//! has put `smollm2`. The model is small and often wrong, so nothing here depends on what it says, only on how.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};
use voice_llama::{Answer, Delta, Ending, Error, Llama, Question, Settings};

const REASON: &str = "needs real weights: script/test --voice";

fn llama() -> &'static Llama {
    static LLAMA: OnceLock<Llama> = OnceLock::new();
    LLAMA.get_or_init(|| {
        let models = std::env::var("AGENTPHONE_TEST_MODELS").expect(REASON);
        let path = PathBuf::from(models).join("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
        Llama::open(&path, Settings { threads: 2, together: 4, context: None }).unwrap()
    })
}

/// The answer to `body`, and its deltas.
fn ask(body: &Value) -> Result<(Answer, Vec<Delta>), Error> {
    let mut deltas = Vec::new();
    let question = Question::read(body.to_string().as_bytes())?;
    let answer = llama().chat(
        question,
        || false,
        |delta| {
            deltas.push(delta);
            true
        },
    )?;
    Ok((answer, deltas))
}

fn text(deltas: &[Delta]) -> String {
    let text = |delta: &Delta| match delta {
        Delta::Text(text) => Some(text.clone()),
        Delta::Calls(_) => None,
    };
    deltas.iter().filter_map(text).collect()
}

fn user(said: &str) -> Value {
    json!([{ "role": "user", "content": said }])
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn it_answers_piece_by_piece_and_counts() {
    let body =
        json!({ "messages": user("What is the capital of France?"), "temperature": 0, "max_tokens": 40 });
    let (answer, deltas) = ask(&body).unwrap();
    assert!(text(&deltas).contains("Paris"), "{}", text(&deltas));
    assert!(deltas.len() > 3, "it came in pieces: {deltas:?}");
    assert!(answer.usage.prompt_tokens > 10 && answer.usage.completion_tokens <= 40, "{answer:?}");
    assert_eq!(text(&ask(&body).unwrap().1), text(&deltas), "without a draw it says the same again");
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn a_seed_repeats_and_limits_hold() {
    let body = |more: Value| {
        let mut body =
            json!({ "messages": user("Tell me a story about a goat."), "seed": 7, "max_tokens": 30 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let (answer, first) = ask(&body(json!({ "temperature": 1.2 }))).unwrap();
    assert_eq!((answer.ending, answer.usage.completion_tokens), (Ending::Length, 30));
    assert_eq!(text(&first), text(&ask(&body(json!({ "temperature": 1.2 }))).unwrap().1));
    let whole = text(&ask(&body(json!({ "temperature": 0 }))).unwrap().1);
    let word = whole.split_whitespace().nth(5).unwrap();
    let (stopped, deltas) = ask(&body(json!({ "temperature": 0, "stop": word }))).unwrap();
    assert_eq!(stopped.ending, Ending::Stop);
    assert_eq!(text(&deltas), whole[..whole.find(word).unwrap()]);
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn a_schema_is_kept_to() {
    let schema = json!({
        "type": "object",
        "properties": { "city": { "type": "string", "maxLength": 20 }, "large": { "type": "boolean" } },
        "required": ["city", "large"],
        "additionalProperties": false,
    });
    for seed in 0..5 {
        let format = json!({ "type": "json_schema", "json_schema": { "name": "city", "schema": schema } });
        let body = json!({ "messages": user("Name a city."), "seed": seed, "temperature": 1.5, "response_format": format });
        let (answer, deltas) = ask(&body).unwrap();
        let said: Value = serde_json::from_str(&text(&deltas)).unwrap();
        assert!(said["city"].is_string() && said["large"].is_boolean(), "{said}");
        assert_eq!(answer.ending, Ending::Stop);
    }
    let format = json!({ "type": "json_schema", "json_schema": { "schema": { "type": "nonsense" } } });
    let refused = ask(&json!({ "messages": user("Hi"), "response_format": format }));
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn a_tool_that_must_be_called_is_called() {
    let parameters = json!({
        "type": "object",
        "properties": { "city": { "type": "string", "enum": ["Bern", "Oslo"] } },
        "required": ["city"],
        "additionalProperties": false,
    });
    let tool = json!({ "type": "function", "function": { "name": "weather", "parameters": parameters } });
    let body = json!({ "messages": user("Weather in Oslo?"), "tools": [tool], "tool_choice": "required" });
    let (answer, deltas) = ask(&body).unwrap();
    assert_eq!(answer.ending, Ending::ToolCalls);
    let [Delta::Calls(calls)] = deltas.as_slice() else { panic!("{deltas:?}") };
    assert_eq!(calls[0].name, "weather");
    let arguments: Value = serde_json::from_str(&calls[0].arguments).unwrap();
    assert!(["Bern", "Oslo"].contains(&arguments["city"].as_str().unwrap()), "{arguments}");
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn too_long_is_refused_and_the_limit_is_named() {
    let many: Vec<Value> = (0..10_000).map(|_| json!({ "role": "user", "content": "And again." })).collect();
    for messages in [json!(many), user(&"word ".repeat(3_000)), user(&"x".repeat(4 << 20))] {
        let refused = ask(&json!({ "messages": messages }));
        assert!(matches!(refused, Err(Error::ContextTooLong { limit: 2_048, .. })), "{refused:?}");
    }
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn four_are_served_together_and_the_fifth_waits() {
    // Without chance all four say the same, and none is done long before the others.
    let count = user("Count slowly to a thousand.");
    let body = json!({ "messages": count, "max_tokens": 60, "stop": "never said", "temperature": 0 });
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for name in 0..4 {
            let (body, order) = (body.to_string(), Arc::clone(&order));
            scope.spawn(move || {
                let question = Question::read(body.as_bytes()).unwrap();
                llama().chat(
                    question,
                    || false,
                    |_| {
                        order.lock().unwrap().push(name);
                        true
                    },
                )
            });
        }
    });
    let order = order.lock().unwrap();
    let middle: Vec<_> = order.iter().copied().skip(order.len() / 4).take(order.len() / 2).collect();
    for name in 0..4 {
        let share = middle.iter().filter(|it| **it == name).count();
        assert!(share * 8 > middle.len(), "each gets its share of the tokens: {middle:?}");
    }
}

#[test]
#[ignore = "needs real weights: script/test --voice"]
fn who_leaves_makes_room() {
    let body = json!({ "messages": user("Tell me everything."), "max_tokens": 500, "stop": "never said" });
    let gone = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&gone);
    let question = Question::read(body.to_string().as_bytes()).unwrap();
    let answer = llama().chat(
        question,
        move || watched.load(Ordering::Relaxed),
        |_| {
            gone.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(1));
            true
        },
    );
    assert!(answer.unwrap().usage.completion_tokens < 400, "it stopped early");
    let question = Question::read(body.to_string().as_bytes()).unwrap();
    let mut pieces = 0;
    let stopped = llama().chat(
        question,
        || false,
        |_| {
            pieces += 1;
            pieces < 3
        },
    );
    assert!(stopped.unwrap().usage.completion_tokens < 20);
}
