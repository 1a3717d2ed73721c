//! Forms of the dashboard do nothing twice (a double click, a reload of the answer, a second try) and lose nothing: not
//! what somebody typed, nor what stands where an older page does not show it.

use std::time::Duration;

use agentphone::id::AgentId;
use agentphone::phone::{accounts, agents};
use serde_json::{Value, json};

use crate::browser::{Browser, cookie, hidden, link, page};
use crate::client::{self, Answer};
use crate::receiver::Receiver;
use crate::server::{ADA, Line, Setting, TestServer};
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
    let told = async || {
        let delivery = server.deliveries().await.remove(0);
        format!("{} {}", delivery["status"].as_str().unwrap(), delivery["attemptCount"])
    };
    browser.submit(&format!("{story}/replay"), &[(TOKEN, &token)]).await;
    until_true("the second attempt", async || told().await == "success 2").await;
    browser.submit(&format!("{story}/replay"), &[(TOKEN, &token)]).await;
    assert_eq!(told().await, "success 2", "nothing is under way again");
}

/// An agent, and then so many newer ones.
async fn crowd(server: &TestServer, newer: usize) -> String {
    let first = server.post("/v1/agents", json!({"name": "The first"}), 200).await["id"].clone();
    let rest: Vec<_> = (0..newer).map(|_| AgentId::new(&server.app.ids)).collect();
    let now = server.setting.clock.now() + Duration::from_secs(1);
    let unit = move |tx: &mut agentphone::db::Tx<'_>| {
        let account = accounts::list(tx)?.remove(0).id;
        let profile = agents::list(tx, &account, 1, 0)?.0.remove(0);
        for id in &rest {
            let agent = agents::Agent { id: id.clone(), created_at: now, ..profile.clone() };
            agents::create(tx, &account, &agent)?;
        }
        Ok(())
    };
    server.write(unit).await;
    first.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn saving_the_page_of_a_number_keeps_an_agent_that_is_not_among_the_newest() {
    let server = TestServer::start().await;
    let (line, first) = (server.buy_number("sms").await, crowd(&server, 200).await);
    let attach = format!("/v1/agents/{first}/numbers");
    server.post(&attach, json!({"numberId": line.id}), 200).await;
    let (browser, path) = (Browser::of(&server).await, format!("/numbers/{}", line.id));
    let shown = browser.page(&path).await;
    assert!(shown.contains(&format!("<option value=\"{first}\" selected>The first</option>")), "{shown}");
    let agent = async || server.get(&format!("/v1{path}")).await["agentId"].clone();
    let kept = hidden(&shown, &path, "shown");
    browser.submit(&path, &[("shown", &kept), ("agent", &first)]).await;
    assert_eq!(agent().await, first);
    let other = server.post("/v1/agents", json!({"name": "Another"}), 200).await["id"].clone();
    let attach = format!("/v1/agents/{}/numbers", other.as_str().unwrap());
    server.post(&attach, json!({"numberId": line.id}), 200).await;
    browser.submit(&path, &[("shown", &kept), ("agent", &first)]).await;
    assert_eq!(agent().await, other, "what the form does not change stays as it is");
    browser.submit(&path, &[("shown", &kept), ("agent", "")]).await;
    assert_eq!(agent().await, Value::Null);
}

