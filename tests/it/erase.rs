//! `DELETE /v1/messages/{id}` and `DELETE /v1/conversations/{id}`: nothing of what was said is left anywhere, what it
//! cost is.

use std::time::Duration;

use agentphone::channel::Channel;
use agentphone::clock::Time;
use agentphone::phone::events::Emitter;
use agentphone::phone::messages::Status;
use agentphone::phone::messages::receive::{self, Arrived};
use serde_json::{Value, json};

use crate::client::{self, Request};
use crate::place::postgres_url;
use crate::receiver::{Receiver, Say};
use crate::search::store;
use crate::server::{ADA, Setting, TestServer};
use crate::wait::{until, until_true};

/// Every text column of every table that could repeat what a message said.
const CONTENT: &str = "SELECT body || ' ' || media_urls || ' ' || from_address || ' ' || to_address FROM messages
     UNION ALL SELECT last_message_preview || COALESCE(metadata, '') FROM conversations
     UNION ALL SELECT COALESCE(payload, '') || COALESCE(response_body, '') || COALESCE(error_message, '') FROM deliveries
     UNION ALL SELECT COALESCE(response_body, '') || COALESCE(response_headers, '') FROM attempts
     UNION ALL SELECT COALESCE(data, '') FROM events
     UNION ALL SELECT COALESCE(body, '') FROM idempotency
     UNION ALL SELECT source_url || COALESCE(file_name, '') FROM media
     UNION ALL SELECT task || COALESCE(last_error, '') FROM jobs";

impl TestServer {
    /// Whether any table or the network still holds `word`.
    async fn holds(&self, word: &str) -> bool {
        let in_tables = self.column(CONTENT).await.iter().any(|text| text.contains(word));
        in_tables || self.network_holds(word).await
    }

    /// Whether the network holds `word`: on a phone, in its ledger, in its journal.
    async fn network_holds(&self, word: &str) -> bool {
        let screen = self.sim("GET", &format!("/sim/handsets/{ADA}/messages"), None).await;
        let ledger = self.sim("GET", "/sim/ledger?limit=10000", None).await;
        let journal = self.setting.place.folder().join("network/network.journal");
        let journal = std::fs::read_to_string(journal).unwrap_or_default();
        screen.to_string().contains(word) || ledger.to_string().contains(word) || journal.contains(word)
    }

    async fn forgets(&self, word: &str) {
        let what = format!("{word} to be forgotten");
        until_true(&what, async || {
            self.advance(Duration::from_secs(1));
            !self.holds(word).await
        })
        .await;
    }

    /// The newest message that a person sent.
    async fn received(&self, line: &crate::server::Line) -> Value {
        until("a text to come in", async || {
            let page = self.get(&format!("/v1/numbers/{}/messages", line.id)).await;
            page["data"].as_array().unwrap().iter().rev().find(|row| row["direction"] == "inbound").cloned()
        })
        .await
    }
}

