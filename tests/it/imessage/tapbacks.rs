//! People's tapbacks: stored once, shown on the message, told by `agent.reaction`.

use std::time::Duration;

use agentphone::clock::Time;
use agentphone::db::Tx;
use agentphone::id::Ids;
use agentphone::phone::events::Emitter;
use agentphone::phone::reactions::{self, Arrived};
use serde_json::{Value, json};

use super::{blue, history, phone, screen, taps, text};
use crate::place::START;
use crate::receiver::Receiver;
use crate::server::{ADA, BOB, Line, TestServer};
use crate::wait::{until, until_true};

async fn tap(server: &TestServer, person: &str, message: &Value, reaction: Value) {
    let body = json!({"message_id": message["id"], "reaction": reaction});
    server.sim("POST", &format!("/sim/handsets/{person}/reactions"), Some(&body)).await;
}

async fn on(server: &TestServer, sent: &Value) -> Vec<Value> {
    let rows = history(server, &text(sent, "conversation_id")).await;
    let row = rows.into_iter().find(|row| row["id"] == sent["id"]).unwrap();
    row["reactions"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_tapback_is_shown_and_told() {
    let receiver = Receiver::new([]).await;
    let (server, line) = blue().await;
    server.webhook(&receiver.url, &["agent.reaction"]).await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let conversation = text(&sent, "conversation_id");
    let patch = json!({"metadata": {"ticket": "R-118"}});
    super::call(&server, "PATCH", &format!("/v1/conversations/{conversation}"), Some(&patch)).await;
    tap(&server, ADA, &sent, json!("love")).await;
    let event = receiver.count(1).await[0].json();
    assert_eq!((&event["event"], &event["channel"]), (&json!("agent.reaction"), &json!("imessage")));
    assert_eq!(event["conversationState"], json!({"ticket": "R-118"}));
    assert_eq!(
        event["data"],
        json!({
            "conversationId": conversation, "numberId": line.id, "reactionType": "love", "fromNumber": ADA,
            "direction": "inbound", "messageId": sent["id"], "messageBody": "Nine?", "messageMediaUrl": null,
            "messageMediaUrls": [], "createdAt": "2026-03-02T09:00:00.000Z",
        })
    );
    assert_eq!(event["recentHistory"].as_array().unwrap().len(), 1);
    let shown = on(&server, &sent).await;
    assert_eq!(shown.len(), 1);
    assert_eq!((&shown[0]["reactionType"], &shown[0]["fromNumber"]), (&json!("love"), &json!(ADA)));
    assert_eq!(shown[0]["direction"], "inbound");
}

#[tokio::test]
async fn replaced_it_is_told_again_and_taken_back_it_is_not() {
    let receiver = Receiver::new([]).await;
    let (server, line) = blue().await;
    server.webhook(&receiver.url, &["agent.reaction"]).await;
    let sent = server.send(&line, ADA, "Nine?").await;
    tap(&server, ADA, &sent, json!("love")).await;
    receiver.count(1).await;
    tap(&server, ADA, &sent, json!("love")).await;
    tap(&server, ADA, &sent, json!("🎉")).await;
    let told = receiver.count(2).await;
    assert_eq!(told[1].json()["data"]["reactionType"], "🎉", "the same once more is no news");
    assert_eq!(on(&server, &sent).await.len(), 1);
    tap(&server, ADA, &sent, Value::Null).await;
    until_true("the reaction to be gone", async || on(&server, &sent).await.is_empty()).await;
    tap(&server, ADA, &sent, json!("like")).await;
    assert_eq!(receiver.count(3).await[2].json()["data"]["reactionType"], "like");
    assert_eq!(receiver.seen().len(), 3);
}

#[tokio::test]
async fn both_sides_react_without_getting_in_each_others_way() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Nine?").await;
    tap(&server, ADA, &sent, json!("love")).await;
    server.post(&super::reactions(&sent), json!({"reaction": "like"}), 200).await;
    until_true("both to be shown", async || on(&server, &sent).await.len() == 2).await;
    super::call(&server, "DELETE", &super::reactions(&sent), None).await;
    let left = on(&server, &sent).await;
    assert_eq!((left.len(), &left[0]["fromNumber"]), (1, &json!(ADA)));
}

/// Stores a tapback as a carrier would bring it, told to nobody but the table of events.
async fn arrives(server: &TestServer, line: &Line, id: &str, message: &Value, word: Option<&str>, at: Time) {
    let arrived = Arrived {
        provider_id: id.to_owned(),
        from: ADA.to_owned(),
        to: line.number.clone(),
        group: None,
        message_id: text(message, "id"),
        reaction: word.map(str::to_owned),
        at,
    };
    let ids = Ids::from_seed(server.setting.clock.clone(), 77);
    let now = server.app.clock.now();
    let unit = move |tx: &mut Tx<'_>| {
        let mut emitter = Emitter::default();
        reactions::receive(tx, &ids, &mut emitter, now, &arrived)?;
        emitter.store(tx, &ids, now).map(drop)
    };
    server.write(unit).await;
}

