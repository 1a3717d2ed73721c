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

/// A picture of what a person sent in one text.
fn picture(id: &str, part: u32) -> MessageRef {
    MessageRef { part, ..named("msg_unknown", Some(id)) }
}

async fn it_takes_one_picture_away(transport: Transport) {
    let world = World::new(transport).await;
    let server = world.server().await;
    let shelf = world.folder.join("media");
    std::fs::create_dir_all(&shelf).unwrap();
    let urls = ["a", "b", "c"].map(|name| {
        std::fs::write(shelf.join(format!("{name}.png")), name).unwrap();
        format!("http://{}/sim/media/{name}.png", world.address)
    });
    let said = json!({"to": IMESSAGE_LINE, "body": "look here", "media_urls": urls});
    let said = world.ok("POST", &format!("/sim/handsets/{ADA}/messages"), &said).await;
    let id = said["id"].as_str().unwrap();
    let left = || {
        let mut names: Vec<_> = std::fs::read_dir(&shelf)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names.join(" ")
    };
    for _ in 0..2 {
        assert_eq!(erase(&server, vec![picture(id, 1)]).await, Answer::Done, "as often as it is asked");
        assert_eq!(left(), "a.png c.png");
    }
    server.kill();
    let world = world.again().await;
    let shown = world.get(&format!("/sim/handsets/{ADA}/messages")).await["data"][0].clone();
    assert_eq!((&shown["body"], &shown["media_urls"]), (&json!("look here"), &json!([urls[0], urls[2]])));
    assert!(!everything(&world).await.contains("b.png"));

    let server = world.server().await;
    assert_eq!(erase(&server, vec![picture(id, 0)]).await, Answer::Done);
    let shown = world.get(&format!("/sim/handsets/{ADA}/messages")).await["data"][0].clone();
    assert_eq!(
        (&shown["body"], &shown["media_urls"]),
        (&json!(""), &json!([urls[2]])),
        "words go with the first"
    );
    assert_eq!(erase(&server, vec![picture(id, 2)]).await, Answer::Done);
    assert_eq!(left(), "");
    server.kill();
    let world = world.again().await;
    let all = everything(&world).await;
    assert!(!all.contains("look here") && !all.contains(".png"), "{all}");
    assert_eq!(
        world.get(&format!("/sim/handsets/{ADA}/messages")).await["data"],
        json!([]),
        "nothing is left of it"
    );
    world.end().await;
}

#[tokio::test]
async fn one_picture_of_several_goes_alone_over_the_inner_link() {
    it_takes_one_picture_away(Transport::Inner).await;
}

#[tokio::test]
async fn one_picture_of_several_goes_alone_over_the_remote_link() {
    it_takes_one_picture_away(Transport::Remote).await;
}
