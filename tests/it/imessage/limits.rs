//! New contacts of an iMessage line, contract 14.3: counted per line and day; over the limit by SMS, else 429.

use std::time::Duration;

use serde_json::{Value, json};

use super::{call, phone, text};
use crate::server::{Line, Setting, TestServer};
use crate::wait::until_true;

fn person(count: u32) -> String {
    format!("+1415555{:04}", 200 + count)
}

async fn limited(new_contacts: i64, callers: i64) -> (TestServer, Line) {
    let server = Setting::new().await.with_daily(new_contacts, callers).start().await;
    let line = server.buy_number("imessage").await;
    for count in 0..6 {
        phone(&server, &person(count), true).await;
    }
    (server, line)
}

async fn channel(server: &TestServer, line: &Line, count: u32) -> String {
    text(&server.send(line, &person(count), "Hello").await, "channel")
}

async fn used(server: &TestServer, line: &Line) -> Value {
    server.get(&format!("/v1/numbers/{}", line.id)).await["dailyNewContacts"].clone()
}

#[tokio::test]
async fn over_the_limit_a_text_goes_by_sms_until_the_next_day() {
    let (server, line) = limited(2, 1_000).await;
    assert_eq!(used(&server, &line).await, json!({"used": 0, "limit": 2}));
    assert_eq!(channel(&server, &line, 0).await, "imessage");
    assert_eq!(channel(&server, &line, 1).await, "imessage");
    assert_eq!(channel(&server, &line, 0).await, "imessage", "a person counts once a day");
    assert_eq!(channel(&server, &line, 2).await, "sms");
    let route = "SELECT route FROM messages WHERE to_address = '+14155550202'";
    assert_eq!(server.column(route).await, ["new_contact_limit"], "the story tells what really happened");
    assert_eq!(used(&server, &line).await, json!({"used": 2, "limit": 2}));
    let other = server.buy_number("imessage").await;
    assert_eq!(channel(&server, &other, 2).await, "imessage", "each line has its own");
    // The tests begin at nine in the morning, UTC.
    server.advance(Duration::from_hours(15));
    assert_eq!(used(&server, &line).await, json!({"used": 0, "limit": 2}));
    assert_eq!(channel(&server, &line, 2).await, "imessage");
}

#[tokio::test]
async fn what_cannot_go_by_sms_is_429_and_stores_nothing() {
    let (server, line) = limited(2, 1_000).await;
    phone(&server, "ada@example.com", true).await;
    assert_eq!(channel(&server, &line, 0).await, "imessage");
    let stored = server.column("SELECT id FROM messages").await;
    let group = json!({"number_id": line.id, "recipients": [person(1), person(2)], "body": "Hello"});
    let answer = call(&server, "POST", "/v1/messages", Some(&group)).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (429, &json!("NEW_CONTACT_LIMIT")));
    assert_eq!(answer.header("retry-after"), Some("54000"), "at midnight, UTC");
    assert_eq!(used(&server, &line).await["used"], 1, "of a group that was refused nobody counts");
    assert_eq!(channel(&server, &line, 1).await, "imessage");
    let email = json!({"number_id": line.id, "to_number": "ada@example.com", "body": "Hello"});
    assert_eq!(call(&server, "POST", "/v1/messages", Some(&email)).await.status, 429);
    let long = json!({"number_id": line.id, "to_number": person(3), "body": "x".repeat(1_601)});
    assert_eq!(call(&server, "POST", "/v1/messages", Some(&long)).await.status, 429);
    assert_eq!(server.column("SELECT id FROM messages").await.len(), stored.len() + 1);
}

#[tokio::test]
async fn an_answer_within_a_day_is_free_and_later_a_caller_counts_as_one() {
    let (server, line) = limited(1, 1).await;
    for count in 0..2 {
        server.person_texts(&person(count), &line, "Is my bike ready?").await;
    }
    let arrived = "SELECT id FROM messages WHERE direction = 'inbound'";
    until_true("both texts", async || server.column(arrived).await.len() == 2).await;
    for count in 0..2 {
        assert_eq!(channel(&server, &line, count).await, "imessage");
    }
    assert_eq!(used(&server, &line).await["used"], 0);
    server.advance(Duration::from_hours(25));
    assert_eq!(channel(&server, &line, 0).await, "imessage");
    assert_eq!(channel(&server, &line, 1).await, "sms", "one caller a day");
    assert_eq!(channel(&server, &line, 2).await, "imessage", "new contacts are counted by themselves");
    assert_eq!(channel(&server, &line, 3).await, "sms");
}

#[tokio::test]
async fn the_simulated_network_has_no_limit_of_its_own() {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    for count in 0..60 {
        phone(&server, &person(count), true).await;
        assert_eq!(channel(&server, &line, count).await, "imessage");
    }
    assert_eq!(used(&server, &line).await, json!({"used": 0, "limit": 50}));
}