#[tokio::test]
async fn an_agent_that_is_not_among_the_newest_is_found_by_name_or_id() {
    let server = TestServer::start().await;
    let (line, first) = (server.buy_number("sms").await, crowd(&server, 230).await);
    let (browser, path) = (Browser::of(&server).await, format!("/numbers/{}", line.id));
    let agent = async || server.get(&format!("/v1{path}")).await["agentId"].clone();
    for (named, why) in
        [("Nobody", "No agent has this name or id"), ("Same", "Several agents have this name")]
    {
        if named == "Same" {
            server.post("/v1/agents", json!({"name": named}), 200).await;
            server.post("/v1/agents", json!({"name": named}), 200).await;
        }
        let refused = browser.post(&path, &[("shown", ""), ("agent", ""), ("otherAgent", named)]).await;
        assert_eq!(refused.status, 422);
        let shown = text(refused);
        assert!(shown.contains(why) && shown.contains(&format!("value=\"{named}\"")), "{shown}");
    }
    let renamed = first.clone();
    server
        .write(move |tx| tx.execute("UPDATE agents SET name = 'Oldest' WHERE id = ?1", &[&renamed.as_str()]))
        .await;
    browser.submit(&path, &[("shown", ""), ("agent", ""), ("otherAgent", "Oldest")]).await;
    assert_eq!(agent().await, first.as_str());
    assert!(browser.page("/numbers").await.contains("<bdi>Oldest</bdi>"), "the list tells whose it is");
    browser.submit(&path, &[("shown", &first), ("agent", "")]).await;
    browser.submit(&path, &[("shown", ""), ("otherAgent", &first)]).await;
    assert_eq!(agent().await, first.as_str());

    let sent = server.send(&line, ADA, "Hello").await;
    let conversation = format!("/conversations/{}", sent["conversation_id"].as_str().unwrap());
    for filter in ["otherAgent=Oldest".to_owned(), format!("otherAgent={first}"), format!("agent={first}")] {
        let page = browser.page(&format!("/conversations?{filter}")).await;
        assert!(page.contains(&conversation), "{filter}");
        assert!(
            page.contains(&format!("<option value=\"{first}\" selected>Oldest</option>")),
            "{filter}: it is shown"
        );
    }
    let unknown = page(&server, "/conversations?otherAgent=Nobody", &browser.cookie).await;
    assert!(unknown.status == 422 && text(unknown).contains("No agent has this name or id"));
}

#[tokio::test]
async fn the_list_of_agents_goes_on_to_the_first() {
    let server = TestServer::start().await;
    let first = crowd(&server, 230).await;
    let browser = Browser::of(&server).await;
    let mut seen = Vec::new();
    let mut path = "/agents".to_owned();
    loop {
        let page = browser.page(&path).await;
        seen.extend(
            page.split("href=\"/agents/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
        let Some((_, rest)) = page.split_once("href=\"/agents?before=") else { break };
        path = format!("/agents?before={}", rest.split('"').next().unwrap());
    }
    let all: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), all.len()), (231, 231), "each once");
    assert_eq!(seen.last(), Some(&first), "the oldest last");
}

fn text(answer: Answer) -> String {
    String::from_utf8(answer.body).unwrap().replace("&quot;", "\"")
}

#[tokio::test]
async fn metadata_that_was_changed_meanwhile_is_not_written_over() {
    let server = TestServer::start().await;
    let (_line, path) = conversation(&server).await;
    let (browser, action) = (Browser::of(&server).await, format!("{path}/metadata"));
    let opened = browser.hidden(&path, &action, "shown").await;
    let metadata = async || server.get(&format!("/v1{path}")).await["metadata"].clone();
    let patched = client::Request {
        method: "PATCH",
        path: &format!("/v1{path}"),
        headers: &[],
        body: Some(&json!({"metadata": {"step": "by a program"}})),
    };
    assert_eq!(server.call(patched).await.status, 200);
    let typed = r#"{"step": "by a person"}"#;
    let stale = browser.post(&action, &[("metadata", typed), ("shown", &opened)]).await;
    assert_eq!(stale.status, 422);
    let both = text(stale);
    assert!(
        both.contains("by a program") && both.contains(typed) && both.contains("was changed since"),
        "{both}"
    );
    assert_eq!(metadata().await, json!({"step": "by a program"}));
    let broken = browser.post(&action, &[("metadata", "{"), ("shown", &opened)]).await;
    assert_eq!(hidden(&text(broken), &action, "shown"), opened, "it has not shown what is stored");
    let seen = hidden(&both, &action, "shown");
    for _ in 0..2 {
        browser.submit(&action, &[("metadata", typed), ("shown", &seen)]).await;
    }
    assert_eq!(metadata().await, json!({"step": "by a person"}), "who has seen it may replace it");
}

