//! Contract 11.1, attempts of a webhook: the schedule, `Retry-After`, 410, redirects, and what is sent each time.

use std::time::Duration;

use agentphone::clock::Time;
use serde_json::Value;

use crate::receiver::{Receiver, Say};
use crate::server::{ADA, TestServer};
use crate::wait::until_true;

/// A server whose account's webhook is this receiver, and one inbound text on its way to it.
async fn told(receiver: &Receiver) -> TestServer {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "hello").await;
    server
}

/// How long the delivery pauses now, in milliseconds.
fn pause(server: &TestServer, delivery: &Value) -> i64 {
    let next = Time::parse(delivery["nextRetryAt"].as_str().expect("there is another attempt")).unwrap();
    next.millis() - server.app.clock.now().millis()
}

#[tokio::test]
async fn six_attempts_by_the_schedule_with_the_same_body_then_failed() {
    let receiver = Receiver::new((0..7).map(|_| Say::status(500))).await;
    let server = told(&receiver).await;
    let minutes = 60_000;
    for (attempt, least) in
        (1..).zip([5 * minutes, 30 * minutes, 120 * minutes, 360 * minutes, 720 * minutes])
    {
        let delivery = server.attempted(attempt).await;
        let pause = pause(&server, &delivery);
        assert!((least..=least + least / 10).contains(&pause), "attempt {attempt}: {pause} ms");
        assert_eq!(i64::try_from(receiver.seen().len()).unwrap(), attempt);
        server.advance(Duration::from_millis(pause.unsigned_abs()));
        receiver.count(usize::try_from(attempt).unwrap() + 1).await;
    }
    let delivery = server.attempted(6).await;
    assert_eq!((&delivery["status"], &delivery["nextRetryAt"]), (&"failed".into(), &Value::Null));
    assert_eq!(delivery["httpStatus"], 500);
    server.no_jobs("SELECT id FROM jobs WHERE class = 'hook'").await;
    let seen = receiver.seen();
    assert!(seen.iter().all(|one| one.body == seen[0].body), "rendered once");
    assert!(seen.iter().all(|one| one.header("webhook-id") == seen[0].header("webhook-id")));
    assert!(seen[1].header("webhook-timestamp") > seen[0].header("webhook-timestamp"), "signed anew");
    // It can be sent again, with the same id.
    let path = format!("/v1/webhooks/deliveries/{}/replay", delivery["id"].as_str().unwrap());
    server.post(&path, Value::Null, 200).await;
    let seen = receiver.count(7).await;
    assert_eq!((&seen[6].body, seen[6].header("webhook-id")), (&seen[0].body, seen[0].header("webhook-id")));
}

#[tokio::test]
async fn a_retry_that_arrives_ends_the_delivery() {
    let receiver = Receiver::new([Say::status(500)]).await;
    let server = told(&receiver).await;
    server.attempted(1).await;
    server.advance(Duration::from_secs(330));
    let delivery = server.attempted(2).await;
    assert_eq!((&delivery["status"], &delivery["httpStatus"]), (&"success".into(), &200.into()));
    server.no_jobs("SELECT id FROM jobs WHERE class = 'hook'").await;
}

#[tokio::test]
async fn retry_after_lengthens_a_pause_and_never_shortens_it() {
    for (status, seconds, expected) in
        [(429, "3600", 3_600_000), (503, "3600", 3_600_000), (503, "1", 300_000), (500, "3600", 300_000)]
    {
        let receiver = Receiver::new([Say::status(status).with_header("retry-after", seconds)]).await;
        let server = told(&receiver).await;
        let delivery = server.attempted(1).await;
        let pause = pause(&server, &delivery);
        assert!((expected..=expected + expected / 10).contains(&pause), "{status}, {seconds} s: {pause} ms");
    }
}

#[tokio::test]
async fn gone_ends_the_retries_at_once() {
    let receiver = Receiver::new([Say::status(410)]).await;
    let server = told(&receiver).await;
    let delivery = server.attempted(1).await;
    assert_eq!((&delivery["status"], &delivery["nextRetryAt"]), (&"failed".into(), &Value::Null));
    server.no_jobs("SELECT id FROM jobs WHERE class = 'hook'").await;
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = Receiver::new([]).await;
    let receiver = Receiver::new([Say::status(302).with_header("location", &elsewhere.url)]).await;
    let server = told(&receiver).await;
    let delivery = server.attempted(1).await;
    assert_eq!((&delivery["status"], &delivery["httpStatus"]), (&"pending".into(), &302.into()));
    assert!(pause(&server, &delivery) >= 300_000);
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_tried_again() {
    let receiver = Receiver::new([]).await;
    let url = receiver.url.clone();
    drop(receiver);
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    until_true("the port to be free", async || {
        let port = url::Url::parse(&url).unwrap().port().unwrap();
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err()
    })
    .await;
    server.webhook(&url, &[]).await;
    server.person_texts(ADA, &line, "hello").await;
    let delivery = server.attempted(1).await;
    assert_eq!((&delivery["status"], &delivery["httpStatus"]), (&"pending".into(), &Value::Null));
    assert!(delivery["errorMessage"].is_string());
}

#[tokio::test]
async fn deliveries_survive_a_crash() {
    let receiver = Receiver::new([Say::status(500)]).await;
    let server = told(&receiver).await;
    server.attempted(1).await;
    let server = server.crash().await.start().await;
    server.advance(Duration::from_secs(331));
    let seen = receiver.count(2).await;
    assert_eq!(seen[0].body, seen[1].body);
    server.attempted(2).await;
}
