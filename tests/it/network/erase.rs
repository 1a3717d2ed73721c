//! `Question::Erase`: the network forgets what was said, on phones, in the ledger and in the journal, and stays what it
//! was otherwise, also after a start.

use agentphone::carriers::{Answer, MessageRef, Outbound, Question, Target};
use agentphone::channel::Channel;
use serde_json::{Value, json};

use super::world::{ADA, IMESSAGE_LINE, Server, Transport, World, accepted, plain};

fn named(message_id: &str, provider_id: Option<&str>) -> MessageRef {
    MessageRef { message_id: message_id.to_owned(), provider_id: provider_id.map(str::to_owned), part: 0 }
}

async fn erase(server: &Server, messages: Vec<MessageRef>) -> Answer {
    server.connection.carrier.ask(Question::Erase { messages }).await
}

async fn everything(world: &World) -> String {
    let journal = std::fs::read_to_string(world.folder.join("network.journal")).unwrap();
    let screen: Value = world.get(&format!("/sim/handsets/{ADA}/messages")).await;
    format!("{journal}{screen}{}", world.get("/sim/ledger").await)
}

async fn it_forgets(transport: Transport) {
    let world = World::new(transport).await;
    let server = world.server().await;
    world.imessage_phone(ADA).await;
    let text = |id: &str, body: &str| {
        let mut text = plain(id, IMESSAGE_LINE, Target::Person(ADA.to_owned()), Channel::Imessage, body);
        text.effect = Some("confetti".to_owned());
        Outbound::Text(text)
    };
    assert_eq!(server.submit(text("msg_1", "the \"secret\" 🦓 one")).await, accepted());
    assert_eq!(server.submit(text("msg_2", "the other one")).await, accepted());
    let said = json!({"to": IMESSAGE_LINE, "body": "a person's secret"});
    let said = world.ok("POST", &format!("/sim/handsets/{ADA}/messages"), &said).await;
    let tap = json!({"message_id": "msg_1", "reaction": "laugh"});
    world.ok("POST", &format!("/sim/handsets/{ADA}/reactions"), &tap).await;

    let erased = vec![named("msg_1", None), named("msg_unknown", said["id"].as_str()), named("msg_x", None)];
    assert_eq!(erase(&server, erased.clone()).await, Answer::Done);
    assert_eq!(erase(&server, erased).await, Answer::Done, "as often as it is asked");
    server.kill();
    let world = world.again().await;
    let all = everything(&world).await;
    for word in ["secret", "🦓", "laugh"] {
        assert!(!all.contains(word), "{word} is still there");
    }
    let ledger = world.get("/sim/ledger").await;
    let bodies: Vec<_> = ledger["data"].as_array().unwrap().iter().map(|row| row["body"].clone()).collect();
    assert_eq!(bodies, [json!(""), json!("the other one"), json!("")]);
    assert_eq!(ledger["data"][0]["outcome"], "accepted");
    let screen = world.get(&format!("/sim/handsets/{ADA}/messages")).await;
    assert_eq!(screen["data"].as_array().unwrap().len(), 1);
    assert_eq!(screen["data"][0]["effect"], "confetti");
    world.end().await;
}

#[tokio::test]
async fn it_forgets_over_the_inner_link() {
    it_forgets(Transport::Inner).await;
}

#[tokio::test]
async fn it_forgets_over_the_remote_link() {
    it_forgets(Transport::Remote).await;
}
