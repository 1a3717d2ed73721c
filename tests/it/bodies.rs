//! Contract 10.2: how large a webhook may get.

use serde_json::json;

use crate::client::Request;
use crate::receiver::Receiver;
use crate::server::{ADA, TestServer};

#[tokio::test]
async fn the_longest_answer_to_the_longest_message_stays_below_100_kb() {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    let path = format!("/sim/handsets/{ADA}");
    server.sim("PUT", &path, Some(&json!({"imessage": true}))).await;
    let (asked, answered) = ("🔔".repeat(10_000), "🚲".repeat(10_000));
    let sent = server.send(&line, ADA, &asked).await;
    let metadata = json!({"note": "x".repeat(32 * 1024 - 11)});
    let change = json!({ "metadata": metadata });
    let conversation = format!("/v1/conversations/{}", sent["conversation_id"].as_str().unwrap());
    let request = Request { method: "PATCH", path: &conversation, headers: &[], body: Some(&change) };
    assert_eq!(server.call(request).await.status, 200);
    let endpoint = Receiver::new([]).await;
    server.webhook(&endpoint.url, &["agent.message"]).await;
    let said = json!({"to": line.number, "body": answered, "reply_to": sent["id"]});
    server.sim("POST", &format!("{path}/messages"), Some(&said)).await;
    let seen = endpoint.count(1).await.remove(0);
    assert!(seen.body.len() < 100_000, "{} bytes", seen.body.len());
    let told = seen.json();
    assert_eq!((&told["data"]["message"], &told["conversationState"]), (&json!(answered), &metadata));
    let quoted = told["data"]["replyTo"]["message"].as_str().unwrap();
    assert!(quoted.starts_with('🔔') && quoted.ends_with('…'), "{} letters", quoted.chars().count());
    assert_eq!(told["data"]["replyTo"]["messageId"], sent["id"]);
}
