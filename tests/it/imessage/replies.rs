//! `reply_parent_unresolved`, contract 6.1: in all its cases the message is sent.

use std::time::Duration;

use serde_json::{Value, json};

use super::{blue, history, phone, screen, text};
use crate::server::{ADA, BOB, Line, TestServer};
use crate::wait::until;

async fn reply(server: &TestServer, line: &Line, to: &str, parent: &Value) -> Value {
    let body = json!({"number_id": line.id, "to_number": to, "body": "Re", "reply_to_message_id": parent});
    let sent = server.post("/v1/messages", body, 200).await;
    assert_eq!((&sent["status"], &sent["reply_to_message_id"]), (&json!("sent"), parent), "{sent}");
    sent["reply_parent_unresolved"].clone()
}

#[tokio::test]
async fn a_parent_of_the_conversation_is_threaded_whoever_wrote_it() {
    let (server, line) = blue().await;
    let ours = server.send(&line, ADA, "Nine?").await;
    assert_eq!(ours["reply_parent_unresolved"], Value::Null);
    server.person_texts(ADA, &line, "Ten").await;
    let theirs =
        until("the answer", async || history(&server, &text(&ours, "conversation_id")).await.get(1).cloned())
            .await;
    assert_eq!(reply(&server, &line, ADA, &ours["id"]).await, false);
    assert_eq!(reply(&server, &line, ADA, &theirs["id"]).await, false);
    let shown = screen(&server, ADA).await["data"].clone();
    assert_eq!(shown[2]["reply_to"], ours["id"]);
    assert_eq!(shown[3]["reply_to"], shown[1]["id"]);
    let rows = history(&server, &text(&ours, "conversation_id")).await;
    assert_eq!(rows[3]["replyTo"]["message"], "Ten");
}

#[tokio::test]
async fn an_unknown_one_and_one_of_another_conversation_are_not() {
    let (server, line) = blue().await;
    phone(&server, BOB, true).await;
    let to_bob = server.send(&line, BOB, "Hello Bob").await;
    assert_eq!(reply(&server, &line, ADA, &json!("msg_nobody")).await, true);
    assert_eq!(reply(&server, &line, ADA, &to_bob["id"]).await, true);
    let shown = screen(&server, ADA).await["data"].clone();
    assert!(shown.as_array().unwrap().iter().all(|bubble| bubble["reply_to"].is_null()), "{shown}");
    let rows = server.get(&format!("/v1/numbers/{}/messages", line.id)).await;
    assert!(rows["data"].as_array().unwrap().iter().all(|row| row["replyTo"].is_null()));
}

#[tokio::test]
async fn one_that_went_by_sms_and_one_that_failed_are_not() {
    let (server, line) = blue().await;
    let path = format!("/api/numbers/{}/send/sms", line.id);
    let sms = server.post(&path, json!({"to": ADA, "body": "Green"}), 200).await;
    server.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    assert_eq!(reply(&server, &line, ADA, &sms["messageId"]).await, true);
    server.faults(json!({"refuse_next": 2})).await;
    let failed = server.send(&line, ADA, "Neither way").await;
    assert_eq!(failed["status"], "failed");
    let again = server.send(&line, ADA, "Blue").await;
    assert_eq!(again["channel"], "imessage");
    assert_eq!(reply(&server, &line, ADA, &failed["id"]).await, true);
}

#[tokio::test]
async fn one_that_is_too_old_is_not() {
    let (server, line) = blue().await;
    let old = server.send(&line, ADA, "Long ago").await;
    server.advance(Duration::from_hours(29 * 24));
    assert_eq!(reply(&server, &line, ADA, &old["id"]).await, false);
    server.advance(Duration::from_hours(24));
    assert_eq!(reply(&server, &line, ADA, &old["id"]).await, true);
}

#[tokio::test]
async fn by_sms_nothing_is_threaded() {
    let (server, line) = blue().await;
    let blue_one = server.send(&line, ADA, "Blue").await;
    phone(&server, ADA, false).await;
    assert_eq!(reply(&server, &line, ADA, &blue_one["id"]).await, true, "it fell back");
    assert_eq!(reply(&server, &line, ADA, &blue_one["id"]).await, true, "it went by SMS from the start");
    let sms = server.buy_number("sms").await;
    let green = server.send(&sms, ADA, "Green").await;
    assert_eq!(reply(&server, &sms, ADA, &green["id"]).await, true);
}
