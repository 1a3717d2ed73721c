//! Our reactions, contract 6.5: one on each message, a new one in place of the old, shown as long as none refused it.

use serde_json::{Value, json};

use super::{blue, call, history, phone, reactions, refused, taps, text};
use crate::client::Request;
use crate::server::{ADA, Setting};
use crate::wait::until_true;

async fn shown(server: &crate::server::TestServer, sent: &Value) -> Vec<Value> {
    let rows = history(server, &text(sent, "conversation_id")).await;
    let row = rows.iter().find(|row| row["id"] == sent["id"]).unwrap();
    row["reactions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_reaction_is_on_the_phone_and_on_the_message() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let answer = call(&server, "POST", &reactions(&sent), Some(&json!({"reaction": "love"}))).await;
    let body = String::from_utf8(answer.body.clone()).unwrap();
    let (id, message) = (text(&answer.json(), "id"), text(&sent, "id"));
    assert!(id.starts_with("rxn_"), "{body}");
    assert_eq!(
        body,
        format!(
            "{{\"id\":\"{id}\",\"reactionType\":\"love\",\"messageId\":\"{message}\",\"channel\":\"imessage\",\
             \"reaction_type\":\"love\",\"message_id\":\"{message}\"}}"
        )
    );
    assert_eq!(taps(&server, ADA).await, [json!([{"from": line.number, "reaction": "love"}])]);
    let shown = shown(&server, &sent).await;
    assert_eq!(shown.len(), 1);
    let row = &shown[0];
    assert_eq!((&row["id"], &row["reactionType"]), (&json!(id), &json!("love")));
    assert_eq!((&row["fromNumber"], &row["direction"]), (&json!(line.number), &json!("outbound")));
    assert_eq!(row["createdAt"], "2026-03-02T09:00:00.000Z");
    let listed = server.get(&format!("/v1/numbers/{}/messages", line.id)).await;
    assert_eq!(listed["data"][0]["reactions"][0]["id"], json!(id));
}

#[tokio::test]
async fn twice_is_once_another_replaces_and_none_takes_back() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let path = reactions(&sent);
    let first = server.post(&path, json!({"reaction": "like"}), 200).await;
    let again = server.post(&path, json!({"reaction": "like"}), 200).await;
    assert_eq!(again, first);
    assert_eq!(server.column("SELECT id FROM acts").await, [text(&first, "id")]);
    let party = server.post(&path, json!({"reaction": "🎉"}), 200).await;
    assert_ne!(party["id"], first["id"]);
    let on = shown(&server, &sent).await;
    assert_eq!(on.len(), 1);
    assert_eq!((&on[0]["id"], &on[0]["reactionType"]), (&party["id"], &json!("🎉")));
    assert_eq!(taps(&server, ADA).await, [json!([{"from": line.number, "reaction": "🎉"}])]);
    for _ in 0..2 {
        let removed = call(&server, "DELETE", &path, None).await;
        assert_eq!((removed.status, removed.json()), (200, json!({"success": true})));
    }
    assert_eq!(shown(&server, &sent).await, [] as [Value; 0]);
    assert_eq!(taps(&server, ADA).await, [json!([])]);
}

#[tokio::test]
async fn what_is_no_reaction_is_refused_and_leaves_nothing() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let path = reactions(&sent);
    for nonsense in ["adore", "LOVE", "🎉🎉", "x", "<b>", " love", "\u{202e}"] {
        let code = refused(&server, "POST", &path, Some(json!({"reaction": nonsense})), 400).await;
        assert_eq!(code, "REACTION_NOT_SUPPORTED", "{nonsense:?}");
    }
    for malformed in [json!({}), json!({"reaction": ""}), json!({"reaction": null}), json!({"reaction": 1})] {
        let code = refused(&server, "POST", &path, Some(malformed), 422).await;
        assert_eq!(code, "VALIDATION_ERROR");
    }
    let nobody = "/v1/messages/msg_nobody/reactions";
    assert_eq!(
        refused(&server, "POST", nobody, Some(json!({"reaction": "love"})), 404).await,
        "MESSAGE_NOT_FOUND"
    );
    assert_eq!(refused(&server, "DELETE", nobody, None, 404).await, "MESSAGE_NOT_FOUND");
    assert!(server.column("SELECT id FROM acts").await.is_empty());
}

#[tokio::test]
async fn an_sms_cannot_be_reacted_to() {
    let (server, line) = blue().await;
    phone(&server, ADA, false).await;
    let sent = server.send(&line, ADA, "Green").await;
    let love = Some(json!({"reaction": "love"}));
    assert_eq!(refused(&server, "POST", &reactions(&sent), love, 400).await, "CHANNEL_NOT_SUPPORTED");
    assert_eq!(refused(&server, "DELETE", &reactions(&sent), None, 400).await, "CHANNEL_NOT_SUPPORTED");
}

#[tokio::test]
async fn a_refused_reaction_leaves_the_one_before() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let path = reactions(&sent);
    server.post(&path, json!({"reaction": "like"}), 200).await;
    server.faults(json!({"refuse_next": 1})).await;
    let love = Some(json!({"reaction": "love"}));
    assert_eq!(refused(&server, "POST", &path, love, 400).await, "REACTION_NOT_SUPPORTED");
    let on = shown(&server, &sent).await;
    assert_eq!((on.len(), &on[0]["reactionType"]), (1, &json!("like")));
}

