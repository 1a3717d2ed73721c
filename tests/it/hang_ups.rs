//! A database that ends every connection at once, as one does that is restarted or fails over: idle ones are replaced
//! unseen, who was under way is told the truth, and nothing is lost or sent twice.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use agentphone::phone::messages::Status;

use crate::client::Request;
use crate::place::postgres_url;
use crate::server::{Setting, TestServer};
use crate::wait::{PATIENCE, until, until_true};

const HANG_UP: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
const SENDERS: usize = 8;
const TEXTS: usize = 30;
const HANG_UPS: usize = 5;

#[tokio::test]
async fn idle_connections_are_replaced_before_anybody_notices() {
    if postgres_url().is_none() {
        return; // A file hangs up on nobody.
    }
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    for round in 0..3 {
        let before = server.app.db.presence().incarnation();
        server.setting.place.beside(HANG_UP).await;
        until_true("a new incarnation", async || {
            let now = server.app.db.presence().incarnation();
            now.is_some() && now != before
        })
        .await;
        let body = format!("round {round}");
        let sent = server.send(&line, &format!("+1415555010{round}"), &body).await;
        assert_eq!(server.get("/v1/numbers").await["total"], 1);
        server.becomes(sent["id"].as_str().unwrap(), Status::Delivered).await;
    }
    assert_eq!(server.ledger().await.len(), 3);
}

/// Sends texts to one person, each again until it is answered 200; gives their ids.
async fn insist(server: &TestServer, number: &str, sender: usize) -> Vec<(String, String)> {
    let (to, mut sent) = (format!("+1415555020{sender}"), Vec::new());
    for text in 0..TEXTS {
        let body = format!("{sender} says {text}");
        let asked = json!({"number_id": number, "to_number": to, "body": body});
        let headers = [("idempotency-key", body.as_str())];
        let id = until("a text to be taken", async || {
            let request =
                Request { method: "POST", path: "/v1/messages", headers: &headers, body: Some(&asked) };
            // Where nobody can know whether it is stored, the server hangs up.
            let answer =
                tokio::time::timeout(PATIENCE, server.try_call(request)).await.expect("it is let go")?;
            if answer.status != 200 {
                assert!([409, 503].contains(&answer.status), "{}", answer.status);
                return None;
            }
            Some(answer.json()["id"].as_str().unwrap().to_owned())
        })
        .await;
        sent.push((id, body));
    }
    sent
}

#[tokio::test]
async fn hang_ups_under_load_lose_nothing_and_double_nothing() {
    if postgres_url().is_none() {
        return;
    }
    let server = Setting::new().await.with("SEND_WAIT", "0.2").start().await;
    let line = server.buy_number("sms").await;
    let senders = join_all((0..SENDERS).map(|sender| insist(&server, &line.id, sender)));
    let hang_ups = async {
        for hang_up in 1..=HANG_UPS {
            let enough = hang_up * SENDERS * TEXTS / (HANG_UPS + 1);
            until_true("some more texts to leave", async || {
                // What was under way is looked at again after a moment, by the clock of the test.
                server.advance(Duration::from_millis(20));
                server.ledger().await.len() >= enough
            })
            .await;
            server.setting.place.beside(HANG_UP).await;
        }
    };
    let (sent, ()) = tokio::join!(senders, hang_ups);
    let sent: HashMap<_, _> = sent.into_iter().flatten().collect();
    assert_eq!(sent.len(), SENDERS * TEXTS);
    until("every text to be settled", async || {
        server.advance(Duration::from_millis(100));
        let left = server.column("SELECT id FROM jobs WHERE class = 'send'").await;
        let open = server.column("SELECT id FROM messages WHERE status IN ('queued', 'sending')").await;
        (left.is_empty() && open.is_empty()).then_some(())
    })
    .await;
    let bodies = server.handed_over(sent.len()).await;
    let mut counts = HashMap::new();
    for body in &bodies {
        *counts.entry(body.as_str()).or_insert(0) += 1;
    }
    assert!(sent.values().all(|body| counts.get(body.as_str()) == Some(&1)), "{counts:?}");
    assert_eq!(bodies.len(), sent.len(), "nothing else was handed over");
}

#[tokio::test]
async fn what_the_carrier_may_have_is_not_answered_as_if_nothing_was_done() {
    if postgres_url().is_none() {
        return;
    }
    let server = Setting::new().await.with("SEND_WAIT", "1").start().await;
    let line = server.buy_number("sms").await;
    server.faults(json!({"withhold_next": 1})).await;
    let taken_away = async {
        server.handed_over(1).await;
        server.setting.place.let_in(false).await;
    };
    let (answer, ()) = tokio::join!(server.send(&line, "+14155550101", "Hello"), taken_away);
    assert_eq!(answer["status"], "queued", "it is stored, and who hears of an error sends it again");
    server.setting.place.let_in(true).await;
    server.faults(json!({"release": true})).await;
    let id = answer["id"].as_str().unwrap();
    until("its delivery to be stored", async || {
        server.advance(Duration::from_millis(100));
        let wanted = agentphone::id::MessageId::from_text(id);
        let found = server.app.db.read(move |tx| agentphone::phone::messages::find(tx, &wanted)).await;
        found.ok().flatten().filter(|message| message.status == Status::Delivered)
    })
    .await;
    assert_eq!(server.ledger().await.len(), 1);
}
