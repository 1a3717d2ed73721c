//! What only iMessage has, through the whole server: reactions, typing, backgrounds, groups, threaded replies, and
//! the limits and fallbacks that go with them.

mod abilities;
mod backgrounds;
mod groups;
mod limits;
mod outbound;
mod reach;
mod reactions;
mod replies;
mod tapbacks;

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::server::{ADA, Line, TestServer};

/// A server with an iMessage line, and Ada's phone on iMessage.
async fn blue() -> (TestServer, Line) {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    phone(&server, ADA, true).await;
    (server, line)
}

/// Puts a person's phone on iMessage, or takes it away from there.
async fn phone(server: &TestServer, person: &str, imessage: bool) {
    server.sim("PUT", &format!("/sim/handsets/{person}"), Some(&json!({ "imessage": imessage }))).await;
}

/// What a person's phone shows.
async fn screen(server: &TestServer, person: &str) -> Value {
    server.sim("GET", &format!("/sim/handsets/{person}/messages"), None).await
}

/// The reactions on each bubble of a person's phone, with the names of whom they are from.
async fn taps(server: &TestServer, person: &str) -> Vec<Value> {
    screen(server, person).await["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["reactions"].clone())
        .collect()
}

/// The thread of a person's phone with `with`.
async fn thread(server: &TestServer, person: &str, with: &str) -> Value {
    let shown = screen(server, person).await;
    let mut threads = shown["threads"].as_array().unwrap().iter();
    threads.find(|thread| thread["with"] == with).cloned().unwrap_or_default()
}

async fn call(server: &TestServer, method: &str, path: &str, body: Option<&Value>) -> Answer {
    server.call(Request { method, path, headers: &[], body }).await
}

/// The code of the error that a request is answered with.
async fn refused(
    server: &TestServer,
    method: &str,
    path: &str,
    body: Option<Value>,
    expected: u16,
) -> String {
    let answer = call(server, method, path, body.as_ref()).await;
    let shown = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, expected, "{method} {path} {body:?}: {shown}");
    answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// The messages of a conversation, oldest first.
async fn history(server: &TestServer, conversation: &str) -> Vec<Value> {
    let page = server.get(&format!("/v1/conversations/{conversation}/messages")).await;
    page["data"].as_array().unwrap().clone()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}")).to_owned()
}

/// Where a message is reacted to.
fn reactions(message: &Value) -> String {
    format!("/v1/messages/{}/reactions", text(message, "id"))
}
