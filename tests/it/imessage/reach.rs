//! `GET /v1/contacts/capabilities`: asked of the carrier, remembered for a while, corrected by what is seen meanwhile.

use std::time::Duration;

use serde_json::{Value, json};

use super::{blue, phone, refused};
use crate::server::{ADA, TestServer};
use crate::wait::until_true;

async fn look_up(server: &TestServer, person: &str) -> (Value, Value, Value) {
    let person = person.replace('+', "%2B");
    let found = server.get(&format!("/v1/contacts/capabilities?phone_number={person}")).await;
    let can = &found["capabilities"];
    (can["imessage"].clone(), can["sms"].clone(), found["checkedAt"].clone())
}

#[tokio::test]
async fn an_answer_is_remembered_for_an_hour() {
    let (server, _) = blue().await;
    let nine = json!("2026-03-02T09:00:00.000Z");
    assert_eq!(look_up(&server, ADA).await, (json!(true), json!(true), nine.clone()));
    phone(&server, ADA, false).await;
    server.advance(Duration::from_mins(59));
    assert_eq!(look_up(&server, ADA).await, (json!(true), json!(true), nine));
    server.advance(Duration::from_mins(1));
    assert_eq!(look_up(&server, ADA).await, (json!(false), json!(true), json!("2026-03-02T10:00:00.000Z")));
    assert_eq!(look_up(&server, "ada@example.com").await.1, false);
    let group = "/v1/contacts/capabilities?phone_number=grp_0s8d";
    assert_eq!(refused(&server, "GET", group, None, 422).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn what_cannot_be_told_is_not_remembered() {
    let (server, _) = blue().await;
    server.line_down(true).await;
    assert_eq!(look_up(&server, ADA).await.0, false);
    server.line_down(false).await;
    assert_eq!(look_up(&server, ADA).await.0, true);
}

#[tokio::test]
async fn messages_correct_what_is_remembered() {
    let (server, line) = blue().await;
    assert_eq!(look_up(&server, ADA).await.0, true);
    phone(&server, ADA, false).await;
    assert_eq!(server.send(&line, ADA, "Green").await["channel"], "sms");
    assert_eq!(look_up(&server, ADA).await.0, false);
    phone(&server, ADA, true).await;
    assert_eq!(server.send(&line, ADA, "Green again").await["channel"], "sms", "not asked for every time");
    server.person_texts(ADA, &line, "Blue").await;
    until_true("the look-up to know", async || look_up(&server, ADA).await.0 == true).await;
    assert_eq!(server.send(&line, ADA, "Blue again").await["channel"], "imessage");
}

#[tokio::test]
async fn who_is_found_on_imessage_is_written_to_there() {
    let (server, line) = blue().await;
    phone(&server, ADA, false).await;
    assert_eq!(server.send(&line, ADA, "Green").await["channel"], "sms");
    phone(&server, ADA, true).await;
    assert_eq!(look_up(&server, ADA).await.0, true);
    assert_eq!(server.send(&line, ADA, "Blue").await["channel"], "imessage");
}
