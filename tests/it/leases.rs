//! Rule 2, leases name the process's incarnation: while that lives nobody else touches its jobs, and when it is
//! gone they are given back.

use std::sync::Arc;
use std::time::Duration;

use agentphone::channel::Channel;
use agentphone::db::{Db, Location, Tx};
use agentphone::id::{Ids, MessageId};
use agentphone::jobs::presence;
use agentphone::phone::events::Emitter;
use agentphone::phone::messages::Status;
use agentphone::phone::messages::settle::{self, Settlement};
use agentphone::queue::{Job, Task, send_lane};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::place::{Place, postgres_url};
use crate::receiver::{Receiver, Say};
use crate::server::{ADA, Line, Setting, TestServer};
use crate::wait::until;

/// Breaks the connection that holds a process's incarnation.
const HANG_UP: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test]
async fn a_dead_process_gives_back_its_jobs() {
    let server = Setting::new().await.with("SEND_WAIT", "0.05").start().await;
    let line = server.buy_number("sms").await;
    server.faults(json!({"withhold_next": 1})).await;
    let id = server.send(&line, ADA, "one").await["id"].as_str().unwrap().to_owned();
    assert_eq!(server.handed_over(1).await, ["one"]);
    server.send(&line, ADA, "two").await;
    let dead = server.column("SELECT lease FROM jobs WHERE lease IS NOT NULL").await;
    assert_eq!(dead, [server.app.db.presence().incarnation().unwrap().to_string()]);
    let server = server.crash().await.start().await;
    assert_ne!(server.app.db.presence().incarnation().unwrap().to_string(), dead[0]);
    until("the jobs of the dead to be done", async || {
        server.advance(Duration::from_millis(100));
        server.column("SELECT id FROM jobs WHERE class = 'send'").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(server.message(&id).await.status, Status::Unconfirmed);
    assert_eq!(server.handed_over(2).await, ["one", "two"], "in order, and each once");
}

#[tokio::test]
async fn what_waits_when_a_server_stops_goes_on_at_the_next_start() {
    let server = Setting::new().await.start().await;
    let line = server.buy_number("sms").await;
    server.line_down(true).await;
    let id = server.send(&line, ADA, "later").await["id"].as_str().unwrap().to_owned();
    assert_eq!(server.column("SELECT id FROM jobs WHERE lease IS NOT NULL").await, [""; 0]);
    server.faults(json!({"link_down": false})).await;
    let server = server.stop().await.start().await;
    server.becomes(&id, Status::Delivered).await;
    assert_eq!(server.handed_over(1).await, ["later"]);
}

#[tokio::test]
async fn one_server_uses_a_data_folder_at_a_time() {
    if postgres_url().is_some() {
        return; // Several servers are the point there.
    }
    let place = Place::new().await;
    let (db, _, clock) = place.open(1).await;
    let location = Location::File(place.folder().join("test.db"));
    let second = Db::open(location, Ids::from_seed(clock, 2)).await;
    let error = second.err().expect("the folder is in use").to_string();
    assert!(error.contains("another agentphone is using the data folder"), "{error}");
    db.close();
}

#[tokio::test]
async fn jobs_of_a_live_process_are_not_touched_until_it_is_gone() {
    if postgres_url().is_none() {
        return; // There is never a second process on SQLite.
    }
    let setting = Setting::new().await.with("SEND_WAIT", "0.05").with_network_beside().await;
    let first = setting.start().await;
    let second = first.setting.clone().start().await;
    let line = first.buy_number("sms").await;
    // The first send settles who works the lane.
    first.send(&line, ADA, "zero").await;
    first.handed_over(1).await;
    first.faults(json!({"withhold_next": 1})).await;
    let id = first.send(&line, ADA, "one").await["id"].as_str().unwrap().to_owned();
    first.handed_over(2).await;
    let holder = first.column("SELECT lease FROM jobs WHERE class = 'send' AND lease IS NOT NULL").await;
    let (holding, other) = if holder == [first.app.db.presence().incarnation().unwrap().to_string()] {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(presence::bury_the_dead(&other.app).await.unwrap(), 0, "nobody is dead");
    other.advance(Duration::from_mins(1));
    assert_eq!(other.send(&line, ADA, "two").await["status"], "queued");
    assert_eq!(other.message(&id).await.status, Status::Sending);
    assert_eq!(
        other.column("SELECT lease FROM jobs WHERE class = 'send' AND lease IS NOT NULL").await,
        holder
    );
    drop(holding.crash().await);
    until("the jobs of the dead to be done by the other", async || {
        other.advance(Duration::from_millis(100));
        other.column("SELECT id FROM jobs WHERE class = 'send'").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(other.message(&id).await.status, Status::Unconfirmed, "asked for, not submitted again");
    assert_eq!(other.handed_over(3).await, ["zero", "one", "two"]);
    let buried = "SELECT id FROM incarnations";
    assert_eq!(other.column(buried).await, [other.app.db.presence().incarnation().unwrap().to_string()]);
}

#[tokio::test]
async fn a_process_that_lost_its_lock_is_another_incarnation() {
    if postgres_url().is_none() {
        return; // The lock of a data folder cannot be lost.
    }
    let server = Setting::new().await.with("SEND_WAIT", "0.05").start().await;
    let line = server.buy_number("sms").await;
    let before = server.app.db.presence().incarnation().unwrap();
    server.faults(json!({"withhold_next": 1})).await;
    let id = server.send(&line, ADA, "one").await["id"].as_str().unwrap().to_owned();
    server.handed_over(1).await;
    server.setting.place.beside(HANG_UP).await;
    let message = until("the message to be asked for", async || {
        server.advance(Duration::from_millis(100));
        Some(server.message(&id).await).filter(|message| message.status != Status::Sending)
    })
    .await;
    assert_eq!(message.status, Status::Unconfirmed);
    assert_ne!(server.app.db.presence().incarnation().unwrap(), before);
    assert_eq!(server.handed_over(1).await, ["one"]);
}

#[tokio::test]
async fn what_had_not_left_yet_stays_when_its_process_is_taken_for_dead() {
    if postgres_url().is_none() {
        return;
    }
    let server = Setting::new().await.with("SEND_WAIT", "0.05").start().await;
    let line = server.buy_number("sms").await;
    let gate = Arc::new(Semaphore::new(0));
    let file = || Say::body("GIF89a").with_header("content-type", "image/gif");
    let files = Receiver::new([file().behind(&gate), file(), file()]).await;
    let asked = json!({"number_id": line.id, "to_number": ADA, "body": "Look", "media_urls": [files.url]});
    let sent = server.post("/v1/messages", asked, 200).await;
    let id = sent["id"].as_str().unwrap();
    // Its attachment is being looked at.
    files.count(1).await;
    assert_eq!(server.message(id).await.status, Status::Sending);
    server.setting.place.beside(HANG_UP).await;
    until("the message to be delivered by another incarnation", async || {
        server.advance(Duration::from_millis(100));
        Some(server.message(id).await).filter(|message| message.status == Status::Delivered)
    })
    .await;
    gate.add_permits(1);
    // Whatever was left of the first hand-over would be through with this.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.handed_over(1).await, ["Look"], "once");
}

/// Hands over a message whose answer is withheld, and records twice that `settlement` became of it.
async fn recorded_twice(server: &TestServer, line: &Line, settlement: Settlement) -> MessageId {
    server.faults(json!({"withhold_next": 1})).await;
    let sent = server.send(line, ADA, "Hello").await;
    let id = MessageId::from_text(sent["id"].as_str().unwrap());
    let sql = "SELECT id, attempt, lease FROM jobs WHERE class = 'send' AND lease IS NOT NULL";
    let claimed =
        server.app.db.read(|tx| tx.one(sql, &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))));
    let (job, attempt, lease) = claimed.await.unwrap();
    let (ids, now) = (server.app.ids.clone(), server.app.clock.now());
    let number = server.message(id.as_str()).await.number_id;
    let job = Job {
        id: job,
        lane: send_lane(&number),
        task: Task::SendMessage(id.clone()),
        order_key: None,
        attempt,
        origin: None,
        lease,
        created_at: now,
    };
    let message = id.clone();
    let record = move |tx: &mut Tx<'_>| {
        settle::settle(tx, &ids, &mut Emitter::default(), now, &job, &message, &settlement)
    };
    server.app.db.record(record.clone()).await.unwrap();
    server.app.db.record(record).await.unwrap();
    id
}

#[tokio::test]
async fn a_hand_over_that_is_recorded_twice_counts_once() {
    let server = Setting::new().await.with("SEND_WAIT", "0.05").start().await;
    let line = server.buy_number("imessage").await;
    server.sim("PUT", &format!("/sim/handsets/{ADA}"), Some(&json!({"imessage": true}))).await;
    let reason = || "for a reason".to_owned();
    let other_way = recorded_twice(&server, &line, Settlement::NotOnImessage { reason: reason() }).await;
    let message = server.becomes(other_way.as_str(), Status::Delivered).await;
    assert_eq!(message.channel, Channel::Sms, "it went the other way");
    server.no_jobs("SELECT id FROM jobs WHERE class = 'send'").await;

    let run_at = server.app.clock.now() + Duration::from_hours(1);
    let later = recorded_twice(&server, &line, Settlement::Later { run_at, reason: reason() }).await;
    assert_eq!(server.message(later.as_str()).await.status, Status::Queued);
    let waiting = "SELECT last_error FROM jobs WHERE class = 'send' AND lease IS NULL";
    assert_eq!(server.column(waiting).await, [reason()], "it waits for its time");
}