#[tokio::test]
async fn a_deleted_message_is_gone_everywhere_and_its_cost_stays() {
    let receiver = Receiver::new([Say::reply("wombat answers")]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let sent = server.send(&line, ADA, "first and plain").await;
    server.becomes(sent["id"].as_str().unwrap(), Status::Delivered).await;
    server.webhook(&receiver.url, &["agent.message", "message.sent", "message.delivered"]).await;
    server.person_texts(ADA, &line, "zebra stripes").await;
    let inbound = server.received(&line).await;
    server.finds("wombat", 1).await;
    server.finds("zebra", 1).await;
    server.no_jobs("SELECT id FROM jobs WHERE class IN ('send', 'hook')").await;
    let conversation = format!("/v1/conversations/{}", inbound["conversationId"].as_str().unwrap());
    let reply = server.get(&conversation).await["messages"][2].clone();
    assert_eq!((&reply["body"], server.holds("wombat").await), (&json!("wombat answers"), true));
    let usage = server.column("SELECT message_id FROM usage").await.len();

    let id = reply["id"].as_str().unwrap();
    assert_eq!(server.delete(&format!("/v1/messages/{id}"), 200).await, json!({"success": true}));
    let shown = server.get(&conversation).await;
    assert_eq!((&shown["messageCount"], &shown["lastMessagePreview"]), (&json!(2), &json!("zebra stripes")));
    assert_eq!(shown["messages"].as_array().unwrap().len(), 2);
    server.finds("wombat", 0).await;
    server.delete(&format!("/v1/messages/{id}"), 404).await;
    server.forgets("wombat").await;

    let id = inbound["id"].as_str().unwrap();
    server.delete(&format!("/v1/messages/{id}"), 200).await;
    server.forgets("zebra").await;
    let shown = server.get(&conversation).await;
    assert_eq!(
        (&shown["messageCount"], &shown["lastMessagePreview"]),
        (&json!(1), &json!("first and plain"))
    );
    server.finds("zebra", 0).await;
    server.finds("first plain", 1).await;
    assert_eq!(server.column("SELECT message_id FROM usage").await.len(), usage);
    server.no_jobs("SELECT id FROM jobs WHERE lane = 'erase'").await;
    let setting = server.stop().await;
    if postgres_url().is_none() {
        let left = await_bytes(&setting).await;
        let holds = |word: &str| left.windows(word.len()).any(|bytes| bytes == word.as_bytes());
        assert!(holds("first and plain"), "what was not deleted stands in the file");
        assert!(!holds("wombat") && !holds("zebra"), "what was deleted is overwritten there");
    }
}

/// The bytes of a stopped server's database, once its log has been moved into it.
async fn await_bytes(setting: &Setting) -> Vec<u8> {
    let file = setting.place.folder().join("agentphone.db");
    let log = setting.place.folder().join("agentphone.db-wal");
    until_true("the end of the log", async || !log.exists()).await;
    std::fs::read(file).unwrap()
}

#[tokio::test]
async fn nobody_deletes_what_is_not_theirs() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let sent = server.send(&line, ADA, "mine").await;
    let key = server.stranger().await;
    for (path, code) in [
        (format!("/v1/messages/{}", sent["id"].as_str().unwrap()), "MESSAGE_NOT_FOUND"),
        (
            format!("/v1/conversations/{}", sent["conversation_id"].as_str().unwrap()),
            "CONVERSATION_NOT_FOUND",
        ),
        ("/v1/messages/msg_x".to_owned(), "MESSAGE_NOT_FOUND"),
    ] {
        let request = Request { method: "DELETE", path: &path, headers: &[], body: None };
        let answer = server.call_as(&key, request).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (404, json!(code)), "{path}");
    }
    assert!(server.holds("mine").await);
}

#[tokio::test]
async fn a_deleted_message_leaves_the_history_that_later_events_told() {
    let receiver = Receiver::new([]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "giraffe").await;
    let first = server.received(&line).await;
    receiver.count(1).await;
    server.person_texts(ADA, &line, "and later").await;
    let told = receiver.count(2).await;
    assert!(told[1].json()["recentHistory"].to_string().contains("giraffe"));
    server.no_jobs("SELECT id FROM jobs WHERE class = 'hook'").await;
    server.delete(&format!("/v1/messages/{}", first["id"].as_str().unwrap()), 200).await;
    server.forgets("giraffe").await;

    let deliveries = server.deliveries().await;
    for delivery in &deliveries {
        let path = format!("/v1/webhooks/deliveries/{}/replay", delivery["id"].as_str().unwrap());
        server.post(&path, Value::Null, 200).await;
    }
    let told = receiver.count(3).await;
    assert_eq!(told[2].text(), "and later");
    assert!(!told[2].json().to_string().contains("giraffe"));
    until_true("the other replay to be given up", async || {
        server.deliveries().await.iter().any(|delivery| delivery["errorMessage"] == "The message was deleted")
    })
    .await;
    server.no_jobs("SELECT id FROM jobs WHERE class = 'hook'").await;
    assert_eq!(receiver.seen().len(), 3);
}

#[tokio::test]
async fn a_message_that_waits_is_never_sent_once_it_is_deleted() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.line_down(true).await;
    let sent = server.send(&line, ADA, "do not send this").await;
    assert_eq!(server.send(&line, ADA, "send this").await["status"], "queued");
    server.delete(&format!("/v1/messages/{}", sent["id"].as_str().unwrap()), 200).await;
    server.line_down(false).await;
    assert_eq!(server.handed_over(1).await, ["send this"]);
    server.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    server.forgets("do not send").await;
    assert_eq!(server.ledger().await.len(), 1);
}

