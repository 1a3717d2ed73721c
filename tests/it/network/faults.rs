//! What `PUT /sim/faults` makes go wrong.

use std::time::Duration;

use agentphone::carriers::{Answer, Inbound, Outcome, Question};
use agentphone::channel::{Channel, FailureCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::world::{ADA, Server, Transport, World, accepted};

async fn outcomes(world: &World) -> Vec<String> {
    let ledger = world.get("/sim/ledger").await;
    let rows = ledger["data"].as_array().unwrap().iter();
    rows.map(|row| row["outcome"].as_str().unwrap().to_owned()).collect()
}

async fn fate(server: &Server, id: &str) -> Answer {
    let message_id = id.to_owned();
    let question = Question::Message { message_id, provider_id: None, channel: Channel::Sms };
    server.connection.carrier.ask(question).await
}

#[tokio::test]
async fn the_next_ones_are_refused() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    world.ok("PUT", "/sim/faults", &json!({ "refuse_next": 1 })).await;
    let Outcome::Refused(failure) = server.text("msg_1", ADA, "Hi").await else { panic!("refused") };
    assert_eq!(failure.code, FailureCode::CarrierRejected);
    assert_eq!(server.text("msg_2", ADA, "Hi").await, accepted());
    assert_eq!(outcomes(&world).await, ["refused", "accepted"]);
    assert!(matches!(fate(&server, "msg_1").await, Answer::Message(Outcome::Refused(_))));
    assert_eq!(fate(&server, "msg_2").await, Answer::Message(accepted()));
    assert!(matches!(fate(&server, "msg_3").await, Answer::Message(Outcome::Later { .. })));
    assert_eq!(world.get("/sim/faults").await["refuse_next"], 0);
    world.end().await;
}

async fn withheld_then_released(transport: Transport) {
    let world = World::new(transport).await;
    let mut server = world.server().await;
    world.ok("PUT", "/sim/faults", &json!({ "withhold_next": 1 })).await;
    let release = async {
        while world.get("/sim/faults").await["withheld"] != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(outcomes(&world).await, ["withheld"]);
        assert_eq!(fate(&server, "msg_1").await, Answer::CannotTell);
        let screen = world.get(&format!("/sim/handsets/{ADA}/messages")).await;
        assert_eq!(screen["data"], json!([]), "nobody has it yet");
        world.ok("PUT", "/sim/faults", &json!({ "release": true })).await;
    };
    let (outcome, ()) = tokio::join!(server.text("msg_1", ADA, "Hi"), release);
    assert_eq!(outcome, accepted());
    assert!(matches!(server.next().await, Inbound::Receipt(_)));
    assert_eq!(outcomes(&world).await, ["accepted"], "a release adds no entry");
    world.end().await;
}

#[tokio::test]
async fn withheld_then_released_over_the_inner_link() {
    withheld_then_released(Transport::Inner).await;
}

#[tokio::test]
async fn withheld_then_released_over_the_socket() {
    withheld_then_released(Transport::Remote).await;
}

#[tokio::test]
async fn withheld_from_a_server_that_died_gives_a_receipt_only() {
    let world = World::new(Transport::Remote).await;
    let first = world.server().await;
    world.ok("PUT", "/sim/faults", &json!({ "withhold_next": 1 })).await;
    let dying = async {
        while world.get("/sim/faults").await["withheld"] != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        outcome = first.text("msg_1", ADA, "Hi") => panic!("no answer before the release: {outcome:?}"),
        () = dying => {}
    }
    first.kill();
    let mut second = world.server().await;
    assert_eq!(fate(&second, "msg_1").await, Answer::CannotTell);
    world.ok("PUT", "/sim/faults", &json!({ "release": true })).await;
    let Inbound::Receipt(receipt) = second.next().await else { panic!("a receipt") };
    assert_eq!(receipt.message_id.as_deref(), Some("msg_1"));
    assert_eq!(fate(&second, "msg_1").await, Answer::Message(accepted()));
    world.end().await;
}

#[tokio::test]
async fn answers_and_receipts_can_be_late() {
    let world = World::new(Transport::Inner).await;
    let mut server = world.server().await;
    let late = json!({ "accept_delay_ms": 120, "receipt_delay_ms": 120 });
    let faults = world.ok("PUT", "/sim/faults", &late).await;
    let expected = json!({
        "accept_delay_ms": 120, "refuse_next": 0, "withhold_next": 0, "withheld": 0, "receipt_delay_ms": 120,
        "link_down": false,
    });
    assert_eq!(faults, expected);
    let start = Instant::now();
    assert_eq!(server.text("msg_1", ADA, "Hi").await, accepted());
    assert!(start.elapsed() >= Duration::from_millis(119), "{:?}", start.elapsed());
    assert!(matches!(server.next().await, Inbound::Receipt(_)));
    assert!(start.elapsed() >= Duration::from_millis(239), "{:?}", start.elapsed());
    world.end().await;
}

async fn the_link_goes_down_and_up(transport: Transport) {
    let world = World::new(transport).await;
    let mut server = world.server().await;
    let mut up = server.connection.up.clone();
    assert!(server.connection.is_up());
    world.ok("PUT", "/sim/faults", &json!({ "withhold_next": 1 })).await;
    let cut = async {
        while world.get("/sim/faults").await["withheld"] != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.ok("PUT", "/sim/faults", &json!({ "link_down": true })).await;
    };
    let (outcome, ()) = tokio::join!(server.text("msg_1", ADA, "Hi"), cut);
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    up.wait_for(|up| !*up).await.unwrap();
    assert!(matches!(server.text("msg_2", ADA, "Hi").await, Outcome::Later { .. }));
    assert_eq!(fate(&server, "msg_1").await, Answer::CannotTell);
    // People can still text: it arrives when the link is up again.
    let said = json!({ "to": super::world::SMS_LINE, "body": "Anyone?" });
    world.ok("POST", &format!("/sim/handsets/{ADA}/messages"), &said).await;
    server.nothing_for(250).await;
    world.ok("PUT", "/sim/faults", &json!({ "link_down": false })).await;
    up.wait_for(|up| *up).await.unwrap();
    assert!(matches!(server.next().await, Inbound::Text(text) if text.body == "Anyone?"));
    assert_eq!(outcomes(&world).await, ["withheld", "accepted"]);
    assert!(matches!(fate(&server, "msg_2").await, Answer::Message(Outcome::Later { .. })));
    world.end().await;
}

#[tokio::test]
async fn the_inner_link_goes_down_and_up() {
    the_link_goes_down_and_up(Transport::Inner).await;
}

#[tokio::test]
async fn the_socket_goes_down_and_up() {
    the_link_goes_down_and_up(Transport::Remote).await;
}

#[tokio::test]
async fn a_doubled_text_is_two_entries() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    assert_eq!(server.text("msg_1", ADA, "Hi").await, accepted());
    assert_eq!(server.text("msg_1", ADA, "Hi").await, accepted());
    let ledger = world.get("/sim/ledger").await;
    let ids: Vec<&Value> = ledger["data"].as_array().unwrap().iter().map(|row| &row["message_id"]).collect();
    assert_eq!(ids, ["msg_1", "msg_1"]);
    assert_eq!(
        world.get(&format!("/sim/handsets/{ADA}/messages")).await["data"].as_array().unwrap().len(),
        2
    );
    world.end().await;
}
