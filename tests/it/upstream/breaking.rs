//! The circuit breaker and rests, by a clock that the test moves.

use std::time::Duration;

use agentphone::voice::upstream::{Health, Settings};
use agentphone::voice::{Chat, Fault};
use serde_json::json;

use super::peer::{Peer, beside, question, read, said, settings, upstreams};
use crate::wait::until_true;

#[tokio::test]
async fn who_fails_too_often_is_left_alone_and_tried_again() {
    let peer = Peer::start();
    peer.rules(json!([{ "status": 500, "body": "{}" }])).await;
    let (upstreams, clock) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    for _ in 0..5 {
        assert!(said(&model, "hi", false).await.is_err());
    }
    let fault = said(&model, "hi", false).await.unwrap_err();
    let wanted = "Qwen3-Next-80B: no upstream can be reached at present";
    assert_eq!(fault, Fault::Failed { message: wanted.into() });
    let state = &upstreams.state()[0];
    assert_eq!((state.health, state.failures, state.requests), (Health::Open, 5, 5));
    assert_eq!(state.last_failure, Some("the upstream failed"));
    assert_eq!(peer.seen().await.len(), 5, "nobody called it the sixth time");

    // The first try fails and doubles the pause; the second one closes it.
    clock.advance(Duration::from_secs(5));
    assert!(said(&model, "hi", false).await.is_err());
    clock.advance(Duration::from_secs(9));
    assert!(said(&model, "hi", false).await.is_err());
    assert_eq!(peer.seen().await.len(), 6);
    clock.advance(Duration::from_secs(1));
    peer.rules(json!([])).await;
    said(&model, "hi", false).await.unwrap();
    said(&model, "hi", false).await.unwrap();
    assert_eq!(upstreams.state()[0].health, Health::Healthy);
}

#[tokio::test]
async fn one_at_a_time_tries_whether_it_is_back() {
    let peer = Peer::start();
    peer.rules(json!([{ "status": 500, "body": "{}" }])).await;
    let (upstreams, clock) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    for _ in 0..5 {
        assert!(said(&model, "hi", false).await.is_err());
    }
    clock.advance(Duration::from_secs(5));
    peer.rules(json!([{ "hang": "head" }])).await;
    let trying = beside({
        let model = model.clone();
        async move { said(&model, "hi", false).await }
    });
    until_true("the try", async || peer.seen().await.len() == 6).await;
    assert_eq!(upstreams.state()[0].health, Health::Trying);
    assert!(said(&model, "hi", false).await.is_err());
    assert_eq!(peer.seen().await.len(), 6, "only one tries");
    // Whoever tries may leave; then the next one tries.
    trying.abort();
    until_true("the try to end", async || upstreams.state()[0].under_way == 0).await;
    peer.rules(json!([])).await;
    said(&model, "hi", false).await.unwrap();
}

#[tokio::test]
async fn models_that_share_an_upstream_share_its_breaker() {
    let peer = Peer::start();
    peer.rules(json!([{ "drop_head": true }])).await;
    let (upstreams, _) = upstreams();
    let one = upstreams.model(settings(vec![peer.address()]));
    let other = upstreams.model(Settings { name: "other".into(), ..settings(vec![peer.address()]) });
    for _ in 0..5 {
        assert!(said(&one, "hi", false).await.is_err());
    }
    let wanted = "other: no upstream can be reached at present";
    assert_eq!(said(&other, "hi", false).await, Err(Fault::Failed { message: wanted.into() }));
    assert_eq!(upstreams.state().len(), 1);
}

#[tokio::test]
async fn breaking_off_in_the_middle_counts_too() {
    let peer = Peer::start();
    peer.rules(json!([{ "drop": 1 }])).await;
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    for _ in 0..5 {
        // Where the answer has not been seen to begin it breaks off before the first byte; both are failures.
        if let Ok(answer) = model.chat(question("hi", true)).await {
            assert!(read(answer).await.1.is_some());
        }
    }
    assert_eq!(upstreams.state()[0].health, Health::Open);
}

#[tokio::test]
async fn who_asks_for_a_rest_gets_it() {
    let peer = Peer::start();
    peer.rules(json!([{ "status": 429, "body": "{}", "headers": { "Retry-After": "20" } }])).await;
    let (upstreams, clock) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    assert_eq!(said(&model, "hi", false).await, Err(Fault::Busy { seconds: 20 }));
    peer.rules(json!([])).await;
    clock.advance(Duration::from_millis(12_500));
    assert_eq!(said(&model, "hi", false).await, Err(Fault::Busy { seconds: 8 }));
    assert_eq!(upstreams.state()[0].health, Health::Resting);
    assert_eq!(peer.seen().await.len(), 1);
    clock.advance(Duration::from_millis(7_500));
    said(&model, "hi", false).await.unwrap();
}
