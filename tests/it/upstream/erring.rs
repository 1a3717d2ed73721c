//! Errors that an upstream tells within its stream of events: as the first of them like an answer that says it, later as
//! what the stream ends with.

use std::time::Duration;

use agentphone::voice::upstream::{Health, Settings};
use agentphone::voice::{Chat, Fault};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::peer::{Peer, model, question, read, said, settings, upstreams};

const GOOD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";

/// An event with this error.
fn error(error: &Value) -> String {
    format!("data: {}\n\n", json!({ "error": error }))
}

/// A rule for a stream of these pieces, with the end that some write even behind an error.
fn stream(pieces: &[&str]) -> Value {
    let pieces = [pieces, &["data: [DONE]\n\n"]].concat();
    json!([{ "pieces": pieces }])
}

#[tokio::test]
async fn an_error_as_the_first_event_sends_the_question_elsewhere() {
    let plain = error(&json!({ "message": "out of luck" }));
    let (begin, end) = plain.split_at(12);
    for pieces in [
        vec![plain.as_str()],
        vec![begin, end],
        vec![": wait\n\n", "event: error\n", begin, end],
        vec!["data: {\"object\":\"error\",\"message\":\"no\",\"code\":500}\n\n"],
        vec!["error: {\"code\":503,\"message\":\"Loading model\"}\n\n"],
        vec!["data: {\"error\":{\"code\":429}}\n\n"],
        vec!["data: {\"error\":{\"code\":\"invalid_api_key\",\"type\":\"invalid_request_error\"}}\n\n"],
        vec![": wait\n\n"],
    ] {
        let (bad, good) = (Peer::start(), Peer::start());
        bad.rules(json!([{ "pieces": pieces }])).await;
        let model = model(&[&bad, &good]);
        for _ in 0..2 {
            let answer = said(&model, "hi", true).await;
            let answer = answer.unwrap_or_else(|fault| panic!("{pieces:?}: {fault:?}"));
            assert!(answer.contains("hi") && !answer.contains("error"), "{pieces:?}: {answer}");
        }
        assert!(!bad.seen().await.is_empty(), "{pieces:?}: it was its turn once");
        assert_eq!(good.seen().await.len(), 2, "{pieces:?}");
    }
}

#[tokio::test]
async fn a_refusal_as_the_first_event_is_the_callers() {
    let too_long = json!({ "message": "too long", "code": "context_length_exceeded" });
    let vllm = json!({ "message": "This model's maximum context length is 512 tokens.", "code": 400 });
    let bad = json!({ "message": "top_p must be below 1, sk-secret", "type": "BadRequestError", "code": "bad_top_p" });
    for (told, wanted, words) in [
        (too_long, "context_length_exceeded", "too long"),
        (vllm, "context_length_exceeded", "This model's maximum context length is 512 tokens."),
        (bad, "bad_top_p", "top_p must be below 1, …"),
    ] {
        let (one, other) = (Peer::start(), Peer::start());
        for peer in [&one, &other] {
            peer.rules(stream(&[&error(&told)])).await;
        }
        let fault = model(&[&one, &other]).chat(question("hi", true)).await.err();
        assert_eq!(fault, Some(Fault::Refused { code: Some(wanted.into()), message: words.into() }));
        assert_eq!(one.seen().await.len() + other.seen().await.len(), 1, "nobody else is asked");
    }
}

#[tokio::test]
async fn who_says_first_that_it_is_too_busy_rests() {
    let peer = Peer::start();
    peer.rules(stream(&[&error(&json!({ "type": "rate_limit_error" }))])).await;
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    assert_eq!(said(&model, "hi", true).await, Err(Fault::Busy { seconds: 1 }));
    let state = &upstreams.state()[0];
    assert_eq!((state.health, state.failures), (Health::Resting, 0));
}