#[tokio::test]
async fn an_agent_that_another_tab_changed_is_not_written_over() {
    let server = TestServer::start().await;
    let agent = server.post("/v1/agents", json!({"name": "Front desk"}), 200).await;
    let path = format!("/agents/{}", agent["id"].as_str().unwrap());
    let browser = Browser::of(&server).await;
    let opened = browser.hidden(&path, &path, "shown").await;
    let fields = |name, prompt, shown| {
        [("name", name), ("systemPrompt", prompt), ("enableMessaging", "yes"), ("shown", shown)]
    };
    browser.submit(&path, &fields("Front desk", "Be brief.", &opened)).await;
    browser.submit(&path, &fields("Front desk", "Be brief.", &opened)).await;
    let now = async || {
        let agent = server.get(&format!("/v1{path}")).await;
        (agent["name"].clone(), agent["systemPrompt"].clone())
    };
    let stale = browser.post(&path, &fields("Reception", "", &opened)).await;
    assert_eq!(stale.status, 422);
    let both = text(stale);
    assert!(both.contains("Be brief.</p>") && both.contains("value=\"Reception\""), "{both}");
    assert_eq!(
        now().await,
        (json!("Front desk"), json!("Be brief.")),
        "what it would have wiped out is there"
    );
    let nameless = browser.post(&path, &fields("", "", &opened)).await;
    assert_eq!(hidden(&text(nameless), &path, "shown"), opened, "it has not shown what is stored");
    browser.submit(&path, &fields("Reception", "", &hidden(&both, &path, "shown"))).await;
    assert_eq!(now().await, (json!("Reception"), Value::Null), "who has seen it may replace it");
}

#[tokio::test]
async fn a_webhook_that_was_changed_meanwhile_is_not_written_over() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let agent = server.post("/v1/agents", json!({"name": "Front desk"}), 200).await["id"].clone();
    let browser = Browser::of(&server).await;
    let agent = agent.as_str().unwrap();
    for (page, owner) in [
        ("/webhooks", "account"),
        (&format!("/agents/{agent}"), agent),
        (&format!("/numbers/{}", line.id), &line.id),
    ] {
        let action = format!("/endpoints/{owner}");
        let opened = browser.hidden(page, &action, "shown").await;
        assert_eq!(opened, "", "there is none");
        browser.submit(&action, &[("url", "http://127.0.0.1:9/first"), ("shown", &opened)]).await;
        let stale = browser.post(&action, &[("url", "http://127.0.0.1:9/second"), ("shown", &opened)]).await;
        assert_eq!(stale.status, 422, "{action}");
        let both = text(stale);
        assert!(
            both.contains("127.0.0.1:9/first</p>") && both.contains("value=\"http://127.0.0.1:9/second\""),
            "{both}"
        );
        let urls =
            || server.column("SELECT url FROM webhooks WHERE url IS NOT NULL ORDER BY id DESC LIMIT 1");
        assert_eq!(urls().await, ["http://127.0.0.1:9/first"]);
        let seen = hidden(&both, &action, "shown");
        browser.submit(&action, &[("url", "http://127.0.0.1:9/second"), ("shown", &seen)]).await;
        let back = browser.hidden(page, &action, "shown").await;
        browser.submit(&format!("{action}/rotate"), &[]).await;
        assert_eq!(browser.hidden(page, &action, "shown").await, back, "the form does not show the secret");
        browser.submit(&format!("{action}/delete"), &[]).await;
        let gone = browser.post(&action, &[("url", "http://127.0.0.1:9/third"), ("shown", &back)]).await;
        assert!(gone.status == 422 && text(gone).contains("No webhook."), "{action}");
    }
}

