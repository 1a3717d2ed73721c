//! What of the dashboard hangs on time: links and sessions end, failures to sign in are forgotten, and the meter is added
//! up for the charts.

use std::time::Duration;

use agentphone::phone::{accounts, passwords};

use crate::browser::{Browser, cookie, link, page};
use crate::client::{self, Request};
use crate::server::{ADA, Setting, TestServer};
use crate::wait::until_true;

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_session_ends_after_thirty_days_and_a_link_after_one() {
    let server = TestServer::start().await;
    let (used, unused) = (link(&server, "used").await, link(&server, "unused").await);
    let opened = page(&server, &used, "").await;
    assert_eq!(opened.status, 303);
    let cookie = cookie(&opened);
    server.advance(Duration::from_secs(24 * 3600 - 1));
    assert_eq!(page(&server, &unused, "").await.status, 303, "the link still works");
    let late = link(&server, "late").await;
    server.advance(DAY);
    assert_eq!(page(&server, &late, "").await.status, 403);
    server.advance(DAY * 28);
    assert_eq!(page(&server, "/settings", &cookie).await.status, 200);
    server.advance(SECOND);
    let ended = page(&server, "/settings", &cookie).await;
    assert_eq!((ended.status, ended.header("location")), (303, Some("/")));
}

#[tokio::test]
async fn the_meter_is_added_up_for_the_charts() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.send(&line, ADA, "Hello").await;
    server.advance(Duration::from_mins(20));
    let sums = "SELECT kind || ' ' || direction || ' ' || CAST(messages AS TEXT) FROM usage_quarters";
    until_true("the sum", async || server.column(sums).await == ["sms_segment outbound 1"]).await;
    server.send(&line, ADA, "Hello again").await;
    server.advance(Duration::from_mins(20));
    until_true("both sums", async || server.column(sums).await.len() == 2).await;
    let text = Browser::of(&server).await.page("/usage?days=7").await;
    assert!(text.contains("<span class=\"label\">Sent</span><strong>2</strong>"), "{text}");
}

#[tokio::test]
async fn the_code_of_the_voice_page_names_models_that_answer() {
    let models = "{ small = { engine = 'openai', task = 'chat', url = ['http://127.0.0.1:1/v1'] } }";
    let server = Setting::new().await.with("VOICE_MODELS", models).start().await;
    let text = Browser::of(&server).await.page("/voice").await.replace("&quot;", "\"");
    for named in [r#""model":"small","stream""#, r#"model="small", stream"#, "model: \"small\",\n  stream"] {
        assert!(text.contains(named), "{named}: {text}");
    }
    assert!(text.contains("-F model='whisper-large-v3'"), "where none does, the public one: {text}");
}

/// Signs in as somebody who types this; answers the status.
async fn sign_in(server: &TestServer, project: &str, password: &str) -> u16 {
    let fields = [("project", project), ("password", password)];
    client::read(client::post(server.address, "/sign-in", "", &fields).await).await.status
}

#[tokio::test]
async fn a_project_that_is_named_like_the_id_of_another_does_not_keep_it_out() {
    let server = TestServer::start().await;
    server.stranger().await;
    let hash = passwords::hash("the right password", [7; 16]).unwrap();
    let now = server.setting.clock.now();
    let unit = move |tx: &mut agentphone::db::Tx<'_>| {
        let accounts = accounts::list(tx)?;
        let [first, second] = [&accounts[0].id, &accounts[1].id];
        passwords::set(tx, first, &hash, now)?;
        accounts::rename(tx, second, first.as_str())?;
        Ok(first.to_string())
    };
    let first = server.write(unit).await;
    assert_eq!(sign_in(&server, &first, "the right password").await, 303);
    assert_eq!(sign_in(&server, &first, "the wrong password").await, 401);
}

#[tokio::test]
async fn wrong_passwords_count_alike_under_a_projects_name_and_its_id() {
    let server = TestServer::start().await;
    let id = server.column("SELECT id FROM accounts").await.remove(0);
    for attempt in 0..5 {
        let project = if attempt % 2 == 0 { "Test" } else { &id };
        assert_eq!(sign_in(&server, project, "a password").await, 401);
    }
    for project in ["Test", &id] {
        assert_eq!(sign_in(&server, project, "a password").await, 429, "{project}");
    }
    assert_eq!(sign_in(&server, "Another", "a password").await, 401);
    assert_eq!(server.column("SELECT subject FROM sign_in_failures").await.len(), 2);
}

#[tokio::test]
async fn failures_to_sign_in_are_deleted_when_they_are_forgotten() {
    let server = TestServer::start().await;
    for name in ["nobody", "somebody"] {
        assert_eq!(sign_in(&server, name, "a password").await, 401);
    }
    let rows = "SELECT subject FROM sign_in_failures";
    assert_eq!(server.column(rows).await.len(), 2);
    server.advance(Duration::from_mins(61));
    until_true("nothing to be left", async || server.column(rows).await.is_empty()).await;
}

#[tokio::test]
async fn the_phones_of_the_network_are_there_where_they_are_open() {
    for (setting, status) in [("true", 200), ("false", 404)] {
        let server = Setting::new().await.with("SIM_OPEN", setting).start().await;
        let line = server.buy_number("sms").await;
        assert_eq!(server.send(&line, ADA, "Hello").await["status"], "sent", "the network itself works");
        for (method, path) in [("GET", "/sim/handsets"), ("GET", "/sim/ledger"), ("PUT", "/sim/faults")] {
            let answer = server.call(Request { method, path, headers: &[], body: None }).await;
            assert_eq!(answer.status, status, "{method} {path}");
        }
        let browser = Browser::of(&server).await;
        let phones = browser.page("/handset").await;
        assert_eq!(phones.contains("No phones here"), status == 404, "{phones}");
        let asked = page(&server, "/sim/ledger", &browser.cookie).await;
        assert_eq!(asked.status, status, "with a session");
    }
}
