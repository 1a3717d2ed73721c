//! Chat through an upstream, and what its refusals and its nonsense become.

use agentphone::voice::upstream::Health;
use agentphone::voice::{Chat, Fault};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::peer::{Peer, model, question, read, said, settings, upstreams};

#[tokio::test]
async fn an_answer_is_relayed_with_the_headers_callers_may_see() {
    let peer = Peer::start();
    peer.rules(json!([{ "headers": {
        "x-ratelimit-remaining-tokens": "99", "x-ratelimit-remaining": "1", "server": "uvicorn", "set-cookie": "a=b" } }]))
        .await;
    let answer = model(&[&peer]).chat(question("We open at nine", false)).await.unwrap();
    let mut headers = answer.headers.clone();
    headers.sort();
    let wanted = [("x-ratelimit-remaining-tokens", "99"), ("x-request-id", "req-0")];
    assert_eq!(headers, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let (text, fault) = read(answer).await;
    assert_eq!(fault, None);
    let completion: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(completion["choices"][0]["message"]["content"], "We open at nine");

    let seen = peer.seen().await;
    assert_eq!(
        seen[0]["json"],
        json!({
        "model": "Qwen/Qwen3", "messages": [{ "role": "user", "content": "We open at nine" }], "temperature": 0.5 })
    );
    assert_eq!(seen[0]["headers"]["authorization"], "Bearer sk-secret");
    assert_eq!(seen[0]["headers"]["content-type"], "application/json");
}

#[tokio::test]
async fn each_token_is_passed_on_before_the_next_one_is_there() {
    let peer = Peer::start();
    peer.rules(json!([{ "stepped": true }])).await;
    let model = model(&[&peer]);
    peer.step(1).await;
    let mut answer = model.chat(question("one two three", true)).await.unwrap();
    let mut pieces = 0;
    while let Some(chunk) = answer.bytes.next().await {
        let event = chunk.unwrap();
        assert!(event.starts_with(b"data: ") && event.ends_with(b"\n\n"), "{event:?}");
        pieces += 1;
        // Nothing more may come before it is let out, so what came was held back by nobody.
        peer.step(1).await;
    }
    assert_eq!(pieces, 6, "a role, three words, a finish, [DONE]");
}

#[tokio::test]
async fn a_body_that_has_no_other_member_stays_json() {
    let peer = Peer::start();
    let question = agentphone::voice::Question { body: " { } ".into(), streamed: false };
    assert!(model(&[&peer]).chat(question).await.is_ok());
    assert_eq!(peer.seen().await[0]["json"], json!({ "model": "Qwen/Qwen3" }));
    let question = agentphone::voice::Question { body: "[1]".into(), streamed: false };
    assert!(matches!(model(&[&peer]).chat(question).await, Err(Fault::Refused { .. })));
}

async fn refused_with(status: u16, body: Value) -> Result<String, Fault> {
    let peer = Peer::start();
    peer.rules(json!([{ "status": status, "body": body.to_string() }])).await;
    said(&model(&[&peer]), "hi", false).await
}

#[tokio::test]
async fn a_refusal_is_the_callers_and_says_why() {
    let error = json!({ "error": { "message": "top_p must be below 1", "type": "BadRequestError", "code": "bad_top_p" } });
    let wanted = Fault::Refused { code: Some("bad_top_p".into()), message: "top_p must be below 1".into() };
    assert_eq!(refused_with(400, error).await, Err(wanted));
    let plain =
        Fault::Refused { code: None, message: "the model refused the request with status 422".into() };
    assert_eq!(refused_with(422, json!("no")).await, Err(plain));
}

#[tokio::test]
async fn what_does_not_fit_has_one_code_whoever_says_it() {
    for (status, error) in [
        (400, json!({ "message": "too long", "code": "context_length_exceeded" })),
        (400, json!({ "message": "This model's maximum context length is 512 tokens.", "code": 400 })),
        (400, json!({ "message": "request is larger", "type": "exceed_context_size_error", "code": 400 })),
        (500, json!({ "message": "Requested tokens (900) exceed context window of 512" })),
    ] {
        let fault = refused_with(status, json!({ "error": error })).await.unwrap_err();
        let Fault::Refused { code, .. } = fault else { panic!("{fault:?}") };
        assert_eq!(code.as_deref(), Some("context_length_exceeded"), "{error}");
    }
}

#[tokio::test]
async fn what_an_upstream_says_of_itself_is_not_passed_on() {
    let peer = Peer::start();
    let (upstreams, _) = upstreams();
    let settings = settings(vec![peer.address()]);
    let authority = settings.addresses[0].to_string();
    let authority = authority.trim_start_matches("http://").trim_end_matches("/v1");
    let model = upstreams.model(settings);
    for rule in [
        json!({ "status": 400, "body": json!({ "error": { "message":
            format!("key sk-secret is no good at http://{authority}/v1") } }).to_string() }),
        json!({ "status": 500, "body": format!("Traceback: {authority} sk-secret") }),
        json!({ "status": 401, "body": json!({ "error": { "message": "Incorrect API key: sk-secret" } }).to_string() }),
        json!({ "status": 302, "headers": { "Location": "http://127.0.0.1:1/" }, "body": "" }),
    ] {
        peer.rules(json!([rule])).await;
        let fault = said(&model, "hi", false).await.unwrap_err();
        let text = format!("{fault:?}");
        assert!(!text.contains("sk-secret") && !text.contains(authority), "{text}");
        assert_eq!(matches!(fault, Fault::Refused { .. }), rule["status"] == 400, "{text}");
    }
    assert_eq!(peer.seen().await.len(), 4, "the redirect was not followed");
}

#[tokio::test]
async fn nonsense_is_a_clear_fault() {
    let peer = Peer::start();
    let model = model(&[&peer]);
    for (rule, streamed) in [
        (json!({ "body": "<html>Welcome to nginx</html>", "content_type": "text/html" }), false),
        (json!({ "body": "<html>Welcome to nginx</html>", "content_type": "text/html" }), true),
        (json!({ "body": "<html>lies", "content_type": "application/json" }), false),
        (json!({ "body": "{\"choices\":", "content_type": "application/json" }), false),
        (json!({ "body": "{\"error\":{\"message\":\"x\"}}", "content_type": "application/json" }), false),
        (json!({ "body": "", "content_type": "application/json" }), false),
        (json!({ "body": "<html>lies", "content_type": "text/event-stream" }), true),
        (json!({ "body": "{\"choices\":[]}", "content_type": "application/json" }), true),
    ] {
        peer.rules(json!([rule])).await;
        let fault = said(&model, "hi", streamed).await.unwrap_err();
        let Fault::Failed { message } = &fault else { panic!("{rule}: {fault:?}") };
        assert!(message.starts_with("Qwen3-Next-80B: the upstream"), "{rule}: {message}");
        // A good answer between them, so that it is not the breaker that answers.
        peer.rules(json!([])).await;
        said(&model, "hi", false).await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_its_end_is_a_fault() {
    let unfinished = "data: {\"choices\":[{\"finish_reason\":null,\"delta\":{\"content\":\"a\"}}]}\n\n";
    for pieces in [vec!["data: {\"choices\":[]}\n\n"], vec![unfinished, unfinished]] {
        let peer = Peer::start();
        peer.rules(json!([{ "pieces": pieces }])).await;
        let answer = model(&[&peer]).chat(question("hi", true)).await.unwrap();
        let (text, fault) = read(answer).await;
        assert_eq!(text, pieces.concat());
        assert!(matches!(fault, Some(Fault::Failed { .. })), "{fault:?}");
    }
}

#[tokio::test]
async fn who_has_told_why_it_ends_need_not_say_done() {
    let peer = Peer::start();
    let pieces = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_",
        "reason\": \"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
    ];
    peer.rules(json!([{ "pieces": pieces }])).await;
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    for _ in 0..6 {
        assert_eq!(said(&model, "hi", true).await, Ok(pieces.concat()));
    }
    let state = &upstreams.state()[0];
    assert_eq!((state.health, state.failures, state.under_way), (Health::Healthy, 0, 0));
    // Breaking off is another matter: the rest of the answer is lost.
    peer.rules(json!([{ "pieces": pieces, "drop": 3 }])).await;
    assert!(said(&model, "hi", true).await.is_err());
}