#[tokio::test]
async fn an_answer_that_nothing_can_carry_is_refused_as_by_the_api() {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    let handset = "/sim/handsets/ada@example.com";
    server.sim("PUT", handset, Some(&json!({"imessage": true}))).await;
    server.person_texts("ada@example.com", &line, "Hello?").await;
    let rows = "SELECT id FROM conversations";
    until_true("the conversation", async || server.column(rows).await.len() == 1).await;
    let path = format!("/conversations/{}", server.column(rows).await[0]);
    server.sim("PUT", handset, Some(&json!({"imessage": false}))).await;
    let (browser, action) = (Browser::of(&server).await, format!("{path}/messages"));
    let refused = browser.post(&action, &[("body", "Here I am"), (TOKEN, "of this form")]).await;
    assert_eq!(refused.status, 400);
    let shown = text(refused);
    assert!(
        shown.contains("ada@example.com is not on iMessage") && shown.contains("Here I am</textarea>"),
        "{shown}"
    );
    assert_eq!(server.column("SELECT body FROM messages").await, ["Hello?"]);
}

#[tokio::test]
async fn what_cannot_be_done_now_stays_in_its_form() {
    let server = Setting::new().await.with_daily(1, 1).start().await;
    let line = server.buy_number("imessage").await;
    for address in ["ada@example.com", "bob@example.com"] {
        server.sim("PUT", &format!("/sim/handsets/{address}"), Some(&json!({"imessage": true}))).await;
        server.person_texts(address, &line, "Hello?").await;
    }
    let bob = "SELECT id FROM conversations WHERE participant = 'bob@example.com'";
    until_true("the conversation", async || server.column(bob).await.len() == 1).await;
    server.advance(Duration::from_hours(25));
    server.send(&line, "ada@example.com", "The one caller of today").await;
    let path = format!("/conversations/{}", server.column(bob).await[0]);
    let (browser, action) = (Browser::of(&server).await, format!("{path}/messages"));
    let later = browser.post(&action, &[("body", "Here I am"), (TOKEN, "of this form")]).await;
    assert_eq!(later.status, 429, "{}", String::from_utf8_lossy(&later.body));
    let shown = text(later);
    assert!(shown.contains("Here I am</textarea>") && shown.contains("role=\"alert\""), "{shown}");
    assert_eq!(hidden(&shown, &action, TOKEN), "of this form");
}

#[tokio::test]
async fn without_a_database_what_was_typed_comes_back() {
    let server = TestServer::start().await;
    let (_line, path) = conversation(&server).await;
    let (browser, action) = (Browser::of(&server).await, format!("{path}/messages"));
    server.app.db.close();
    let failed = browser.post(&action, &[("body", "Keep <me>"), (TOKEN, "of this form")]).await;
    assert_eq!(failed.status, 503, "{}", String::from_utf8_lossy(&failed.body));
    let shown = text(failed);
    assert!(shown.contains("Keep &lt;me&gt;</p>") && shown.contains("try again in a moment"), "{shown}");
    assert_eq!(hidden(&shown, &action, "body"), "Keep &lt;me&gt;");
    let secret = browser.post("/password", &[("password", "a secret sentence")]).await;
    assert!(secret.status == 503 && !text(secret).contains("a secret sentence"));
}

#[tokio::test]
async fn what_was_typed_outlives_its_session() {
    let server = TestServer::start().await;
    let (_line, path) = conversation(&server).await;
    let (mut browser, action) = (Browser::of(&server).await, format!("{path}/messages"));
    let token = browser.hidden(&path, &action, TOKEN).await;
    server.advance(Duration::from_hours(30 * 24));
    let ended = browser.post(&action, &[("body", "Do not lose me"), (TOKEN, &token)]).await;
    assert_eq!(ended.status, 401);
    let shown = text(ended);
    assert!(shown.contains("not signed in any more"), "{shown}");
    assert_eq!(server.handed_over(1).await, ["Hello"]);
    let (body, kept) = (hidden(&shown, &action, "body"), hidden(&shown, &action, TOKEN));
    browser.cookie = cookie(&page(&server, &link(&server, "again").await, "").await);
    browser.submit(&action, &[("body", &body), (TOKEN, &kept)]).await;
    assert_eq!(server.handed_over(2).await, ["Hello", "Do not lose me"]);
    browser.cookie.clear();
    let nothing = browser.post("/agents/agt_0/delete", &[]).await;
    assert_eq!((nothing.status, nothing.header("location")), (303, Some("/")), "nothing was typed");
}