#[tokio::test]
async fn an_error_in_the_middle_ends_the_stream_and_names_nothing_of_ours() {
    let peer = Peer::start();
    let (upstreams, _) = upstreams();
    let settings = settings(vec![peer.address()]);
    let authority = settings.addresses[0].to_string();
    let authority = authority.trim_start_matches("http://").trim_end_matches("/v1");
    let model = upstreams.model(settings);
    let secrets = format!("key sk-secret is no good at http://{authority}/v1");
    for (told, is_refusal, failures) in [
        (json!({ "message": secrets, "code": 400 }), true, 0),
        (json!({ "message": secrets, "code": "context_length_exceeded" }), true, 0),
        (json!({ "message": secrets, "code": 500 }), false, 1),
        (json!({ "message": secrets }), false, 2),
        (json!(secrets), false, 3),
    ] {
        let told = error(&told);
        // Together with what came before it, and on its own.
        let together = format!("{GOOD}{told}");
        let pieces = if failures == 1 { vec![together.as_str()] } else { vec![GOOD, &told] };
        peer.rules(stream(&pieces)).await;
        let answer = model.chat(question("hi", true)).await.unwrap();
        let (text, fault) = read(answer).await;
        let fault = fault.unwrap();
        assert_eq!(text, GOOD, "what came before the error is not lost");
        assert_eq!(matches!(fault, Fault::Refused { .. }), is_refusal, "{fault:?}");
        let words = format!("{fault:?}");
        assert!(!words.contains("sk-secret") && !words.contains(authority), "{words}");
        let state = &upstreams.state()[0];
        assert_eq!((state.failures, state.under_way), (failures, 0), "{told}");
    }
}

#[tokio::test]
async fn errors_in_streams_open_the_breaker() {
    let told = error(&json!({ "message": "CUDA out of memory", "type": "server_error" }));
    for pieces in [vec![told.as_str()], vec![GOOD, &told]] {
        let peer = Peer::start();
        peer.rules(stream(&pieces)).await;
        let (upstreams, _) = upstreams();
        let model = upstreams.model(settings(vec![peer.address()]));
        for _ in 0..5 {
            let wanted = "Qwen3-Next-80B: the upstream failed";
            assert_eq!(said(&model, "hi", true).await, Err(Fault::Failed { message: wanted.into() }));
        }
        let state = &upstreams.state()[0];
        assert_eq!((state.health, state.failures), (Health::Open, 5));
        assert!(said(&model, "hi", true).await.is_err());
        assert_eq!(peer.seen().await.len(), 5, "nobody called it the sixth time");
    }
}

#[tokio::test]
async fn words_about_errors_are_no_error() {
    let peer = Peer::start();
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    let words = "data: {\"error\":1} and \"error\": \"finish_reason\"";
    assert!(said(&model, words, true).await.is_ok());
    let null = "data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"error\"}}]}\n\n";
    peer.rules(stream(&[null])).await;
    assert!(said(&model, "hi", true).await.unwrap().starts_with(null));
    assert_eq!(upstreams.state()[0].failures, 0);
}

#[tokio::test]
async fn comments_are_not_held_back_forever() {
    let peer = Peer::start();
    peer.rules(json!([{ "stepped": true, "pieces": [": wait\n\n", "data: [DONE]\n\n"] }])).await;
    let (upstreams, _) = upstreams();
    // Held back for a part of that.
    let timeout = Duration::from_secs(3);
    let model = upstreams.model(Settings { timeout, ..settings(vec![peer.address()]) });
    peer.step(1).await;
    let mut answer = model.chat(question("hi", true)).await.unwrap();
    assert_eq!(answer.bytes.next().await.unwrap().unwrap(), ": wait\n\n");
    peer.step(1).await;
    assert_eq!(answer.bytes.next().await.unwrap().unwrap(), "data: [DONE]\n\n");
}

#[tokio::test]
async fn a_transcript_with_an_error_counts_too() {
    let peer = Peer::start();
    let delta = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\n";
    peer.rules(stream(&[delta, &error(&json!({ "message": "out of memory at 10.0.0.7" }))])).await;
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    let listening = agentphone::voice::Listening { streamed: true, ..super::peer::listening() };
    let heard = agentphone::voice::Listen::listen(&model, listening).await.unwrap().collect::<Vec<_>>().await;
    let wanted = Fault::Failed { message: "Qwen3-Next-80B: the upstream failed".into() };
    assert_eq!(heard.last(), Some(&Err(wanted)));
    assert_eq!(upstreams.state()[0].failures, 1);
}
