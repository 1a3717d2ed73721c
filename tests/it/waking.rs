//! Rule 5, waking: work that is enqueued is done at once; a lost wake-up costs one poll and nothing else.

use std::time::Duration;

use agentphone::id::DeliveryId;
use agentphone::phone::messages::Status;
use serde_json::json;

use crate::place::START;
use crate::receiver::{Receiver, Say};
use crate::server::{ADA, TestServer};
use crate::wait::until_true;

#[tokio::test]
async fn a_job_runs_without_waiting_for_the_poll() {
    let receiver = Receiver::new([Say::reply("and hello")]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &["message.sent", "message.delivered"]).await;
    server.person_texts(ADA, &line, "hello").await;
    assert_eq!(server.handed_over(1).await, ["and hello"]);
    // A receipt may come before the carrier's answer, and then `message.sent` is skipped.
    until_true("the delivery to be told", async || {
        receiver.seen().iter().any(|seen| seen.json()["event"] == "message.delivered")
    })
    .await;
    assert_eq!(server.app.clock.now(), START, "no time has passed, so nobody polled");
}

#[tokio::test]
async fn a_waiting_job_is_woken_when_the_one_before_it_ends() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.faults(json!({"withhold_next": 1})).await;
    let body = json!({"number_id": line.id, "to_number": ADA, "body": "one"});
    let _under_way = server.begin("POST", "/v1/messages", &body).await;
    server.handed_over(1).await;
    let second = server.send(&line, ADA, "two").await;
    server.faults(json!({"release": true})).await;
    server.becomes(second["id"].as_str().unwrap(), Status::Delivered).await;
    assert_eq!(server.app.clock.now(), START, "no time has passed, so nobody polled");
}

#[tokio::test]
async fn a_lost_wake_up_costs_one_poll() {
    let receiver = Receiver::new([Say::status(500)]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "hello").await;
    receiver.count(1).await;
    let delivery = server.attempted(1).await;
    // Due now, and nobody says so.
    let id = DeliveryId::from_text(delivery["id"].as_str().unwrap());
    let key = format!("deliver/{id}");
    let changed = server
        .write(move |tx| {
            tx.execute_counted("UPDATE jobs SET run_at = ?2 WHERE unique_key = ?1", &[&key, &START])
        })
        .await;
    assert_eq!(changed, 1);
    server.advance(Duration::from_secs(1));
    receiver.count(2).await;
}
