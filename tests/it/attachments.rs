//! Contract 15: reachability, type and size of what is attached, both ways.

use agentphone::phone::messages::Status;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Say};
use crate::server::{ADA, Line, Setting, TestServer};

/// Somebody's web server, with one file.
async fn host(kind: &str, content: &str) -> Receiver {
    let file = || Say::body(content).with_header("content-type", kind);
    Receiver::new([file(), file()]).await
}

async fn small() -> (TestServer, Line) {
    let server = Setting::new().await.with("MEDIA_MAX_BYTES", "64").start().await;
    let line = server.buy_number("sms").await;
    (server, line)
}

/// Sends what `files` has, and answers the answer.
async fn sent(server: &TestServer, line: &Line, files: &Receiver) -> Value {
    let message = json!({"number_id": line.id, "to_number": ADA, "media_urls": [files.url]});
    server.post("/v1/messages", message, 200).await
}

/// What the webhook tells of a message with what `files` has.
async fn told(server: &TestServer, line: &Line, files: &Receiver) -> Value {
    let endpoint = Receiver::new([]).await;
    server.webhook(&endpoint.url, &["agent.message"]).await;
    let said = json!({"to": line.number, "body": "Look", "media_urls": [files.url]});
    server.sim("POST", &format!("/sim/handsets/{ADA}/messages"), Some(&said)).await;
    endpoint.count(1).await[0].json()["data"].clone()
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let (server, line) = small().await;
    let files = host("image/png", &"x".repeat(65)).await;
    let answer = sent(&server, &line, &files).await;
    assert_eq!((&answer["status"], &answer["error_code"]), (&json!("failed"), &json!("MEDIA_TOO_LARGE")));
    assert!(server.ledger().await.is_empty());
    let files = host("image/png", &"x".repeat(64)).await;
    assert_eq!(sent(&server, &line, &files).await["status"], "sent");
}

#[tokio::test]
async fn a_page_is_not_sent_and_a_card_is() {
    let (server, line) = small().await;
    for kind in ["text/html; charset=utf-8", "application/x-msdownload", "application/octet-stream"] {
        let answer = sent(&server, &line, &host(kind, "<!DOCTYPE html>").await).await;
        let (id, code) = (answer["id"].as_str().unwrap(), &answer["error_code"]);
        assert_eq!((&answer["status"], code), (&json!("failed"), &json!("MEDIA_NOT_USABLE")), "{kind}");
        assert_eq!(server.message(id).await.status, Status::Failed);
    }
    assert!(server.ledger().await.is_empty());
    for kind in ["text/vcard", "application/octet-stream"] {
        let answer = sent(&server, &line, &host(kind, "BEGIN:VCARD").await).await;
        assert_eq!(answer["status"], "sent", "{kind}");
    }
}

#[tokio::test]
async fn what_came_and_may_not_be_attached_is_not_hosted_and_not_tried_again() {
    for (kind, content) in [("text/html", "<!DOCTYPE html>"), ("image/png", &"x".repeat(65))] {
        let (server, line) = small().await;
        let files = host(kind, content).await;
        let data = told(&server, &line, &files).await;
        assert_eq!((&data["message"], &data["mediaUrl"]), (&json!("Look"), &Value::Null), "{kind}");
        server.no_jobs("SELECT id FROM jobs WHERE class = 'media'").await;
        assert_eq!(server.column("SELECT status FROM media").await, ["failed"]);
        assert_eq!(files.seen().len(), 1);
    }
}

#[tokio::test]
async fn what_came_without_a_type_is_hosted_with_the_one_it_has() {
    let (server, line) = small().await;
    let data = told(&server, &line, &host("binary/octet-stream", "GIF89a").await).await;
    assert!(data["mediaUrl"].as_str().unwrap().ends_with("/hook.gif"), "{data}");
    assert_eq!(server.column("SELECT content_type FROM media").await, ["image/gif"]);
}
