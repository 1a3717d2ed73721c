//! What of the dashboard hangs on time: links and sessions end, and the meter is added up for the charts.

use std::time::Duration;

use agentphone::phone::{accounts, sign_ins};

use crate::client::{self, Answer, Request};
use crate::server::{ADA, TestServer};
use crate::wait::until_true;

const DAY: Duration = Duration::from_hours(24);
const SECOND: Duration = Duration::from_secs(1);

/// A new sign-in link's path.
async fn link(server: &TestServer, token: &'static str) -> String {
    let now = server.setting.clock.now();
    server
        .write(move |tx| {
            let account = accounts::list(tx)?.remove(0).id;
            sign_ins::create_link(tx, &sign_ins::hash(token), &account, now)
        })
        .await;
    format!("/sign-in?token={token}")
}

async fn page(server: &TestServer, path: &str, cookie: &str) -> Answer {
    let headers = [("cookie", cookie)];
    client::call(server.address, Request { method: "GET", path, headers: &headers, body: None }).await
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_and_a_link_after_one() {
    let server = TestServer::start().await;
    let (used, unused) = (link(&server, "used").await, link(&server, "unused").await);
    let opened = page(&server, &used, "").await;
    assert_eq!(opened.status, 303);
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
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
    let opened = page(&server, &link(&server, "link").await, "").await;
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let usage = page(&server, "/usage?days=7", &cookie).await;
    let text = String::from_utf8(usage.body).unwrap();
    assert!(text.contains("<span class=\"label\">Sent</span><strong>2</strong>"), "{text}");
}
