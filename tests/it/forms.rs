//! Forms of the dashboard do nothing twice: a double click, a reload of the answer, a second try.

use serde_json::Value;

use crate::browser::{Browser, hidden};
use crate::client;
use crate::receiver::Receiver;
use crate::server::{ADA, Line, TestServer};
use crate::wait::until_true;

const TOKEN: &str = "once";

/// A conversation of ours with Ada; the path of its page.
async fn conversation(server: &TestServer) -> (Line, String) {
    let line = server.buy_number("sms").await;
    let sent = server.send(&line, ADA, "Hello").await;
    let path = format!("/conversations/{}", sent["conversation_id"].as_str().unwrap());
    (line, path)
}

/// Posts what stands in a form twice at once, and once more when that was answered. All three must lead to one place.
async fn thrice(browser: &Browser<'_>, page: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let token = browser.hidden(page, path, TOKEN).await;
    let fields: Vec<_> = fields.iter().copied().chain([(TOKEN, token.as_str())]).collect();
    let first = client::post(browser.server.address, path, &browser.cookie, &fields).await;
    let second = client::post(browser.server.address, path, &browser.cookie, &fields).await;
    let (first, second) = (client::read(first).await, client::read(second).await);
    let third = browser.submit(path, &fields).await;
    for answer in [first, second] {
        assert_eq!(answer.status, 303, "{path}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("location"), Some(third.as_str()), "{path}");
    }
    third
}

#[tokio::test]
async fn an_answer_is_sent_once_however_often_its_form_is() {
    let server = TestServer::start().await;
    let (_line, path) = conversation(&server).await;
    let (browser, action) = (Browser::of(&server).await, format!("{path}/messages"));
    thrice(&browser, &path, &action, &[("body", "Come by!")]).await;
    thrice(&browser, &path, &action, &[("body", "Come by!")]).await;
    let bodies = server.handed_over(3).await;
    assert_eq!(bodies, ["Hello", "Come by!", "Come by!"], "another page may say the same");
    let token = browser.hidden(&path, &action, TOKEN).await;
    for body in ["One", "Another"] {
        browser.submit(&action, &[("body", body), (TOKEN, &token)]).await;
    }
    assert_eq!(server.handed_over(5).await[3..], ["One", "Another"], "what is typed anew is another text");
}

#[tokio::test]
async fn a_refused_form_keeps_its_token() {
    let server = TestServer::start().await;
    let (_line, path) = conversation(&server).await;
    let (browser, action) = (Browser::of(&server).await, format!("{path}/messages"));
    let long = "x".repeat(1_601);
    let refused = browser.post(&action, &[("body", &long), (TOKEN, "of this form")]).await;
    let page = String::from_utf8(refused.body).unwrap();
    assert_eq!((refused.status, hidden(&page, &action, TOKEN).as_str()), (400, "of this form"));
    browser.submit(&action, &[("body", "Short"), (TOKEN, "of this form")]).await;
    assert_eq!(server.handed_over(2).await, ["Hello", "Short"]);
}

#[tokio::test]
async fn numbers_and_agents_are_made_once() {
    let server = TestServer::start().await;
    let browser = Browser::of(&server).await;
    let number = thrice(&browser, "/numbers", "/numbers", &[("type", "sms"), ("country", "US")]).await;
    let agent = thrice(&browser, "/agents", "/agents", &[("name", "Front desk")]).await;
    let rows = "SELECT '/numbers/' || id FROM numbers UNION SELECT '/agents/' || id FROM agents ORDER BY 1";
    assert_eq!(
        server.column(rows).await.iter().map(|path| format!("{path}?done=created")).collect::<Vec<_>>(),
        [agent, number]
    );
}

#[tokio::test]
async fn a_key_is_created_and_shown_once() {
    let server = TestServer::start().await;
    let browser = Browser::of(&server).await;
    let token = browser.hidden("/keys", "/keys", TOKEN).await;
    let fields = [("name", "production"), (TOKEN, token.as_str())];
    let pages = [browser.post("/keys", &fields).await, browser.post("/keys", &fields).await]
        .map(|answer| String::from_utf8(answer.body).unwrap());
    assert!(pages[0].contains("Your new key") && !pages[1].contains("Your new key"));
    assert!(pages[1].contains("created already"), "{}", pages[1]);
    assert_eq!(server.column("SELECT name FROM api_keys WHERE name = 'production'").await.len(), 1);
}

#[tokio::test]
async fn a_webhook_is_tested_rotated_and_a_delivery_sent_again_once() {
    let (server, receiver) = (TestServer::start().await, Receiver::new([]).await);
    server.webhook(&receiver.url, &["message.sent"]).await;
    let browser = Browser::of(&server).await;
    let story = thrice(&browser, "/webhooks", "/endpoints/account/test", &[]).await;
    assert_eq!(server.deliveries().await.len(), 1);
    let secret = async || server.get("/v1/webhooks").await["secret"].clone();
    let before = secret().await;
    let token = browser.hidden("/webhooks", "/endpoints/account/rotate", TOKEN).await;
    browser.submit("/endpoints/account/rotate", &[(TOKEN, &token)]).await;
    let rotated = secret().await;
    browser.submit("/endpoints/account/rotate", &[(TOKEN, &token)]).await;
    assert!(
        rotated != before && rotated == secret().await,
        "the second would have ended the first's overlap"
    );
    let token = browser.hidden(&story, &format!("{story}/replay"), TOKEN).await;
    let attempts = async || server.deliveries().await[0]["attemptCount"].clone();
    browser.submit(&format!("{story}/replay"), &[(TOKEN, &token)]).await;
    until_true("the second attempt", async || attempts().await == 2).await;
    browser.submit(&format!("{story}/replay"), &[(TOKEN, &token)]).await;
    assert_eq!(server.deliveries().await[0]["status"], Value::from("success"), "nothing is under way again");
}
