//! Rule 4, lanes: where its carrier needs it, a number is worked by one process at a time, whoever accepts its messages,
//! and else each process sends what it accepts; and rule 5 between processes: a request that waits is woken by the process
//! that sends.

use futures_util::future::join_all;
use serde_json::json;

use crate::place::postgres_url;
use crate::server::{ADA, BOB, Setting};
use crate::wait::until;

/// Who works the numbers' lanes; there are others.
const HOLDERS: &str = "SELECT holder FROM lanes WHERE lane IN (SELECT id FROM numbers)";

#[tokio::test]
async fn two_servers_work_a_number_one_at_a_time_and_answer_what_the_other_sends() {
    if postgres_url().is_none() {
        return; // There is never a second process on SQLite.
    }
    let setting = Setting::new().await.with_exclusive_numbers().with_network_beside().await;
    let first = setting.start().await;
    let second = first.setting.clone().start().await;
    let line = first.buy_number("sms").await;
    let sends = (0..40).map(|index| {
        let (server, person) = if index % 2 == 0 { (&first, ADA) } else { (&second, BOB) };
        let (line, body) = (&line, format!("text {index}"));
        async move {
            let answer = server.send(line, person, &body).await;
            // One that waits behind an older one of its conversation is answered at once.
            assert!(matches!(answer["status"].as_str(), Some("sent" | "queued")), "{answer}");
        }
    });
    join_all(sends).await;
    assert_eq!(first.handed_over(40).await.len(), 40, "each once");
    first.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    // Alone in its conversation, a message of either server is answered `sent`, though only one holds the lane; no
    // clock moved, so nobody polled.
    for (server, person) in [(&first, "+14155550101"), (&second, "+14155550102"), (&first, "+14155550103")] {
        assert_eq!(server.send(&line, person, "alone").await["status"], "sent");
    }
    // What both accept is leased by the one that holds the lane.
    first.faults(json!({"withhold_next": 4})).await;
    let people = ["+14155550111", "+14155550112", "+14155550113", "+14155550114"];
    let mut under_way = Vec::new();
    for (index, person) in people.iter().enumerate() {
        let server = if index % 2 == 0 { &first } else { &second };
        let body = json!({"number_id": line.id, "to_number": person, "body": "held"});
        under_way.push(server.begin("POST", "/v1/messages", &body).await);
    }
    first.handed_over(47).await;
    let leases = first.column("SELECT DISTINCT lease FROM jobs WHERE class = 'send'").await;
    assert_eq!(leases, first.column(HOLDERS).await);
    first.faults(json!({"release": true})).await;
    first.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    assert_eq!(first.ledger().await.len(), 47);
}

#[tokio::test]
async fn each_server_sends_what_it_accepts_where_the_carrier_has_no_need_of_one() {
    if postgres_url().is_none() {
        return; // There is never a second process on SQLite.
    }
    let setting = Setting::new().await.with_network_beside().await;
    let first = setting.start().await;
    let second = first.setting.clone().start().await;
    let line = first.buy_number("sms").await;
    first.faults(json!({"withhold_next": 2})).await;
    let mut under_way = Vec::new();
    for (server, person) in [(&first, ADA), (&second, BOB)] {
        let body = json!({"number_id": line.id, "to_number": person, "body": "held"});
        under_way.push(server.begin("POST", "/v1/messages", &body).await);
    }
    first.handed_over(2).await;
    let mut both =
        [&first, &second].map(|server| server.app.db.presence().incarnation().unwrap().to_string());
    both.sort_unstable();
    assert_eq!(first.column("SELECT lease FROM jobs WHERE class = 'send' ORDER BY lease").await, both);
    // Behind one that is under way, whoever it is with, a message waits for its turn.
    let sql = "SELECT body FROM messages WHERE status = 'queued' ORDER BY body";
    assert_eq!(first.send(&line, BOB, "behind it").await["status"], "queued");
    assert_eq!(first.column(sql).await, ["behind it"]);
    first.faults(json!({"release": true})).await;
    first.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    assert_eq!(first.handed_over(3).await.last().map(String::as_str), Some("behind it"));
}

#[tokio::test]
async fn the_lane_of_a_dead_process_is_free() {
    if postgres_url().is_none() {
        return; // There is never a second process on SQLite.
    }
    let setting = Setting::new().await.with_exclusive_numbers().with_network_beside().await;
    let first = setting.start().await;
    let line = first.buy_number("sms").await;
    assert_eq!(first.send(&line, ADA, "one").await["status"], "sent");
    let second = first.setting.clone().start().await;
    let holder = second.column(HOLDERS).await;
    assert_eq!(holder, [first.app.db.presence().incarnation().unwrap().to_string()]);
    drop(first.crash().await);
    until("the lane to be free", async || second.column(HOLDERS).await.is_empty().then_some(())).await;
    assert_eq!(second.send(&line, ADA, "two").await["status"], "sent");
    assert_eq!(second.handed_over(2).await, ["one", "two"]);
}
