//! Typing signs, effects and carousels, as the phone at the other end shows them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{blue, phone, refused, screen, text, thread};
use crate::receiver::{Receiver, Say};
use crate::server::{ADA, TestServer};
use crate::wait::until_true;

async fn type_in(server: &TestServer, sent: &Value) -> Value {
    let path = format!("/v1/conversations/{}/typing", text(sent, "conversation_id"));
    server.post(&path, Value::Null, 200).await
}

#[tokio::test]
async fn typing_shows_on_the_phone() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let typing = type_in(&server, &sent).await;
    let expected = json!({
        "conversationId": sent["conversation_id"], "channel": "imessage", "status": "typing indicator sent",
    });
    assert_eq!(typing, expected);
    assert_eq!(thread(&server, ADA, &line.number).await["typing"], true);
    server.advance(Duration::from_secs(6));
    until_true("the sign to end", async || thread(&server, ADA, &line.number).await["typing"] == false).await;
}

#[tokio::test]
async fn on_sms_nobody_types() {
    let (server, line) = blue().await;
    phone(&server, ADA, false).await;
    let sent = server.send(&line, ADA, "Green").await;
    let expected = json!({
        "conversationId": sent["conversation_id"], "channel": "sms", "status": "typing indicator not supported",
    });
    assert_eq!(type_in(&server, &sent).await, expected);
    let nowhere = "/v1/conversations/conv_nobody/typing";
    assert_eq!(refused(&server, "POST", nowhere, None, 404).await, "CONVERSATION_NOT_FOUND");
}

#[tokio::test]
async fn a_typing_sign_that_is_late_is_not_shown() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    server.line_down(true).await;
    assert_eq!(type_in(&server, &sent).await["status"], "typing indicator sent");
    server.advance(Duration::from_secs(10));
    server.line_down(false).await;
    server.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    assert_eq!(thread(&server, ADA, &line.number).await["typing"], false);
    assert_eq!(server.column("SELECT error_code FROM acts").await, ["EXPIRED"]);
}

#[tokio::test]
async fn a_typing_sign_holds_up_no_message() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "first").await;
    server.line_down(true).await;
    type_in(&server, &sent).await;
    assert!(server.column("SELECT id FROM jobs WHERE order_key IS NOT NULL").await.is_empty());
}

#[tokio::test]
async fn all_twelve_effects_arrive_and_a_thirteenth_does_not() {
    let (server, line) = blue().await;
    let effects = [
        "slam",
        "loud",
        "gentle",
        "invisible",
        "confetti",
        "balloons",
        "fireworks",
        "celebration",
        "lasers",
        "spotlight",
        "echo",
        "love",
    ];
    for effect in effects {
        let message = json!({"number_id": line.id, "to_number": ADA, "body": "!", "send_style": effect});
        assert_eq!(server.post("/v1/messages", message, 200).await["channel"], "imessage");
    }
    let shown = screen(&server, ADA).await;
    let seen: Vec<_> = shown["data"].as_array().unwrap().iter().map(|it| it["effect"].clone()).collect();
    assert_eq!(seen, effects);
    for unknown in ["wobble", "Slam", ""] {
        let message = json!({"number_id": line.id, "to_number": ADA, "body": "!", "send_style": unknown});
        assert_eq!(refused(&server, "POST", "/v1/messages", Some(message), 422).await, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn twenty_pictures_are_one_carousel_and_twenty_one_are_too_many() {
    let pictures = Receiver::new([]).await;
    let (server, line) = blue().await;
    let urls =
        |count: usize| (0..count).map(|each| format!("{}/{each}.gif", pictures.url)).collect::<Vec<_>>();
    let message =
        json!({"number_id": line.id, "to_number": ADA, "body": "Which one?", "media_urls": urls(20)});
    let sent = server.post("/v1/messages", message, 200).await;
    assert_eq!((&sent["status"], &sent["channel"]), (&json!("sent"), &json!("imessage")));
    let shown = screen(&server, ADA).await["data"].clone();
    assert_eq!(shown.as_array().unwrap().len(), 2, "the carousel, and the text after it");
    assert_eq!(shown[0]["media_urls"].as_array().unwrap().len(), 20);
    assert_eq!((&shown[1]["body"], &shown[1]["message_id"]), (&json!("Which one?"), &sent["id"]));
    let message = json!({"number_id": line.id, "to_number": ADA, "media_urls": urls(21)});
    assert_eq!(refused(&server, "POST", "/v1/messages", Some(message), 422).await, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_fallback_drops_effect_and_reply_and_keeps_the_pictures() {
    let pictures = Receiver::new([Say::body("GIF89a")]).await;
    let (server, line) = blue().await;
    let first = server.send(&line, ADA, "Blue").await;
    phone(&server, ADA, false).await;
    let message = json!({
        "number_id": line.id, "to_number": ADA, "body": "Green", "send_style": "confetti",
        "reply_to_message_id": first["id"], "media_urls": [pictures.url],
    });
    let sent = server.post("/v1/messages", message, 200).await;
    assert_eq!((&sent["status"], &sent["channel"]), (&json!("sent"), &json!("mms")));
    assert_eq!(sent["reply_parent_unresolved"], true);
    assert_eq!(sent["conversation_id"], first["conversation_id"]);
    let last = server.ledger().await.pop().unwrap();
    assert_eq!(
        (&last["channel"], &last["effect"], &last["reply_to"]),
        (&json!("mms"), &Value::Null, &Value::Null)
    );
    assert_eq!(last["media_urls"].as_array().unwrap().len(), 1);
    let row = super::history(&server, &text(&sent, "conversation_id")).await.pop().unwrap();
    assert_eq!((&row["replyTo"], &row["channel"]), (&Value::Null, &json!("mms")));
}