#[tokio::test]
async fn behind_a_line_that_is_down_it_is_shown_until_it_is_refused() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let path = reactions(&sent);
    server.post(&path, json!({"reaction": "like"}), 200).await;
    server.line_down(true).await;
    server.post(&path, json!({"reaction": "love"}), 200).await;
    assert_eq!(shown(&server, &sent).await[0]["reactionType"], "love");
    server.faults(json!({"refuse_next": 1})).await;
    server.line_down(false).await;
    until_true("the refused reaction to be gone", async || {
        shown(&server, &sent).await[0]["reactionType"] == "like"
    })
    .await;
    assert_eq!(taps(&server, ADA).await, [json!([{"from": line.number, "reaction": "like"}])]);
}

#[tokio::test]
async fn without_an_answer_in_time_it_is_200_and_shown() {
    let server = Setting::new().await.with("SEND_WAIT", "0.05").start().await;
    let line = server.buy_number("imessage").await;
    phone(&server, ADA, true).await;
    let sent = server.send(&line, ADA, "Nine?").await;
    server.faults(json!({"accept_delay_ms": 60_000})).await;
    let reacted = server.post(&reactions(&sent), json!({"reaction": "laugh"}), 200).await;
    assert_eq!(shown(&server, &sent).await[0]["id"], reacted["id"]);
    until_true("the hand-over to begin", async || {
        server.column("SELECT status FROM acts").await == ["sending"]
    })
    .await;
    server.advance(std::time::Duration::from_secs(61));
    until_true("the reaction to be settled", async || {
        server.column("SELECT status FROM acts").await == ["sent"]
    })
    .await;
    assert_eq!(shown(&server, &sent).await[0]["id"], reacted["id"]);
}

#[tokio::test]
async fn one_found_in_sending_is_never_handed_over_again() {
    let setting = Setting::new().await.with("SEND_WAIT", "0.05").with_network_beside().await;
    let server = setting.start().await;
    let line = server.buy_number("imessage").await;
    phone(&server, ADA, true).await;
    let sent = server.send(&line, ADA, "Nine?").await;
    server.faults(json!({"accept_delay_ms": 60_000})).await;
    server.post(&reactions(&sent), json!({"reaction": "laugh"}), 200).await;
    until_true("the hand-over to begin", async || {
        server.column("SELECT status FROM acts").await == ["sending"]
    })
    .await;
    let setting = server.crash().await;
    let server = setting.start().await;
    // Whatever was handed over now would be refused, and use this up.
    server.faults(json!({"accept_delay_ms": 0, "refuse_next": 1})).await;
    until_true("the reaction to be in doubt", async || {
        // What a process held that is gone is looked at a moment after it was given back.
        server.advance(std::time::Duration::from_millis(100));
        server.column("SELECT status FROM acts").await == ["unconfirmed"]
    })
    .await;
    assert_eq!(shown(&server, &sent).await[0]["reactionType"], "laugh");
    assert_eq!(server.sim("GET", "/sim/faults", None).await["refuse_next"], 1);
    server.faults(json!({"refuse_next": 0})).await;
    let again = server.post(&reactions(&sent), json!({"reaction": "laugh"}), 200).await;
    assert_eq!(shown(&server, &sent).await[0]["id"], again["id"], "asked for anew, it goes out anew");
    assert_eq!(server.column("SELECT status FROM acts ORDER BY seq").await, ["unconfirmed", "sent"]);
}

#[tokio::test]
async fn a_repeated_request_with_a_key_answers_the_same() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let path = reactions(&sent);
    let post = async |word: &str| {
        let (body, headers) = (json!({"reaction": word}), [("idempotency-key", "once")]);
        server.call(Request { method: "POST", path: &path, headers: &headers, body: Some(&body) }).await
    };
    let first = post("love").await;
    server.post(&path, json!({"reaction": "like"}), 200).await;
    let again = post("love").await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(shown(&server, &sent).await[0]["reactionType"], "like");
    assert_eq!(post("laugh").await.status, 409);
}

#[tokio::test]
async fn it_waits_its_turn_behind_the_message_it_is_on() {
    let (server, line) = blue().await;
    server.send(&line, ADA, "first").await;
    server.line_down(true).await;
    let second = server.send(&line, ADA, "second").await;
    server.post(&reactions(&second), json!({"reaction": "question"}), 200).await;
    server.line_down(false).await;
    until_true("message and reaction on the phone", async || {
        taps(&server, ADA).await.get(1) == Some(&json!([{"from": line.number, "reaction": "question"}]))
    })
    .await;
}

#[tokio::test]
async fn one_that_waited_when_its_number_was_released_does_not_leave_from_it() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    server.line_down(true).await;
    server.post(&reactions(&sent), json!({"reaction": "love"}), 200).await;
    server.delete(&format!("/v1/numbers/{}", line.id), 200).await;
    server.line_down(false).await;
    server.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    assert_eq!(server.column("SELECT error_code FROM acts").await, ["CARRIER_UNAVAILABLE"]);
    assert_eq!(taps(&server, ADA).await, [json!([])]);
}