#[tokio::test]
async fn one_that_is_offered_again_changes_nothing() {
    let receiver = Receiver::new([]).await;
    let (server, line) = blue().await;
    server.webhook(&receiver.url, &["agent.reaction"]).await;
    let sent = server.send(&line, ADA, "Nine?").await;
    let later = START + Duration::from_secs(1);
    arrives(&server, &line, "tap_1", &sent, Some("love"), START).await;
    arrives(&server, &line, "tap_1", &sent, Some("love"), START).await;
    arrives(&server, &line, "tap_2", &sent, None, later).await;
    arrives(&server, &line, "tap_1", &sent, Some("love"), START).await;
    assert!(on(&server, &sent).await.is_empty(), "what was taken back stays so");
    receiver.count(1).await;
    assert_eq!(server.column("SELECT id FROM events").await.len(), 1);
}

#[tokio::test]
async fn one_on_nothing_we_know_is_let_go() {
    let (server, line) = blue().await;
    let unknown = json!({"id": "msg_nobody"});
    arrives(&server, &line, "tap_1", &unknown, Some("love"), START).await;
    assert!(server.column("SELECT id FROM reactions").await.is_empty());
}

#[tokio::test]
async fn each_picture_of_a_carousel_has_reactions_of_its_own() {
    let (server, line) = blue().await;
    let pictures = json!({"to": line.number, "body": "", "media_urls": ["http://127.0.0.1:1/a.png", "http://127.0.0.1:1/b.png"]});
    server.sim("POST", &format!("/sim/handsets/{ADA}/messages"), Some(&pictures)).await;
    let messages = until("both pictures", async || {
        let page = server.get(&format!("/v1/numbers/{}/messages", line.id)).await;
        Some(page["data"].as_array().unwrap().clone()).filter(|rows| rows.len() == 2)
    })
    .await;
    for (message, word) in messages.iter().zip(["love", "laugh"]) {
        server.post(&super::reactions(message), json!({"reaction": word}), 200).await;
    }
    let both = json!([
        {"from": line.number, "reaction": "love"},
        {"from": line.number, "reaction": "laugh", "part": 1},
    ]);
    assert_eq!(taps(&server, ADA).await, [both]);
}

#[tokio::test]
async fn in_a_group_it_says_who_and_which_group() {
    let receiver = Receiver::new([]).await;
    let (server, line) = blue().await;
    phone(&server, BOB, true).await;
    server.webhook(&receiver.url, &["agent.reaction"]).await;
    let group = json!({"number_id": line.id, "recipients": [ADA, BOB], "body": "Saturday?"});
    let sent = server.post("/v1/messages", group, 200).await;
    tap(&server, BOB, &sent, json!("like")).await;
    let data = receiver.count(1).await[0].json()["data"].clone();
    assert_eq!((&data["senderIdentifier"], &data["fromNumber"]), (&json!(BOB), &json!(BOB)));
    assert_eq!(data["group"]["groupId"], sent["to_number"]);
    assert_eq!(data["group"]["isGroup"], true);
    assert_eq!(data["group"]["participants"].as_array().unwrap().len(), 2);
    assert_eq!(screen(&server, BOB).await["data"][0]["reactions"][0]["from"], BOB);
}