#[tokio::test]
async fn a_message_on_its_way_is_counted_and_then_forgotten() {
    let server = Setting::new().await.with("SEND_WAIT", "0").start().await;
    let line = server.buy_number("sms").await;
    server.faults(json!({"withhold_next": 1})).await;
    let sent = server.send(&line, ADA, "on its way").await;
    server.handed_over(1).await;
    server.delete(&format!("/v1/messages/{}", sent["id"].as_str().unwrap()), 200).await;
    assert!(
        server.network_holds("on its way").await,
        "it is asked to forget only when the hand-over has ended"
    );
    server.faults(json!({"release": true})).await;
    server.forgets("on its way").await;
    assert_eq!(server.column("SELECT message_id FROM usage").await, [sent["id"].as_str().unwrap()]);
    let listed = server.get(&format!("/v1/numbers/{}/messages", line.id)).await;
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test]
async fn the_network_forgets_as_soon_as_it_is_back() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let sent = server.send(&line, ADA, "capybara").await;
    server.line_down(true).await;
    server.delete(&format!("/v1/messages/{}", sent["id"].as_str().unwrap()), 200).await;
    assert!(server.network_holds("capybara").await);
    server.advance(Duration::from_secs(5));
    assert!(server.network_holds("capybara").await);
    server.line_down(false).await;
    server.forgets("capybara").await;
    let server = server.stop().await.start().await;
    assert!(!server.network_holds("capybara").await, "neither after a start of the network");
    assert_eq!(server.ledger().await[0]["body"], "");
}

#[tokio::test]
async fn a_conversation_is_unseen_at_once_and_erased_through_a_crash() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.person_texts(ADA, &line, "pelican first").await;
    let first = server.received(&line).await;
    let id = first["conversationId"].as_str().unwrap().to_owned();
    let rows: Vec<_> = (0..1_000)
        .map(|n| (format!("msg_{n:05}"), 1_772_442_100_000 + n, format!("pelican number {n}")))
        .collect();
    let (owner, of) = (line.clone(), id.clone());
    server.write(move |tx| store(tx, &owner, &rows, &of)).await;
    server.finds("pelican number", 1_000).await;
    assert_eq!(server.delete(&format!("/v1/conversations/{id}"), 200).await, json!({"success": true}));
    assert_eq!(server.get(&format!("/v1/numbers/{}/messages", line.id)).await["data"], json!([]));
    assert_eq!(server.get("/v1/messages?query=pelican").await["total"], 0);
    assert_eq!(server.get("/v1/conversations").await["total"], 0);
    server.delete("/v1/messages/msg_00999", 404).await;
    for path in [format!("/v1/conversations/{id}"), format!("/v1/conversations/{id}/messages")] {
        let answer = server.call(Request { method: "GET", path: &path, headers: &[], body: None }).await;
        assert_eq!(answer.status, 404, "{path}");
    }

    let server = server.crash().await.start().await;
    server.forgets("pelican").await;
    server.no_jobs("SELECT id FROM jobs WHERE lane = 'erase'").await;
    assert!(server.column("SELECT conversation_id FROM erasures").await.is_empty());
    assert!(server.column("SELECT message_id FROM search_documents").await.is_empty());
    assert_eq!(server.column("SELECT message_id FROM usage").await, [first["id"].as_str().unwrap()]);

    server.person_texts(ADA, &line, "here again").await;
    let again = server.received(&line).await;
    assert_ne!(again["conversationId"], id.as_str());
}

#[tokio::test]
async fn what_a_carrier_offers_again_does_not_come_back() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.person_texts(ADA, &line, "once").await;
    let message = server.received(&line).await;
    let id = message["id"].as_str().unwrap();
    let provider = server.message(id).await.provider_id.unwrap();
    server.delete(&format!("/v1/messages/{id}"), 200).await;
    let arrived = Arrived {
        provider_id: provider,
        from: ADA.to_owned(),
        to: line.number.clone(),
        group: None,
        channel: Channel::Sms,
        body: "once".to_owned(),
        media_urls: Vec::new(),
        reply_to: None,
        media_deadline: Time::from_millis(0),
    };
    let app = server.app.clone();
    let known = server
        .write(move |tx| {
            let emitter = &mut Emitter::default();
            receive::receive(tx, &app.ids, &app.lines, emitter, app.clock.now(), &arrived)
        })
        .await;
    assert_eq!(known.unwrap().as_str(), id);
    assert_eq!(server.get(&format!("/v1/numbers/{}/messages", line.id)).await["data"], json!([]));
}

