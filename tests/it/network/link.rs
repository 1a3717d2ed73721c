//! Offers, lost links, several servers, and the journal.

use std::collections::HashSet;
use std::io::Write;
use std::time::Duration;

use agentphone::carriers::{Answer, Inbound, Outcome, Question, Target};
use agentphone::channel::Channel;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::world::{ADA, IMESSAGE_LINE, SMS_LINE, Transport, World, accepted, text};
use crate::wait::PATIENCE;

async fn says(world: &World, body: &str) {
    let said = json!({ "to": SMS_LINE, "body": body });
    world.ok("POST", &format!("/sim/handsets/{ADA}/messages"), &said).await;
}

async fn what_a_dead_server_had_not_stored_goes_to_another(transport: Transport) {
    let world = World::new(transport).await;
    let mut first = world.server().await;
    says(&world, "One").await;
    says(&world, "Two").await;
    let one = first.arrival().await;
    let two = first.arrival().await;
    one.stored.send(Some("msg_one".to_owned())).unwrap();
    let path = format!("/sim/handsets/{ADA}/messages");
    while world.get(&path).await["data"][0]["message_id"] != "msg_one" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.kill();
    let mut second = world.server().await;
    assert_eq!(second.next().await, two.inbound, "the very same, and not the one that was stored");
    second.nothing_for(50).await;
    world.end().await;
}

#[tokio::test]
async fn offers_survive_a_server_on_the_inner_link() {
    what_a_dead_server_had_not_stored_goes_to_another(Transport::Inner).await;
}

#[tokio::test]
async fn offers_survive_a_server_on_the_socket() {
    what_a_dead_server_had_not_stored_goes_to_another(Transport::Remote).await;
}

#[tokio::test]
async fn what_could_not_be_stored_is_offered_again() {
    let world = World::new(Transport::Inner).await;
    let mut server = world.server().await;
    says(&world, "One").await;
    let refused = server.arrival().await;
    drop(refused.stored);
    let again = server.arrival_within(PATIENCE).await;
    assert_eq!(again.inbound, refused.inbound);
    again.stored.send(Some("msg_1".to_owned())).unwrap();
    world.end().await;
}

#[tokio::test]
async fn several_servers_share_texts_and_get_their_own_receipts() {
    let world = World::new(Transport::Remote).await;
    let (mut first, mut second) = (world.server().await, world.server().await);
    says(&world, "One").await;
    says(&world, "Two").await;
    let mut bodies = HashSet::new();
    for server in [&mut first, &mut second] {
        let Inbound::Text(text) = server.next().await else { panic!("each gets a text") };
        bodies.insert(text.body);
    }
    assert_eq!(bodies.len(), 2);
    for n in 0..4 {
        assert_eq!(second.text(&format!("msg_{n}"), ADA, "Hi").await, accepted());
    }
    for _ in 0..4 {
        assert!(matches!(second.next().await, Inbound::Receipt(_)));
    }
    first.nothing_for(50).await;
    // A message that nobody saw is known as such only after the other server was asked too.
    let message_id = "msg_none".to_owned();
    let question = Question::Message { message_id, provider_id: None, channel: Channel::Sms };
    let answer = first.connection.carrier.ask(question).await;
    assert!(matches!(answer, Answer::Message(Outcome::Later { .. })), "{answer:?}");
    world.end().await;
}

async fn everything_is_there_after_a_restart(transport: Transport) {
    let world = World::new(transport).await;
    let mut server = world.server().await;
    world.ok("PUT", &format!("/sim/handsets/{ADA}"), &json!({ "imessage": true, "name": "Ada" })).await;
    world.ok("PUT", "/sim/faults", &json!({ "refuse_next": 1 })).await;
    assert!(matches!(server.text("msg_0", ADA, "Hi").await, Outcome::Refused(_)));
    let to = Target::NewGroup { group_id: "grp_1".to_owned(), members: vec![ADA.to_owned()] };
    server.submit(text("msg_1", IMESSAGE_LINE, to, Channel::Imessage, "Grüße \"quoted\"\n🎈")).await;
    says(&world, "One").await;
    says(&world, "Two").await;
    let (mut left, mut pending) = (3, None);
    while left > 0 {
        let arrival = server.arrival().await;
        left -= 1;
        match &arrival.inbound {
            Inbound::Text(text) if text.body == "Two" => pending = Some(arrival.inbound),
            Inbound::Text(_) => arrival.stored.send(Some("msg_one".to_owned())).unwrap(),
            _ => arrival.stored.send(None).unwrap(),
        }
    }
    let screen_path = format!("/sim/handsets/{ADA}/messages");
    while !world.get(&screen_path).await.to_string().contains("msg_one") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.ok("PUT", "/sim/faults", &json!({ "withhold_next": 3 })).await;
    let paths = ["/sim/ledger", "/sim/handsets", &screen_path, "/sim/faults", "/sim/groups/grp_1"];
    let mut before = Vec::new();
    for path in paths {
        before.push(world.get(path).await);
    }
    server.kill();
    let world = world.again().await;
    for (path, before) in paths.iter().zip(before) {
        assert_eq!(world.get(path).await, before, "{path}");
    }
    let mut server = world.server().await;
    assert_eq!(Some(server.next().await), pending, "offered again by the next run");
    server.nothing_for(50).await;
    world.end().await;
}

