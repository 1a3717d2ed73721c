//! Rule 1, order: only a job with no older one of its key may be claimed; a retrying send keeps its place, a
//! webhook delivery gives it up after its first attempt.

use std::sync::Arc;
use std::time::Duration;

use agentphone::clock::Time;
use agentphone::db::Db;
use agentphone::id::{Ids, Incarnation, MessageId, NumberId};
use agentphone::phone::events::Emitter;
use agentphone::phone::messages::Status;
use agentphone::phone::messages::send::{self, Begun};
use agentphone::phone::messages::settle::{self, Settlement};
use agentphone::queue::{self, Job, Lane, Order, Task, store};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::place::{Place, START};
use crate::receiver::{Receiver, Say};
use crate::server::{ADA, BOB, TestServer};
use crate::wait::until_true;

fn lane() -> Lane {
    queue::send_lane(&NumberId::from_text("num_1"))
}

async fn enqueue(db: &Db, ids: &Ids, name: &str, key: &str, seq: i64) {
    let (ids, order) = (ids.clone(), Some(Order { key: key.to_owned(), seq }));
    let task = Task::SendMessage(MessageId::from_text(name));
    let draft = queue::Draft { lane: lane(), task, unique_key: None, order, run_at: START, origin: None };
    db.write(move |tx| queue::enqueue(tx, &ids, START, &draft)).await.unwrap();
}

async fn claim(db: &Db, now: Time) -> Vec<Job> {
    let me = Incarnation::from_text("inc_me");
    db.claim(move |tx| store::claim(tx, lane().class, &[&lane().name], &me, now, 100)).await.unwrap()
}