#[tokio::test]
async fn a_repeated_request_does_not_bring_a_deleted_message_back() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let body = json!({"number_id": line.id, "to_number": ADA, "body": "okapi"});
    let headers = [("idempotency-key", "k1")];
    let request = Request { method: "POST", path: "/v1/messages", headers: &headers, body: Some(&body) };
    let sent = server.call(request).await.json();
    server.delete(&format!("/v1/messages/{}", sent["id"].as_str().unwrap()), 200).await;
    let again = server.call(request).await;
    assert_eq!((again.status, &again.json()["message"]), (404, &json!("The message was deleted")));
    assert_eq!(server.column("SELECT COALESCE(body, '') FROM idempotency").await, [""]);
    assert_eq!(server.ledger().await.len(), 1);
}

#[tokio::test]
async fn pictures_go_with_their_message() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let shelf = server.setting.place.folder().join("network/media");
    std::fs::create_dir_all(&shelf).unwrap();
    std::fs::write(shelf.join("0abc.png"), b"not much of a picture").unwrap();
    let picture = format!("http://{}/sim/media/0abc.png", server.address);
    let said = json!({"to": line.number, "body": "look", "media_urls": [picture]});
    server.sim("POST", &format!("/sim/handsets/{ADA}/messages"), Some(&said)).await;
    let hosted = until("the picture to be hosted", async || {
        server.received(&line).await["mediaUrl"].as_str().map(str::to_owned)
    })
    .await;
    let of = |url: &str| url.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    let get = async |path: String| {
        client::call(server.address, Request { method: "GET", path: &path, headers: &[], body: None })
            .await
            .status
    };
    assert_eq!((get(of(&hosted)).await, get(of(&picture)).await), (200, 200));
    let id = server.received(&line).await["id"].as_str().unwrap().to_owned();
    server.delete(&format!("/v1/messages/{id}"), 200).await;
    assert_eq!(get(of(&hosted)).await, 404);
    server.no_jobs("SELECT id FROM jobs WHERE lane = 'erase'").await;
    assert_eq!(get(of(&picture)).await, 404);
    for folder in ["media", "network/media"] {
        let folder = server.setting.place.folder().join(folder);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{}", folder.display());
    }
}

#[tokio::test]
async fn of_a_carousel_only_the_deleted_picture_goes() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let shelf = server.setting.place.folder().join("network/media");
    std::fs::create_dir_all(&shelf).unwrap();
    let urls = ["0abc", "0def"].map(|name| {
        std::fs::write(shelf.join(format!("{name}.png")), b"not much of a picture").unwrap();
        format!("http://{}/sim/media/{name}.png", server.address)
    });
    let said = json!({"to": line.number, "body": "look", "media_urls": urls});
    server.sim("POST", &format!("/sim/handsets/{ADA}/messages"), Some(&said)).await;
    let messages = until("both pictures to be hosted", async || {
        let page = server.get(&format!("/v1/numbers/{}/messages", line.id)).await;
        let rows = page["data"].as_array().unwrap().clone();
        (rows.len() == 2 && rows.iter().all(|row| row["mediaUrl"].is_string())).then_some(rows)
    })
    .await;
    let shown = async || {
        let screen = server.sim("GET", &format!("/sim/handsets/{ADA}/messages"), None).await;
        screen["data"].as_array().unwrap().iter().map(|row| row["media_urls"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown().await, [json!(urls)]);
    server.delete(&format!("/v1/messages/{}", messages[1]["id"].as_str().unwrap()), 200).await;
    server.forgets("0def").await;
    assert_eq!(shown().await, [json!([urls[0]])]);
    server.delete(&format!("/v1/messages/{}", messages[0]["id"].as_str().unwrap()), 200).await;
    server.forgets("0abc").await;
    assert!(shown().await.is_empty());
}
