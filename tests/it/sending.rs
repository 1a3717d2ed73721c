//! Rule 3, submitting: a message is durably `sending` before it is handed over. One found in `sending` is never
//! submitted; the carrier is asked. The accepting unit hands over directly only when nothing older waits.

use std::time::Duration;

use agentphone::channel::FailureCode;
use agentphone::id::{Incarnation, MessageId, NumberId};
use agentphone::phone::messages::Status;
use agentphone::phone::messages::send::{self, Begun};
use agentphone::queue::{self, store};
use serde_json::{Value, json};

use crate::place::START;
use crate::receiver::Receiver;
use crate::server::{ADA, BOB, Line, Setting, TestServer};
use crate::wait::until;

/// Longer than what is done again after a crash, or by the next poll, waits.
const MOMENT: Duration = Duration::from_secs(2);

/// Begins to send the first text, which the network takes and does not answer; its id. It has reached the network.
async fn begin_sending(server: &TestServer, line: &Line, faults: Value) -> String {
    server.faults(faults).await;
    let answer = server.send(line, ADA, "hello").await;
    assert_eq!(answer["status"], "queued", "no answer yet");
    assert_eq!(server.handed_over(1).await, ["hello"]);
    answer["id"].as_str().unwrap().to_owned()
}

async fn impatient() -> Setting {
    Setting::new().await.with("SEND_WAIT", "0.05")
}

#[tokio::test]
async fn the_row_is_sending_before_the_carrier_sees_it() {
    let server = impatient().await.start().await;
    let line = server.buy_number("sms").await;
    let direct = begin_sending(&server, &line, json!({"withhold_next": 1})).await;
    let message = server.message(&direct).await;
    assert_eq!((message.status, message.attempt), (Status::Sending, 1));
    // The same by way of the queue.
    server.line_down(true).await;
    let queued = server.send(&line, BOB, "later").await["id"].as_str().unwrap().to_owned();
    assert_eq!(server.message(&queued).await.status, Status::Queued);
    server.faults(json!({"withhold_next": 1})).await;
    server.line_down(false).await;
    server.becomes(&direct, Status::Unconfirmed).await;
    server.advance(MOMENT);
    server.handed_over(2).await;
    assert_eq!(server.message(&queued).await.status, Status::Sending);
}

#[tokio::test]
async fn one_found_sending_that_the_carrier_has_is_sent_and_not_submitted_again() {
    let server = impatient().await.start().await;
    let line = server.buy_number("sms").await;
    let late = json!({"accept_delay_ms": 3_600_000, "receipt_delay_ms": 3_600_000});
    let id = begin_sending(&server, &line, late).await;
    let server = server.crash().await.start().await;
    assert_eq!(server.message(&id).await.status, Status::Sending);
    let message = until("the carrier to be asked", async || {
        server.advance(Duration::from_millis(100));
        Some(server.message(&id).await).filter(|message| message.status != Status::Sending)
    })
    .await;
    assert_eq!(message.status, Status::Sent);
    server.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;
    assert_eq!(server.ledger().await.len(), 1, "it was handed over once");
}

#[tokio::test]
async fn one_found_sending_that_the_carrier_never_saw_is_sent_once() {
    let server = impatient().await.start().await;
    let line = server.buy_number("sms").await;
    server.line_down(true).await;
    let id = server.send(&line, ADA, "hello").await["id"].as_str().unwrap().to_owned();
    // As a process leaves it that ends between the commit and the hand-over.
    let (sends, sending) = (queue::send_lane(&NumberId::from_text(&line.id)), MessageId::from_text(&id));
    server
        .write(move |tx| {
            let dead = Incarnation::from_text("inc_dead");
            if tx.is_shared() {
                tx.execute("INSERT INTO incarnations (id) VALUES (?1)", &[&dead])?;
            }
            assert_eq!(store::claim(tx, sends.class, &[&sends.name], &dead, START, 10)?.len(), 1);
            assert!(matches!(send::begin_all(tx, &[&sending])?.get(&sending), Some(Begun::HandOver(_))));
            Ok(())
        })
        .await;
    server.faults(json!({"link_down": false})).await;
    let server = server.crash().await.start().await;
    until("the text to be delivered", async || {
        server.advance(Duration::from_millis(100));
        Some(server.message(&id).await).filter(|message| message.status == Status::Delivered)
    })
    .await;
    assert_eq!(server.ledger().await.len(), 1, "it was handed over once");
}

