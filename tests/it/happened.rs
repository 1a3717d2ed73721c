//! Rule 6, what already happened outside must be stored: the bounded queue and its 503 are for requests; records
//! have reserved room and are retried until stored. A client that hangs up changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentphone::db::Tx;
use agentphone::error::{Error, Storage};
use agentphone::phone::messages::Status;
use serde_json::json;
use tokio::task::JoinSet;

use crate::batches::{Held, fill_up, free, insert_large};
use crate::client::Request;
use crate::place::{Place, postgres_url};
use crate::server::{ADA, TestServer};
use crate::wait::until_true;

/// Fills the room of requests: the answers come once the database goes on.
fn fill(db: &agentphone::db::Db, tasks: &mut JoinSet<bool>, refused: &Arc<AtomicUsize>) {
    for _ in 0..4_096 + 32 {
        let (db, refused) = (db.clone(), Arc::clone(refused));
        tasks.spawn(async move {
            let answer = db.append(|_| Ok(())).await;
            if matches!(answer, Err(Error::Storage(Storage::Overloaded))) {
                refused.fetch_add(1, Ordering::Relaxed);
            }
            answer.is_ok()
        });
    }
}

#[tokio::test]
async fn a_full_intake_refuses_requests_and_still_takes_records() {
    let place = Place::new().await;
    let (db, ..) = place.open(1).await;
    let held = Held::messages(&db).await;
    let (mut tasks, refused) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    fill(&db, &mut tasks, &refused);
    until_true("requests to be refused", async || refused.load(Ordering::Relaxed) == 32).await;
    let recording = db.clone();
    let record = |tx: &mut Tx<'_>| insert_large(tx, "record");
    let mut records = JoinSet::new();
    records.spawn(async move { recording.record(record).await });
    held.let_go().await;
    let answers = tokio::time::timeout(Duration::from_mins(1), tasks.join_all()).await.unwrap();
    assert_eq!(answers.iter().filter(|answered| **answered).count(), 4_096);
    assert!(records.join_all().await.iter().all(Result::is_ok));
    assert!(db.read(|tx| tx.exists("SELECT 1 FROM accounts WHERE id = 'record'", &[])).await.unwrap());
    db.close();
}

#[tokio::test]
async fn an_overloaded_server_answers_503_in_its_shape() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let body = json!({"number_id": line.id, "to_number": ADA, "body": "now?"});
    let held = Held::messages(&server.app.db).await;
    let (mut tasks, refused) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    fill(&server.app.db, &mut tasks, &refused);
    until_true("requests to be refused", async || refused.load(Ordering::Relaxed) >= 32).await;
    let answer =
        server.call(Request { method: "POST", path: "/v1/messages", headers: &[], body: Some(&body) }).await;
    assert_eq!(answer.status, 503, "{}", answer.json());
    assert_eq!(answer.json()["error"]["code"], "UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
    held.let_go().await;
    tasks.join_all().await;
    assert_eq!(server.ledger().await.len(), 0, "what was refused was not sent");
    assert_eq!(server.send(&line, ADA, "now!").await["status"], "sent", "it goes on by itself");
}

#[tokio::test]
async fn a_record_waits_out_a_full_disk_and_is_stored_once() {
    if postgres_url().is_some() {
        return; // A full disk of PostgreSQL is a matter of `script/bench faults`.
    }
    let place = Place::new().await;
    let (db, ..) = place.open(1).await;
    db.write(fill_up).await.unwrap();
    let mut records = JoinSet::new();
    let recording = db.clone();
    records.spawn(async move { recording.record(|tx: &mut Tx<'_>| insert_large(tx, "record")).await });
    until_true("the record to be waiting", async || db.is_stalled()).await;
    let refused = db.write(|tx| insert_large(tx, "request")).await;
    assert!(matches!(refused, Err(Error::Storage(Storage::Unavailable(_)))), "{refused:?}");
    db.write(free).await.unwrap();
    assert!(records.join_all().await.iter().all(Result::is_ok));
    assert!(!db.is_stalled());
    let stored: Vec<String> =
        db.read(|tx| tx.query("SELECT id FROM accounts", &[], |row| row.get(0))).await.unwrap();
    assert_eq!(stored, ["record"]);
    db.close();
}

#[tokio::test]
async fn nothing_is_claimed_while_a_record_waits() {
    if postgres_url().is_some() {
        return; // A full disk of PostgreSQL is a matter of `script/bench faults`.
    }
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.line_down(true).await;
    let waiting = server.send(&line, ADA, "waits").await;
    server.write(fill_up).await;
    let recording = server.app.db.clone();
    let mut records = JoinSet::new();
    records.spawn(async move { recording.record(|tx: &mut Tx<'_>| insert_large(tx, "record")).await });
    until_true("the record to be waiting", async || server.app.db.is_stalled()).await;
    server.line_down(false).await;
    for _ in 0..20 {
        server.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        let message = server.message(waiting["id"].as_str().unwrap()).await;
        assert!(message.status == Status::Queued || !server.app.db.is_stalled());
    }
    server.write(free).await;
    assert!(records.join_all().await.iter().all(Result::is_ok));
    server.advance(Duration::from_secs(1));
    server.becomes(waiting["id"].as_str().unwrap(), Status::Delivered).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_changes_nothing() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.faults(json!({"withhold_next": 1})).await;
    let body = json!({"number_id": line.id, "to_number": ADA, "body": "hello"});
    let connection = server.begin("POST", "/v1/messages", &body).await;
    until_true("the hand-over", async || server.ledger().await.len() == 1).await;
    drop(connection);
    server.faults(json!({"release": true})).await;
    let ids = server.column("SELECT id FROM messages WHERE direction = 'outbound'").await;
    server.becomes(&ids[0], Status::Delivered).await;
    assert_eq!(server.handed_over(1).await, ["hello"]);
    server.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
}

#[tokio::test]
async fn an_arrival_is_stored_once_however_often_it_is_offered() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let held = Held::new(&server.app.db).await;
    server.person_texts(ADA, &line, "hello").await;
    // The network offers again what nobody has stored in five seconds of its time.
    for _ in 0..3 {
        server.advance(Duration::from_secs(6));
        server.faults(json!({})).await;
    }
    held.let_go().await;
    until_true("the text to be stored", async || {
        !server.column("SELECT id FROM messages WHERE direction = 'inbound'").await.is_empty()
    })
    .await;
    server.person_texts(ADA, &line, "bye").await;
    until_true("the next text to be stored", async || {
        server.column("SELECT body FROM messages WHERE body = 'bye'").await.len() == 1
    })
    .await;
    assert_eq!(server.column("SELECT body FROM messages ORDER BY received_at").await, ["hello", "bye"]);
}
