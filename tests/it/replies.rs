//! Contract 11.3, the inline reply: at most one per inbound message, over retries and over both kinds of endpoint.

use std::time::Duration;

use serde_json::{Value, json};

use crate::receiver::{Receiver, Say};
use crate::server::{ADA, TestServer};
use crate::wait::until_true;

#[tokio::test]
async fn over_both_kinds_of_endpoint_one_reply_is_sent() {
    let agent = Receiver::new([Say::reply("from the agent")]).await;
    let number = Receiver::new([Say::reply("from the number")]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&agent.url, &[]).await;
    server.put(&format!("/api/numbers/{}/webhook", line.id), json!({"url": number.url}), 200).await;
    server.person_texts(ADA, &line, "hello").await;
    until_true("both deliveries to end", async || {
        let deliveries = server.deliveries().await;
        deliveries.len() == 2 && deliveries.iter().all(|delivery| delivery["status"] == "success")
    })
    .await;
    server.no_jobs("SELECT id FROM jobs WHERE class IN ('send', 'hook')").await;
    let ledger = server.ledger().await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    assert_eq!((&ledger[0]["to"], &ledger[0]["from"]), (&json!(ADA), &json!(line.number)));
    let deliveries = server.deliveries().await;
    let replied: Vec<_> =
        deliveries.iter().filter(|delivery| delivery["replyMessageId"].is_string()).collect();
    assert_eq!(replied.len(), 1);
    assert_eq!(replied[0]["replyMessageId"], ledger[0]["message_id"]);
    let late = deliveries.iter().find(|delivery| delivery["replyMessageId"].is_null()).unwrap();
    assert!(late["replyError"].is_string(), "{late}");
}

#[tokio::test]
async fn a_replayed_delivery_cannot_reply_twice() {
    let receiver = Receiver::new([Say::reply("once"), Say::reply("twice")]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "hello").await;
    let delivery = server.attempted(1).await;
    server
        .post(
            &format!("/v1/webhooks/deliveries/{}/replay", delivery["id"].as_str().unwrap()),
            Value::Null,
            200,
        )
        .await;
    let again = server.attempted(2).await;
    assert_eq!(again["replyMessageId"], delivery["replyMessageId"]);
    server.no_jobs("SELECT id FROM jobs WHERE class IN ('send', 'hook')").await;
    assert_eq!(server.handed_over(1).await, ["once"]);
}

#[tokio::test]
async fn only_a_success_replies() {
    let refused = Say::reply("in a failure");
    let receiver = Receiver::new([refused.with_status(500), Say::reply("at last")]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "hello").await;
    server.attempted(1).await;
    server.advance(Duration::from_secs(331));
    assert_eq!(server.handed_over(1).await, ["at last"]);
}

#[tokio::test]
async fn a_test_replies_nothing() {
    let receiver = Receiver::new([Say::reply("to a test")]).await;
    let server = TestServer::start().await;
    server.webhook(&receiver.url, &[]).await;
    let tested = server.post("/v1/webhooks/test", json!({}), 200).await;
    assert_eq!(tested["success"], true);
    assert_eq!(receiver.count(1).await[0].json()["test"], true);
    server.no_jobs("SELECT id FROM jobs WHERE class IN ('send', 'hook')").await;
    assert_eq!(server.ledger().await.len(), 0);
}