#[tokio::test]
async fn one_found_sending_that_the_carrier_withholds_is_unconfirmed_until_a_receipt_proves_it() {
    let receiver = Receiver::new([]).await;
    let server = impatient().await.start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &["message.sent", "message.delivered", "message.unconfirmed"]).await;
    let id = begin_sending(&server, &line, json!({"withhold_next": 1})).await;
    let server = server.crash().await.start().await;
    let message = until("the doubt to be noted", async || {
        server.advance(Duration::from_millis(100));
        Some(server.message(&id).await).filter(|message| message.status != Status::Sending)
    })
    .await;
    assert_eq!(
        (message.status, message.error_code),
        (Status::Unconfirmed, Some(FailureCode::DeliveryUnconfirmed))
    );
    let seen = receiver.count(1).await;
    assert_eq!(seen[0].json()["event"], "message.unconfirmed");
    assert_eq!(seen[0].json()["data"]["errorCode"], "DELIVERY_UNCONFIRMED");
    // Its attempt has ended: the leap of the clock must not make it look lost.
    server.attempted(1).await;
    // It is never silently sent again.
    server.advance(Duration::from_hours(1));
    server.send(&line, ADA, "next").await;
    assert_eq!(server.handed_over(2).await, ["hello", "next"]);
    server.faults(json!({"release": true})).await;
    let message = server.becomes(&id, Status::Delivered).await;
    assert_eq!(message.error_code, None);
    let events = until("the delivery to be told", async || {
        let events: Vec<_> = receiver
            .seen()
            .iter()
            .filter(|seen| seen.json()["data"]["messageId"] == *id)
            .map(|seen| seen.json()["event"].clone())
            .collect();
        (events.len() == 2).then_some(events)
    })
    .await;
    assert_eq!(events, ["message.unconfirmed", "message.delivered"]);
}

#[tokio::test]
async fn only_when_nothing_older_waits_is_a_message_handed_over_directly() {
    let server = impatient().await.start().await;
    let line = server.buy_number("sms").await;
    let first = begin_sending(&server, &line, json!({"withhold_next": 1})).await;
    let second = server.send(&line, ADA, "second").await;
    assert_eq!(second["status"], "queued");
    assert_eq!(server.message(second["id"].as_str().unwrap()).await.status, Status::Queued);
    let elsewhere = server.send(&line, BOB, "elsewhere").await;
    assert_eq!(server.handed_over(2).await, ["hello", "elsewhere"], "another conversation goes on");
    server.becomes(elsewhere["id"].as_str().unwrap(), Status::Delivered).await;
    assert_eq!(server.message(&first).await.status, Status::Sending);
    server.faults(json!({"release": true})).await;
    assert_eq!(server.handed_over(3).await, ["hello", "elsewhere", "second"]);
    server.becomes(&first, Status::Delivered).await;
    server.becomes(second["id"].as_str().unwrap(), Status::Delivered).await;
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.faults(json!({"refuse_next": 1})).await;
    let refused = server.send(&line, ADA, "no").await;
    assert_eq!((&refused["status"], &refused["error_code"]), (&json!("failed"), &json!("CARRIER_REJECTED")));
    assert_eq!(server.send(&line, ADA, "yes").await["status"], "sent");
}

#[tokio::test]
async fn what_waited_when_its_number_was_released_does_not_leave_from_it() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.send(&line, ADA, "first").await;
    server.line_down(true).await;
    let waiting = server.send(&line, ADA, "second").await;
    server.delete(&format!("/v1/numbers/{}", line.id), 200).await;
    server.line_down(false).await;
    let failed = server.becomes(waiting["id"].as_str().unwrap(), Status::Failed).await;
    assert_eq!(failed.error_code, Some(FailureCode::CarrierUnavailable));
    assert_eq!(server.handed_over(1).await, ["first"]);
}

#[tokio::test]
async fn a_hand_over_that_broke_off_is_asked_about_when_the_line_is_back() {
    let server = impatient().await.start().await;
    let line = server.buy_number("sms").await;
    // The network has it, and its answer is lost with the line.
    let id = begin_sending(&server, &line, json!({"accept_delay_ms": 3_600_000})).await;
    server.line_down(true).await;
    assert_eq!(server.message(&id).await.status, Status::Sending);
    server.faults(json!({"accept_delay_ms": 0})).await;
    server.line_down(false).await;
    server.becomes(&id, Status::Sent).await;
    assert_eq!(server.ledger().await.len(), 1, "it was handed over once");
}
