//! Rule 8, the clock is passed in: what is due by it happens, however far it jumps; what is kept is kept as long as
//! was promised.

use std::time::Duration;

use agentphone::channel::FailureCode;
use agentphone::clock::{Clock, Time};
use agentphone::id::KeyId;
use agentphone::phone::keys;
use agentphone::phone::messages::Status;
use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::receiver::{Receiver, Say};
use crate::server::{ADA, Line, TestServer};
use crate::wait::{until, until_true};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_message_that_could_not_be_handed_over_within_its_validity_expires() {
    let receiver = Receiver::new([]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &["message.failed"]).await;
    server.line_down(true).await;
    let id = server.send(&line, ADA, "too late").await["id"].as_str().unwrap().to_owned();
    server.advance(23 * HOUR);
    let young = server.send(&line, ADA, "in time").await["id"].as_str().unwrap().to_owned();
    assert_eq!(server.message(&id).await.status, Status::Queued);
    server.advance(HOUR);
    server.line_down(false).await;
    server.advance(Duration::from_secs(1));
    let message = server.becomes(&id, Status::Failed).await;
    assert_eq!(message.error_code, Some(FailureCode::Expired));
    assert_eq!(receiver.count(1).await[0].json()["data"]["errorCode"], "EXPIRED");
    server.becomes(&young, Status::Delivered).await;
    assert_eq!(server.handed_over(1).await, ["in time"]);
}

#[tokio::test]
async fn a_jump_of_the_clock_loses_nothing_and_doubles_nothing() {
    let receiver = Receiver::new([Say::status(500)]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "hello").await;
    server.attempted(1).await;
    server.advance(24 * 20 * HOUR);
    receiver.count(2).await;
    assert_eq!(server.attempted(2).await["status"], "success");
    assert_eq!(server.send(&line, ADA, "still here").await["status"], "sent");
    server.no_jobs("SELECT id FROM jobs WHERE class IN ('send', 'hook')").await;
    assert_eq!(receiver.seen().len(), 2);
    assert_eq!(server.ledger().await.len(), 1);
}

#[tokio::test]
async fn the_systems_clock_never_runs_backwards() {
    let clock = Clock::system();
    let mut last = clock.now();
    for _ in 0..10_000 {
        let now = clock.now();
        assert!(now >= last);
        last = now;
    }
    assert!(last > Time::from_millis(1_700_000_000_000));
}

async fn send_once(server: &TestServer, line: &Line, body: &str) -> Answer {
    let body = json!({"number_id": line.id, "to_number": ADA, "body": body});
    let headers = [("idempotency-key", "the-key")];
    server.call(Request { method: "POST", path: "/v1/messages", headers: &headers, body: Some(&body) }).await
}

#[tokio::test]
async fn an_idempotency_key_is_kept_for_a_day_at_least_and_not_for_ever() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let first = send_once(&server, &line, "hello").await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    server.advance(24 * HOUR);
    let server = server.crash().await.start().await;
    let again = send_once(&server, &line, "hello").await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.json(), first.json());
    assert_eq!(send_once(&server, &line, "other").await.status, 409);
    assert_eq!(server.ledger().await.len(), 1);
    server.advance(25 * HOUR);
    until_true("the key to be pruned", async || {
        server.column("SELECT key FROM idempotency").await.is_empty()
    })
    .await;
    let later = send_once(&server, &line, "hello").await;
    assert_eq!((later.status, later.header("idempotency-replayed")), (200, None));
    assert_ne!(later.json()["id"], first.json()["id"]);
}

#[tokio::test]
async fn a_number_whose_time_is_over_is_released() {
    let server = TestServer::start().await;
    let expires = (server.app.clock.now() + HOUR).to_string();
    let bought = server.post("/v1/numbers", json!({"expiresAt": expires}), 200).await;
    assert_eq!(bought["expiresAt"], json!(expires));
    let path = format!("/v1/numbers/{}", bought["id"].as_str().unwrap());
    server.advance(Duration::from_secs(3_599));
    assert_eq!(server.get(&path).await["status"], "active");
    server.advance(Duration::from_secs(1));
    until("the number to be released", async || {
        Some(server.get(&path).await).filter(|number| number["status"] == "released")
    })
    .await;
    assert_eq!(server.get("/v1/numbers").await["data"], json!([]));
}

#[tokio::test]
async fn a_revoked_key_is_refused_after_a_second() {
    let server = TestServer::start().await;
    server.get("/v1/numbers").await;
    let ids = server.column("SELECT id FROM api_keys").await;
    let (id, now) = (KeyId::from_text(&ids[0]), server.app.clock.now());
    assert!(server.write(move |tx| keys::revoke(tx, &id, now)).await);
    server.advance(Duration::from_secs(1));
    let answer = server.call(Request { method: "GET", path: "/v1/numbers", headers: &[], body: None }).await;
    assert_eq!(answer.status, 401, "{}", answer.json());
}

#[tokio::test]
async fn old_deliveries_are_pruned_and_young_ones_are_not() {
    let receiver = Receiver::new([]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "old").await;
    let old = server.attempted(1).await;
    server.advance(24 * 29 * HOUR);
    server.person_texts(ADA, &line, "young").await;
    until_true("the second delivery", async || server.deliveries().await.len() == 2).await;
    server.advance(25 * HOUR);
    let left = until("the old one to be pruned", async || {
        Some(server.deliveries().await).filter(|left| left.len() == 1)
    })
    .await;
    assert_ne!(left[0]["id"], old["id"]);
    assert_ne!(left[0]["id"], Value::Null);
}