fn names(jobs: &[Job]) -> Vec<String> {
    let name = |job: &Job| match &job.task {
        Task::SendMessage(id) => id.to_string(),
        other => panic!("not enqueued here: {other:?}"),
    };
    let mut names: Vec<_> = jobs.iter().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_job_with_an_older_one_of_its_order_is_not_claimable() {
    let place = Place::new().await;
    let (db, ids, _) = place.open(2).await;
    // The youngest first: the order is that of `seq`, not of arrival.
    enqueue(&db, &ids, "a3", "a", 3).await;
    enqueue(&db, &ids, "a1", "a", 1).await;
    enqueue(&db, &ids, "a2", "a", 2).await;
    enqueue(&db, &ids, "b1", "b", 1).await;
    let first = claim(&db, START).await;
    assert_eq!(names(&first), ["a1", "b1"]);
    assert_eq!(names(&claim(&db, START).await), [""; 0], "a leased one is in the way as well");
    let a1 = first.into_iter().find(|job| job.order_key.as_deref() == Some("a")).unwrap();
    let done = a1.clone();
    db.write(move |tx| queue::finish(tx, &done)).await.unwrap();
    assert_eq!(names(&claim(&db, START).await), ["a2"]);
    db.close();
}

#[tokio::test]
async fn a_retry_keeps_its_place_unless_it_gives_it_up() {
    let place = Place::new().await;
    let (db, ids, _) = place.open(2).await;
    for (name, key, seq) in [("a1", "a", 1), ("a2", "a", 2), ("b1", "b", 1), ("b2", "b", 2)] {
        enqueue(&db, &ids, name, key, seq).await;
    }
    let later = START + Duration::from_mins(1);
    for job in claim(&db, START).await {
        let gives_up = job.order_key.as_deref() == Some("b");
        db.write(move |tx| queue::retry(tx, &job, later, "not now", gives_up)).await.unwrap();
    }
    assert_eq!(names(&claim(&db, START).await), ["b2"], "a2 waits for a1, b2 does not wait for b1");
    assert_eq!(names(&claim(&db, later).await), ["a1", "b1"]);
    db.close();
}

#[tokio::test]
async fn messages_of_a_conversation_reach_the_ledger_in_the_order_in_which_they_were_accepted() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let people = [ADA, BOB, "+14155550177"];
    let sends = (0..60).map(|index| server.post_text(&line, people[index % 3], index));
    let answers = join_all(sends).await;
    assert!(answers.iter().all(|answer| matches!(answer["status"].as_str(), Some("sent" | "queued"))));
    server.handed_over(60).await;
    let ledger = server.ledger().await;
    assert_eq!(ledger.len(), 60, "each once");
    for person in people {
        let sent: Vec<_> =
            ledger.iter().filter(|row| row["to"] == person).map(|row| &row["message_id"]).collect();
        let conversation = answers.iter().find(|answer| answer["to_number"] == person).unwrap();
        let path =
            format!("/v1/conversations/{}/messages", conversation["conversation_id"].as_str().unwrap());
        let accepted = server.get(&path).await;
        let accepted: Vec<_> = accepted["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
        assert_eq!(sent, accepted, "{person}");
    }
}

#[tokio::test]
async fn a_retrying_send_keeps_its_place() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.line_down(true).await;
    let first = server.send(&line, ADA, "one").await;
    assert_eq!(first["status"], "queued", "it cannot be handed over now");
    server.send(&line, ADA, "two").await;
    server.send(&line, BOB, "other").await;
    // The first is tried and shall be tried again in a minute.
    let id = MessageId::from_text(first["id"].as_str().unwrap());
    let me = server.app.db.presence().incarnation().unwrap();
    let (sends, made, wanted) =
        (queue::send_lane(&NumberId::from_text(&line.id)), server.app.ids.clone(), id.clone());
    let later = START + Duration::from_mins(1);
    server
        .write(move |tx| {
            let jobs = store::claim(tx, sends.class, &[&sends.name], &me, START, 100)?;
            for job in jobs {
                let (run_at, reason) = match &job.task {
                    Task::SendMessage(id) if *id == wanted => (later, "busy".to_owned()),
                    _ => {
                        queue::retry(tx, &job, START, "", false)?;
                        continue;
                    }
                };
                assert!(matches!(send::begin_all(tx, &[&wanted])?.get(&wanted), Some(Begun::HandOver(_))));
                let settlement = Settlement::Later { run_at, reason };
                settle::settle(tx, &made, &mut Emitter::default(), START, &job, &wanted, &settlement)?;
            }
            Ok(())
        })
        .await;
    assert_eq!(server.message(id.as_str()).await.status, Status::Queued);
    server.line_down(false).await;
    server.advance(Duration::from_secs(1));
    assert_eq!(server.handed_over(1).await, ["other"]);
    server.advance(Duration::from_mins(1));
    assert_eq!(server.handed_over(3).await, ["other", "one", "two"]);
}

#[tokio::test]
async fn a_webhook_delivery_gives_its_place_up_after_its_first_attempt() {
    let gate = Arc::new(Semaphore::new(0));
    let receiver = Receiver::new([Say::status(500).behind(&gate)]).await;
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.webhook(&receiver.url, &[]).await;
    server.person_texts(ADA, &line, "one").await;
    receiver.count(1).await;
    server.person_texts(ADA, &line, "two").await;
    server.person_texts(BOB, &line, "elsewhere").await;
    let seen = receiver.count(2).await;
    assert_eq!([seen[0].text(), seen[1].text()], ["one", "elsewhere"], "two waits for one's first attempt");
    gate.add_permits(1);
    let seen = receiver.count(3).await;
    assert_eq!(seen[2].text(), "two", "one is not over, but its first attempt is");
    // The leap of the clock must not make an attempt look lost.
    until_true("one's next attempt to be all that is left", async || {
        server.column("SELECT id FROM jobs WHERE class = 'hook' AND lease IS NULL").await.len() == 1
            && server.column("SELECT id FROM jobs WHERE class = 'hook'").await.len() == 1
    })
    .await;
    server.advance(Duration::from_secs(331));
    let seen = receiver.count(4).await;
    assert_eq!(seen[3].text(), "one");
    assert_eq!(seen[3].header("webhook-id"), seen[0].header("webhook-id"));
}

impl TestServer {
    async fn post_text(&self, line: &crate::server::Line, to: &str, index: usize) -> serde_json::Value {
        self.send(line, to, &format!("text {index}")).await
    }
}
