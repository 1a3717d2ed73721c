//! Rule 3 for webhooks: the unit that stores a text begins its first delivery as well, where there is room for it; what
//! finds none waits for its turn, and what a crash interrupts is tried again.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;

use crate::receiver::{Receiver, Say};
use crate::server::{ADA, Setting, TestServer};
use crate::wait::until_true;

const JOBS: &str = "SELECT id FROM jobs WHERE class = 'hook'";
const WAITING: &str = "SELECT id FROM jobs WHERE class = 'hook' AND lease IS NULL";

/// An endpoint that holds its first requests back until the gate is open.
async fn held(requests: usize) -> (Receiver, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let script: Vec<_> = (0..requests).map(|_| Say::status(200).behind(&gate)).collect();
    (Receiver::new(script).await, gate)
}

async fn started(receiver: &Receiver) -> TestServer {
    let server = Setting::new().await.with("WEBHOOKS_PER_ENDPOINT", "2").start().await;
    server.webhook(&receiver.url, &[]).await;
    server
}

#[tokio::test]
async fn no_more_are_under_way_at_an_endpoint_than_it_may_have() {
    let (receiver, gate) = held(5).await;
    let server = started(&receiver).await;
    let line = server.buy_number("sms").await;
    for person in 1..=5 {
        server.person_texts(&format!("+1415555010{person}"), &line, &format!("text {person}")).await;
    }
    receiver.count(2).await;
    until_true("three to wait", async || server.column(WAITING).await.len() == 3).await;
    assert_eq!(server.column(JOBS).await.len(), 5);
    assert_eq!(receiver.seen().len(), 2);
    gate.add_permits(5);
    server.no_jobs(JOBS).await;
    let mut texts: Vec<_> = receiver.count(5).await.iter().map(crate::receiver::Seen::text).collect();
    texts.sort();
    assert_eq!(texts, ["text 1", "text 2", "text 3", "text 4", "text 5"], "each once");
}

#[tokio::test]
async fn one_conversation_is_told_in_order() {
    let (receiver, gate) = held(1).await;
    let server = started(&receiver).await;
    let line = server.buy_number("sms").await;
    for text in ["one", "two", "three"] {
        server.person_texts(ADA, &line, text).await;
    }
    receiver.count(1).await;
    until_true("two to wait", async || server.column(WAITING).await.len() == 2).await;
    gate.add_permits(1);
    let texts: Vec<_> = receiver.count(3).await.iter().map(crate::receiver::Seen::text).collect();
    assert_eq!(texts, ["one", "two", "three"]);
}

#[tokio::test]
async fn what_a_crash_interrupts_is_told_again() {
    let (receiver, gate) = held(1).await;
    let server = started(&receiver).await;
    let line = server.buy_number("sms").await;
    server.person_texts(ADA, &line, "hello").await;
    receiver.count(1).await;
    let server = server.crash().await.start().await;
    gate.add_permits(1);
    until_true("it to be told again", async || {
        // What the dead held is due a moment later.
        server.advance(Duration::from_millis(100));
        receiver.seen().len() == 2
    })
    .await;
    let seen = receiver.seen();
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    server.no_jobs(JOBS).await;
    let delivery = server.deliveries().await.remove(0);
    assert_eq!((&delivery["status"], &delivery["attemptCount"]), (&json!("success"), &json!(2)));
}
