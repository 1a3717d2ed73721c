//! Group chats: started by us, joined by others' doing, with a roster as last seen and a name that can be changed.

use serde_json::{Value, json};

use super::{blue, call, history, phone, refused, screen, text};
use crate::receiver::Receiver;
use crate::server::{ADA, BOB, Line, TestServer};
use crate::wait::{until, until_true};

const CARL: &str = "+14155550164";

/// A group that people made with our number in it.
async fn added(server: &TestServer, line: &Line) -> (String, Value) {
    let group = json!({"number": line.number, "members": [ADA, BOB], "name": "Saturday ride"});
    let group = text(&server.sim("POST", "/sim/groups", Some(&group)).await, "group_id");
    let conversation = until("the group's conversation", async || {
        let rows = server.get("/v1/conversations").await["data"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["participant"] == group.as_str())
    })
    .await;
    (group, conversation)
}

async fn both() -> (TestServer, Line) {
    let (server, line) = blue().await;
    phone(&server, BOB, true).await;
    (server, line)
}

#[tokio::test]
async fn being_added_opens_a_conversation_with_its_roster() {
    let (server, line) = both().await;
    server.sim("PUT", &format!("/sim/handsets/{ADA}"), Some(&json!({"name": "Ada"}))).await;
    let (group, conversation) = added(&server, &line).await;
    assert_eq!((&conversation["isGroup"], &conversation["groupId"]), (&json!(true), &json!(group)));
    assert_eq!(conversation["groupName"], "Saturday ride");
    let roster = json!([{"identifier": ADA, "name": "Ada"}, {"identifier": BOB, "name": null}]);
    assert_eq!(conversation["participants"], roster);
    assert_eq!(conversation["messageCount"], 0);
    let sent = server.send(&line, &group, "Count me in").await;
    assert_eq!((&sent["status"], &sent["to_number"]), (&json!("sent"), &json!(group)));
    for person in [ADA, BOB] {
        assert_eq!(screen(&server, person).await["data"][0]["body"], "Count me in");
    }
}

