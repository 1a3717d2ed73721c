//! Which upstream is asked: the least loaded, another one before the first byte, nobody when all are full.

use std::time::Duration;

use agentphone::voice::upstream::{Address, Settings};
use agentphone::voice::{Chat, Fault};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::peer::{Peer, beside, model, question, said, settings, upstreams};
use crate::wait::{until, until_true};

/// An address at which nobody listens: the port was free a moment ago.
fn nobody() -> Address {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Address::parse(&format!("http://{}/v1", listener.local_addr().unwrap())).unwrap()
}

#[tokio::test]
async fn the_least_loaded_is_asked_and_equals_take_turns() {
    let (one, other) = (Peer::start(), Peer::start());
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![one.address(), other.address()]));
    for _ in 0..6 {
        said(&model, "hi", false).await.unwrap();
    }
    assert_eq!((one.seen().await.len(), other.seen().await.len()), (3, 3));

    // A second model with the same first address: what it does there counts.
    let alone = upstreams.model(Settings { name: "alone".into(), ..settings(vec![one.address()]) });
    one.rules(json!([{ "hang": "body" }, {}])).await;
    let held = beside(async move { alone.chat(question("hi", true)).await.map(|_| ()) });
    until_true("the request that hangs", async || one.seen().await.len() == 4).await;
    for _ in 0..4 {
        said(&model, "hi", false).await.unwrap();
    }
    assert_eq!((one.seen().await.len(), other.seen().await.len()), (4, 7));
    let loads: Vec<usize> = upstreams.state().iter().map(|state| state.under_way).collect();
    assert_eq!(loads.iter().sum::<usize>(), 1);
    held.abort();
}

#[tokio::test]
async fn another_is_asked_before_the_first_byte_only() {
    for rule in [
        json!({ "status": 500, "body": "{}" }),
        json!({ "status": 503, "body": "" }),
        json!({ "status": 429, "body": "{}" }),
        json!({ "status": 404, "body": "{}" }),
        json!({ "drop_head": true }),
        json!({ "drop": 0, "content_type": "text/event-stream" }),
        json!({ "body": "<html>", "content_type": "text/html" }),
    ] {
        let (bad, good) = (Peer::start(), Peer::start());
        bad.rules(json!([rule])).await;
        let model = model(&[&bad, &good]);
        said(&model, "hi", true).await.unwrap_or_else(|fault| panic!("{rule}: {fault:?}"));
        said(&model, "hi", true).await.unwrap_or_else(|fault| panic!("{rule}: {fault:?}"));
        assert!(!bad.seen().await.is_empty(), "{rule}: it was its turn once");
        assert_eq!(good.seen().await.len(), 2, "{rule}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_tried_elsewhere() {
    let (one, other) = (Peer::start(), Peer::start());
    for peer in [&one, &other] {
        peer.rules(json!([{ "status": 400, "body": "{}" }])).await;
    }
    assert!(matches!(said(&model(&[&one, &other]), "hi", false).await, Err(Fault::Refused { .. })));
    assert_eq!(one.seen().await.len() + other.seen().await.len(), 1);
}

#[tokio::test]
async fn where_nobody_listens_another_does() {
    let peer = Peer::start();
    let model = upstreams().0.model(settings(vec![nobody(), peer.address()]));
    for _ in 0..3 {
        said(&model, "hi", false).await.unwrap();
    }
    let alone = upstreams().0.model(settings(vec![nobody()]));
    let wanted = "Qwen3-Next-80B: the upstream cannot be reached";
    assert_eq!(said(&alone, "hi", false).await, Err(Fault::Failed { message: wanted.into() }));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_no_failure() {
    let peer = Peer::start();
    let (upstreams, _) = upstreams();
    let model = upstreams.model(settings(vec![peer.address()]));
    said(&model, "hi", false).await.unwrap();
    // The peer reads the next request on the kept connection and closes instead of answering.
    peer.rules(json!([{ "drop_head": true }, {}])).await;
    said(&model, "hi", false).await.unwrap();
    assert_eq!((peer.seen().await.len(), upstreams.state()[0].failures), (3, 0));
}

#[tokio::test]
async fn who_finds_no_room_waits_and_who_finds_no_place_to_wait_is_told() {
    let peer = Peer::start();
    peer.rules(json!([{ "stepped": true }])).await;
    let (upstreams, _) = upstreams();
    let model = upstreams.model(Settings { concurrency: 1, ..settings(vec![peer.address()]) });
    let ask = || {
        let model = model.clone();
        beside(async move { said(&model, "hi", true).await })
    };
    let first = ask();
    until_true("the first", async || peer.seen().await.len() == 1).await;
    let second = ask();
    let waiting = || upstreams.state()[0].models[0].waiting;
    until_true("the second to wait", async || waiting() == 1).await;
    assert_eq!(ask().await.unwrap(), Err(Fault::Busy { seconds: 1 }));

    peer.step(4).await;
    assert!(first.await.unwrap().is_ok());
    until_true("the second at the upstream", async || peer.seen().await.len() == 2).await;
    assert_eq!(waiting(), 0);
    peer.step(4).await;
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_the_room_to_others() {
    let peer = Peer::start();
    peer.rules(json!([{ "hang": "head" }, {}])).await;
    let (upstreams, _) = upstreams();
    let model = upstreams.model(Settings { concurrency: 1, ..settings(vec![peer.address()]) });
    let ask = |model: &agentphone::voice::upstream::Model| {
        let model = model.clone();
        beside(async move { said(&model, "hi", false).await })
    };
    let waiting = || upstreams.state()[0].models[0].waiting;
    let first = ask(&model);
    until_true("the first", async || peer.seen().await.len() == 1).await;
    let second = ask(&model);
    until_true("the second to wait", async || waiting() == 1).await;
    second.abort();
    until_true("its place to be free", async || waiting() == 0).await;
    let third = ask(&model);
    until_true("the third to wait", async || waiting() == 1).await;
    first.abort();
    assert!(third.await.unwrap().is_ok());
    assert_eq!(upstreams.state()[0].under_way, 0);
}

#[tokio::test]
async fn many_at_once_lose_nothing_and_leave_nothing_behind() {
    let (one, other) = (Peer::start(), Peer::start());
    let (upstreams, _) = upstreams();
    let addresses = vec![one.address(), other.address()];
    let model = upstreams.model(Settings { concurrency: 4, ..settings(addresses) });
    let asked = (0..200).map(|at| {
        let model = model.clone();
        async move {
            let words = format!("number {at} of many");
            loop {
                match said(&model, &words, at % 2 == 0).await {
                    Err(Fault::Busy { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                    answer => return (words, answer.unwrap()),
                }
            }
        }
    });
    let answers: Vec<(String, String)> =
        futures_util::stream::iter(asked).buffer_unordered(32).collect().await;
    for (words, answer) in answers {
        let last = words.split(' ').nth(1).unwrap();
        assert!(answer.contains(last), "{words}: {answer}");
    }
    let under_way: Vec<usize> = upstreams.state().iter().map(|state| state.under_way).collect();
    assert_eq!(under_way, [0, 0]);
    let most: Vec<Value> = one.seen().await;
    assert!(!most.is_empty());
    until("both to be idle", async || {
        let all = [one.seen().await, other.seen().await].concat();
        all.iter().all(|seen| seen["outcome"] == "answered").then_some(())
    })
    .await;
}