#[tokio::test]
async fn the_inner_network_replays_its_journal() {
    everything_is_there_after_a_restart(Transport::Inner).await;
}

#[tokio::test]
async fn the_separate_network_replays_its_journal() {
    everything_is_there_after_a_restart(Transport::Remote).await;
}

#[tokio::test]
async fn a_torn_last_line_is_dropped() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    assert_eq!(server.text("msg_1", ADA, "Hi").await, accepted());
    server.kill();
    let folder = world.folder.clone();
    world.halt().await;
    let path = folder.join("network.journal");
    let whole = std::fs::read(&path).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"submitted\":{\"at\":17").unwrap();
    let world = World::at(folder, Transport::Inner).await;
    assert_eq!(world.get("/sim/ledger").await["next"], 1);
    assert!(std::fs::read(&path).unwrap().starts_with(&whole));
    let server = world.server().await;
    assert_eq!(server.text("msg_2", ADA, "Hi").await, accepted());
    let world = world.again().await;
    assert_eq!(world.get("/sim/ledger").await["next"], 2, "what followed the tear is sound");
    world.end().await;
}

/// A server that speaks the wire by hand.
struct Raw(tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>);

impl Raw {
    async fn open(world: &World) -> Self {
        let address = format!("ws://{}/sim/link", world.address);
        Self(tokio_tungstenite::connect_async(address).await.unwrap().0)
    }

    async fn say(&mut self, messages: serde_json::Value) {
        self.0.send(Message::text(messages.to_string())).await.unwrap();
    }

    async fn hear(&mut self) -> serde_json::Value {
        let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time");
        serde_json::from_str(frame.unwrap().unwrap().to_text().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn what_another_server_has_under_way_counts_before_never_seen_is_answered() {
    let world = World::new(Transport::Remote).await;
    let server = world.server().await;
    let mut other = Raw::open(&world).await;
    // Until its first words are answered the network may not know this link.
    other
        .say(json!([{ "ask": { "seq": 1, "question": { "Reach": { "from": SMS_LINE, "address": ADA } } } }]))
        .await;
    let reach =
        json!([{ "answer": { "seq": 1, "answer": { "Reach": { "imessage": false, "sms": true } } } }]);
    assert_eq!(other.hear().await, reach);

    let message_id = "msg_late".to_owned();
    let question = Question::Message { message_id, provider_id: None, channel: Channel::Sms };
    let asking = server.connection.carrier.ask(question);
    let late = async {
        let fence = other.hear().await[0]["fence"]["fence"].clone();
        let text = json!({
            "message_id": "msg_late", "attempt": 1, "from": SMS_LINE, "to": { "Person": ADA }, "channel": "sms",
            "body": "Hi", "media_urls": [], "effect": null, "reply_to": null,
        });
        let submit = json!({ "seq": 2, "part": 0, "parts": 1, "outbound": { "Text": text } });
        other.say(json!([{ "submit": submit }, { "fenced": { "fence": fence } }])).await;
    };
    let (answer, ()) = tokio::join!(asking, late);
    assert_eq!(answer, Answer::Message(accepted()));
    world.end().await;
}

#[tokio::test]
async fn words_that_are_no_messages_end_the_link() {
    let world = World::new(Transport::Remote).await;
    let mut raw = Raw::open(&world).await;
    raw.say(json!({ "submit": 1 })).await;
    let end = tokio::time::timeout(PATIENCE, raw.0.next()).await.expect("the link ends");
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
    world.end().await;
}
