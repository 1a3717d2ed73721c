//! Who leaves: the caller before and in the middle of an answer, the upstream before and in the middle of it; and who
//! only takes his time.

use std::time::Duration;

use agentphone::voice::{Chat, Fault};
use futures_util::StreamExt;
use serde_json::json;

use super::peer::{Peer, model, question, read, said, settings, upstreams};
use crate::wait::until;

#[tokio::test]
async fn an_upstream_knows_at_once_that_the_caller_left() {
    let peer = Peer::start();
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    peer.rules(json!([{ "hang": "head" }])).await;
    let waiting = model.chat(question("hi", false));
    // It is given up while the upstream has not answered yet.
    tokio::select! {
        _ = waiting => panic!("it hangs"),
        () = async { peer.until_first_is("under way").await; } => {}
    }
    peer.until_first_is("gone").await;
    assert_eq!(upstreams.state()[0].under_way, 0);
}

#[tokio::test]
async fn dropping_a_stream_closes_it_at_the_upstream() {
    let peer = Peer::start();
    peer.rules(json!([{ "stepped": true }])).await;
    peer.step(2).await;
    let mut answer = model(&[&peer]).chat(question("one two three", true)).await.unwrap();
    answer.bytes.next().await.unwrap().unwrap();
    answer.bytes.next().await.unwrap().unwrap();
    assert_eq!(peer.seen().await[0]["outcome"], "under way");
    drop(answer);
    let seen = peer.until_first_is("gone").await;
    assert_eq!(seen["sent"], 2);
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_a_fault_in_the_stream() {
    for reset in [false, true] {
        let peer = Peer::start();
        peer.rules(json!([{ "drop": 2, "reset": reset, "stepped": true }])).await;
        let model = model(&[&peer]);
        peer.step(1).await;
        let mut answer = model.chat(question("one two three", true)).await.unwrap();
        let first = answer.bytes.next().await.unwrap();
        assert!(first.is_ok());
        peer.step(1).await;
        let (_, fault) = read(answer).await;
        let wanted = "Qwen3-Next-80B: the upstream broke off in the middle of its answer";
        assert_eq!(fault, Some(Fault::Failed { message: wanted.to_owned() }));
        assert_eq!(peer.seen().await.len(), 1, "the caller has seen bytes, so nobody else is asked");
    }
}

#[tokio::test]
async fn silence_has_an_end_before_the_head_and_behind_it() {
    let peer = Peer::start();
    let (upstreams, _) = upstreams();
    let timeout = Duration::from_secs(1);
    let model =
        upstreams.model(agentphone::voice::upstream::Settings { timeout, ..settings(vec![peer.address()]) });
    for rule in [json!({ "hang": "head" }), json!({ "hang": "body" }), json!({ "stepped": true })] {
        peer.rules(json!([rule])).await;
        if rule["stepped"] == true {
            peer.step(1).await;
        }
        let fault = said(&model, "hi", true).await.unwrap_err();
        assert!(matches!(fault, Fault::Failed { .. }), "{fault:?}");
    }
    until("three requests that were given up", async || {
        peer.seen().await.iter().all(|seen| seen["outcome"] == "gone").then_some(())
    })
    .await;
    assert_eq!(peer.seen().await.len(), 3, "who is slow is not asked again");
}

#[tokio::test]
async fn a_caller_who_takes_his_time_is_not_the_upstreams_silence() {
    let peer = Peer::start();
    let (upstreams, _) = upstreams();
    let timeout = Duration::from_millis(700);
    let model =
        upstreams.model(agentphone::voice::upstream::Settings { timeout, ..settings(vec![peer.address()]) });
    let mut answer = model.chat(question("one two three", true)).await.unwrap();
    answer.bytes.next().await.unwrap().unwrap();
    tokio::time::sleep(timeout * 2).await;
    assert_eq!(read(answer).await.1, None);
}

#[tokio::test]
async fn a_slow_reader_slows_the_upstream() {
    let peer = Peer::start();
    // About 64 MiB, far more than sockets and buffers hold.
    let piece = format!("data: {}\n\n", "x".repeat(64 * 1024));
    peer.rules(json!([{ "pieces": [piece], "repeat": 1000, "content_type": "text/event-stream" }])).await;
    let mut answer = model(&[&peer]).chat(question("hi", true)).await.unwrap();
    answer.bytes.next().await.unwrap().unwrap();
    let mut before = None;
    let sent = until("the upstream to stand still", async || {
        let sent = peer.seen().await[0]["sent"].as_u64();
        let stands = before == sent;
        before = sent;
        // Two looks with a pause between them.
        tokio::time::sleep(Duration::from_millis(100)).await;
        sent.filter(|_| stands)
    })
    .await;
    assert!(sent < 500, "{sent} of 1000 pieces were taken from it with nobody reading");
    let mut length = 0;
    while let Some(Ok(chunk)) = answer.bytes.next().await {
        length += chunk.len();
    }
    assert!(length > 900 * 64 * 1024, "reading on gets the rest");
}