#[tokio::test]
async fn who_comes_and_goes_is_seen_and_who_left_is_heard_no_more() {
    let (server, line) = both().await;
    phone(&server, CARL, true).await;
    let (group, conversation) = added(&server, &line).await;
    let path = format!("/v1/conversations/{}", text(&conversation, "id"));
    let change = json!({"members": [ADA, CARL], "name": "Sunday ride"});
    server.sim("PATCH", &format!("/sim/groups/{group}"), Some(&change)).await;
    let roster = json!([{"identifier": ADA, "name": null}, {"identifier": CARL, "name": null}]);
    until_true("the roster to change", async || server.get(&path).await["participants"] == roster).await;
    assert_eq!(server.get(&path).await["groupName"], "Sunday ride");
    assert_eq!(server.get(&path).await["groupId"], json!(group));
    let left = json!({"to": group, "body": "Wait!"});
    let texted = format!("/sim/handsets/{BOB}/messages");
    assert_eq!(call(&server, "POST", &texted, Some(&left)).await.status, 400);
    let sent = server.send(&line, &group, "Where is Bob?").await;
    assert_eq!(sent["status"], "sent");
    assert_eq!(screen(&server, CARL).await["data"].as_array().unwrap().len(), 1);
    assert_eq!(screen(&server, BOB).await["data"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_text_that_a_member_sent_before_leaving_is_stored_as_theirs() {
    use agentphone::channel::Channel;
    use agentphone::id::Ids;
    use agentphone::phone::conversations::Member;
    use agentphone::phone::events::Emitter;
    use agentphone::phone::messages::receive::{self, Arrived, ArrivedGroup};
    let (server, line) = both().await;
    let (group, conversation) = added(&server, &line).await;
    let stays = Member { identifier: ADA.to_owned(), name: None };
    let arrived = Arrived {
        provider_id: "late_1".to_owned(),
        from: BOB.to_owned(),
        to: line.number.clone(),
        group: Some(ArrivedGroup { provider_id: group, name: None, members: vec![stays] }),
        channel: Channel::Imessage,
        body: "Bye".to_owned(),
        media_urls: Vec::new(),
        reply_to: None,
        media_deadline: server.app.clock.now(),
    };
    let (ids, lines, now) =
        (Ids::from_seed(server.setting.clock.clone(), 78), server.app.lines.clone(), server.app.clock.now());
    server.write(move |tx| receive::receive(tx, &ids, &lines, &mut Emitter::default(), now, &arrived)).await;
    let id = text(&conversation, "id");
    let row = history(&server, &id).await.pop().unwrap();
    assert_eq!((&row["body"], &row["senderIdentifier"]), (&json!("Bye"), &json!(BOB)));
    let shown = server.get(&format!("/v1/conversations/{id}")).await;
    assert_eq!(shown["participants"], json!([{"identifier": ADA, "name": null}]));
}

#[tokio::test]
async fn a_member_writes_to_the_group_and_is_named() {
    let (agent, number) = (Receiver::new([]).await, Receiver::new([]).await);
    let (server, line) = both().await;
    server.webhook(&agent.url, &[]).await;
    server.put(&format!("/api/numbers/{}/webhook", line.id), json!({"url": number.url}), 200).await;
    let (group, conversation) = added(&server, &line).await;
    let said = json!({"to": group, "body": "Rain or not?"});
    server.sim("POST", &format!("/sim/handsets/{BOB}/messages"), Some(&said)).await;
    let data = agent.count(1).await[0].json()["data"].clone();
    assert_eq!((&data["from"], &data["senderIdentifier"]), (&json!(BOB), &json!(BOB)));
    assert_eq!(data["group"]["groupId"], json!(group));
    assert_eq!(data["group"]["groupName"], "Saturday ride");
    let row = history(&server, &text(&conversation, "id")).await.pop().unwrap();
    assert_eq!((&row["senderIdentifier"], &row["fromNumber"]), (&json!(BOB), &json!(BOB)));
    assert_eq!(row["toNumber"], line.number.as_str());
    let reply = json!({
        "number_id": line.id, "to_number": group, "body": "Not", "reply_to_message_id": row["id"],
    });
    let sent = server.post("/v1/messages", reply, 200).await;
    assert_eq!(sent["reply_parent_unresolved"], false);
    assert_eq!(sent["conversation_id"], conversation["id"]);
    assert!(screen(&server, ADA).await["data"][1]["reply_to"].is_string());
    server.person_texts(ADA, &line, "Only between us").await;
    let told = number.count(1).await;
    assert_eq!(told[0].json()["body"], "Only between us", "a number's own webhook hears of no groups");
    assert!(agent.count(2).await[1].json()["data"].get("group").is_none());
}

#[tokio::test]
async fn recipients_start_a_group_unless_one_is_not_on_imessage() {
    let (server, line) = both().await;
    let start = |people: Value| json!({"number_id": line.id, "recipients": people, "body": "Saturday?"});
    let sent = server.post("/v1/messages", start(json!([ADA, BOB])), 200).await;
    assert_eq!((&sent["status"], &sent["channel"]), (&json!("sent"), &json!("imessage")));
    let group = text(&sent, "to_number");
    assert!(group.starts_with("grp_"));
    let stored = server.column("SELECT id FROM messages").await.len();
    for people in [json!([ADA, CARL]), json!([CARL, BOB, ADA]), json!([ADA, "262966"])] {
        let code = refused(&server, "POST", "/v1/messages", Some(start(people)), 400).await;
        assert_eq!(code, "CHANNEL_NOT_SUPPORTED");
    }
    for people in [json!([ADA]), json!([]), json!([ADA, ADA]), json!([ADA, group]), json!([ADA, "nonsense"])]
    {
        let code = refused(&server, "POST", "/v1/messages", Some(start(people)), 422).await;
        assert_eq!(code, "VALIDATION_ERROR");
    }
    let sms = server.buy_number("sms").await;
    let by_sms = json!({"number_id": sms.id, "recipients": [ADA, BOB], "body": "Saturday?"});
    assert_eq!(refused(&server, "POST", "/v1/messages", Some(by_sms), 400).await, "CHANNEL_NOT_SUPPORTED");
    assert_eq!(server.column("SELECT id FROM messages").await.len(), stored, "nothing of it is stored");
    assert_eq!(server.ledger().await.len(), 1);
}

#[tokio::test]
async fn an_address_of_somebody_who_is_not_on_imessage_is_refused() {
    let (server, line) = blue().await;
    phone(&server, "ada@example.com", true).await;
    assert_eq!(server.send(&line, "ada@example.com", "Hi").await["channel"], "imessage");
    let absent = json!({"number_id": line.id, "to_number": "bob@example.com", "body": "Hi"});
    assert_eq!(refused(&server, "POST", "/v1/messages", Some(absent), 400).await, "CHANNEL_NOT_SUPPORTED");
}

#[tokio::test]
async fn the_group_of_another_number_is_not_found() {
    let (server, line) = both().await;
    let (group, _) = added(&server, &line).await;
    let other = server.buy_number("imessage").await;
    let foreign = json!({"number_id": other.id, "to_number": group, "body": "Hello"});
    assert_eq!(refused(&server, "POST", "/v1/messages", Some(foreign), 404).await, "GROUP_NOT_FOUND");
    let unknown = json!({"number_id": line.id, "to_number": "grp_nobody", "body": "Hello"});
    assert_eq!(refused(&server, "POST", "/v1/messages", Some(unknown), 404).await, "GROUP_NOT_FOUND");
}

#[tokio::test]
async fn a_group_is_renamed_and_a_refused_name_changes_nothing() {
    let (server, line) = both().await;
    let (group, conversation) = added(&server, &line).await;
    let path = format!("/v1/conversations/{}", text(&conversation, "id"));
    let named =
        call(&server, "PATCH", &path, Some(&json!({"group_name": "Sunday <b>ride</b>"}))).await.json();
    assert_eq!(named["groupName"], "Sunday <b>ride</b>");
    let known = server.sim("GET", &format!("/sim/groups/{group}"), None).await;
    assert_eq!(known["name"], "Sunday <b>ride</b>");
    server.faults(json!({"refuse_next": 1})).await;
    let change = json!({"group_name": "Monday", "metadata": {"a": 1}});
    assert_eq!(refused(&server, "PATCH", &path, Some(change), 400).await, "CHANNEL_NOT_SUPPORTED");
    let shown = server.get(&path).await;
    assert_eq!((&shown["groupName"], &shown["metadata"]), (&json!("Sunday <b>ride</b>"), &Value::Null));
    for malformed in
        [json!({"group_name": ""}), json!({"group_name": "x".repeat(201)}), json!({"group_name": 1})]
    {
        assert_eq!(refused(&server, "PATCH", &path, Some(malformed), 422).await, "VALIDATION_ERROR");
    }
    let one = server.send(&line, ADA, "Hello").await;
    let path = format!("/v1/conversations/{}", text(&one, "conversation_id"));
    let ignored = call(&server, "PATCH", &path, Some(&json!({"group_name": "No group"}))).await;
    assert_eq!((ignored.status, ignored.json().get("groupName")), (200, None));
}

#[tokio::test]
async fn typing_and_a_background_reach_the_whole_group() {
    let pictures = Receiver::new([crate::receiver::Say::body("GIF89a")]).await;
    let (server, line) = both().await;
    let (group, conversation) = added(&server, &line).await;
    let path = format!("/v1/conversations/{}", text(&conversation, "id"));
    server.post(&format!("{path}/typing"), Value::Null, 200).await;
    let set = server.post(&format!("{path}/background"), json!({"image_url": pictures.url}), 200).await;
    assert_eq!(set["changed"], true);
    for person in [ADA, BOB] {
        let thread = super::thread(&server, person, &group).await;
        assert_eq!((&thread["typing"], &thread["background"]), (&json!(true), &json!(pictures.url)));
    }
}
