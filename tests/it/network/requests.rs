//! The requests under `/sim`, their shapes and their errors; SMS both ways.

use agentphone::carriers::{Answer, Arrival, Inbound, Outbound, Outcome, Question, ReceiptState, Target};
use agentphone::channel::Channel;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::world::{ADA, BOB, SMS_LINE, Transport, World, accepted, plain};
use crate::wait::{PATIENCE, until};

async fn a_text_out(transport: Transport) {
    let world = World::new(transport).await;
    let mut server = world.server().await;
    assert_eq!(server.text("msg_1", ADA, "Your bike is ready").await, accepted());
    let Inbound::Receipt(receipt) = server.next().await else { panic!("a receipt follows") };
    assert_eq!(receipt.message_id.as_deref(), Some("msg_1"));
    assert_eq!((receipt.state, receipt.channel), (ReceiptState::Delivered, Some(Channel::Sms)));

    let mut screen = world.get(&format!("/sim/handsets/{ADA}/messages")).await;
    assert!(screen["data"][0]["at"].take().as_str().unwrap().ends_with('Z'));
    let bubble = json!({
        "id": "msg_1", "message_id": "msg_1", "direction": "out", "from": SMS_LINE, "to": ADA, "group_id": null,
        "body": "Your bike is ready", "media_urls": [], "channel": "sms", "effect": null, "reply_to": null,
        "reactions": [], "at": null,
    });
    let thread = json!({ "with": SMS_LINE, "background": null, "typing": false });
    assert_eq!(screen, json!({ "data": [bubble], "threads": [thread] }));

    let mut ledger = world.get("/sim/ledger").await;
    assert!(ledger["data"][0]["at"].take().is_string());
    let row = json!({
        "n": 1, "at": null, "direction": "out", "message_id": "msg_1", "part": 0, "attempt": 1, "from": SMS_LINE,
        "to": ADA, "channel": "sms", "body": "Your bike is ready", "media_urls": [], "effect": null,
        "reply_to": null, "outcome": "accepted",
    });
    assert_eq!(ledger, json!({ "data": [row], "next": 1 }));
    world.end().await;
}

#[tokio::test]
async fn a_text_out_over_the_inner_link() {
    a_text_out(Transport::Inner).await;
}

#[tokio::test]
async fn a_text_out_over_the_socket() {
    a_text_out(Transport::Remote).await;
}

async fn a_text_in(transport: Transport) {
    let world = World::new(transport).await;
    let mut server = world.server().await;
    let path = format!("/sim/handsets/{ADA}/messages");
    let said = json!({ "to": SMS_LINE, "body": "", "media_urls": ["http://127.0.0.1/cat.jpg"] });
    let bubble = world.ok("POST", &path, &said).await;
    assert!(bubble["id"].as_str().unwrap().starts_with("sim_"));
    assert_eq!(bubble["message_id"], Value::Null);
    let Arrival { inbound: Inbound::Text(text), stored, carrier } = server.arrival().await else {
        panic!("a text")
    };
    assert_eq!(&*carrier, "simulated");
    assert_eq!((text.provider_id.as_str(), text.from.as_str()), (bubble["id"].as_str().unwrap(), ADA));
    assert_eq!((text.to.as_str(), text.channel), (SMS_LINE, Channel::Mms));
    assert_eq!(text.media_urls, ["http://127.0.0.1/cat.jpg"]);
    stored.send(Some("msg_in".to_owned())).unwrap();
    let shown = poll(&world, &path, |screen| screen["data"][0]["message_id"] == "msg_in").await;
    assert_eq!(shown["data"][0]["id"], bubble["id"]);

    // Either name works in reply_to; ours is passed on.
    world.ok("POST", &path, &json!({ "to": SMS_LINE, "body": "Well?", "reply_to": bubble["id"] })).await;
    let Inbound::Text(text) = server.next().await else { panic!("a text") };
    assert_eq!(text.reply_to.as_deref(), Some("msg_in"));
    let ledger = world.get("/sim/ledger").await;
    assert_eq!(
        (&ledger["data"][0]["direction"], &ledger["data"][0]["message_id"]),
        (&json!("in"), &bubble["id"])
    );
    world.end().await;
}

#[tokio::test]
async fn a_text_in_over_the_inner_link() {
    a_text_in(Transport::Inner).await;
}

#[tokio::test]
async fn a_text_in_over_the_socket() {
    a_text_in(Transport::Remote).await;
}

/// Asks until `found`; what a server has stored appears a moment later.
async fn poll(world: &World, path: &str, found: impl Fn(&Value) -> bool) -> Value {
    until(path, async || Some(world.get(path).await).filter(|answer| found(answer))).await
}

#[tokio::test]
async fn handsets_are_made_changed_and_listed() {
    let world = World::new(Transport::Inner).await;
    let path = format!("/sim/handsets/{ADA}");
    let made = world.ok("PUT", &path, &json!({ "imessage": true, "name": "Ada" })).await;
    assert_eq!(made, json!({ "number": ADA, "name": "Ada", "imessage": true, "last_at": null }));
    let changed = world.ok("PUT", &path, &json!({ "imessage": false })).await;
    assert_eq!(changed["name"], "Ada");
    assert_eq!(world.get("/sim/handsets").await, json!({ "data": [changed] }));
    world.end().await;
}

#[tokio::test]
async fn a_phone_can_answer_once_by_itself() {
    let world = World::new(Transport::Inner).await;
    let mut server = world.server().await;
    world.ok("PUT", &format!("/sim/handsets/{ADA}"), &json!({ "answer_once": "Hello agent" })).await;
    assert_eq!(server.text("msg_1", ADA, "Hi").await, accepted());
    assert_eq!(server.text("msg_2", ADA, "Hi again").await, accepted());
    let mut texts = Vec::new();
    for _ in 0..3 {
        if let Inbound::Text(text) = server.next().await {
            texts.push((text.from, text.to, text.body));
        }
    }
    assert_eq!(texts, [(ADA.to_owned(), SMS_LINE.to_owned(), "Hello agent".to_owned())]);
    world.end().await;
}

#[tokio::test]
async fn wrong_requests_are_refused_in_the_flat_form() {
    let world = World::new(Transport::Remote).await;
    let _server = world.server().await;
    let ada = format!("/sim/handsets/{ADA}");
    let cases = [
        ("PUT", "/sim/handsets/ada".to_owned(), "{}", 400),
        ("PUT", ada.clone(), "{\"imessage\":\"yes\"}", 400),
        ("PUT", ada.clone(), "{", 400),
        ("POST", format!("{ada}/messages"), "{\"to\":\"+12065550999\",\"body\":\"x\"}", 404),
        ("POST", format!("{ada}/messages"), "{\"to\":\"+12065550100\"}", 400),
        ("POST", format!("{ada}/messages"), "{\"body\":\"x\"}", 400),
        (
            "POST",
            format!("{ada}/messages"),
            "{\"to\":\"+12065550100\",\"body\":\"x\",\"reply_to\":\"msg_0\"}",
            404,
        ),
        ("POST", format!("{ada}/reactions"), "{\"message_id\":\"msg_0\",\"reaction\":\"love\"}", 404),
        ("POST", format!("{ada}/read"), "{\"message_id\":\"msg_0\"}", 404),
        ("POST", format!("{ada}/typing"), "{\"to\":\"+12065550999\"}", 404),
        (
            "POST",
            "/sim/groups".to_owned(),
            "{\"number\":\"+12065550999\",\"members\":[\"+14155550142\"]}",
            404,
        ),
        (
            "POST",
            "/sim/groups".to_owned(),
            "{\"number\":\"+12065550101\",\"members\":[\"+14155550142\"]}",
            400,
        ),
        ("POST", "/sim/groups".to_owned(), "{\"number\":\"+12065550101\",\"members\":[]}", 400),
        ("PATCH", "/sim/groups/grp_0".to_owned(), "{}", 404),
        ("PUT", "/sim/faults".to_owned(), "{\"refuse_next\":-1}", 400),
        ("GET", "/sim/ledger?after=x".to_owned(), "", 400),
        ("POST", "/sim/media".to_owned(), "{}", 400),
        ("GET", "/sim/media/..%2Fnetwork.journal".to_owned(), "", 404),
        ("GET", "/sim/nothing".to_owned(), "", 404),
        ("DELETE", "/sim/faults".to_owned(), "", 400),
    ];
    for (method, path, body, expected) in cases {
        let (status, answer) = world.call(method, &path, body).await;
        assert_eq!(status, expected, "{method} {path} {body}: {answer}");
        let title = if expected == 404 { "Not Found" } else { "Bad Request" };
        assert_eq!(answer["error"], title, "{method} {path} {body}: {answer}");
        assert!(answer["message"].is_string(), "{method} {path} {body}: {answer}");
    }
    world.end().await;
}

#[tokio::test]
async fn an_sms_cannot_be_tapped_or_read() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    assert_eq!(server.text("msg_1", ADA, "Hi").await, accepted());
    let tap = json!({ "message_id": "msg_1", "reaction": "love" }).to_string();
    for path in ["reactions", "read"] {
        let (status, _) = world.call("POST", &format!("/sim/handsets/{ADA}/{path}"), &tap).await;
        assert_eq!(status, 400, "{path}");
    }
    let (status, _) = world.call("POST", &format!("/sim/handsets/{BOB}/read"), &tap).await;
    assert_eq!(status, 404, "it is not on Bob's phone");
    world.end().await;
}

#[tokio::test]
async fn the_ledger_comes_in_pages() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    for n in 0..5 {
        assert_eq!(server.text(&format!("msg_{n}"), ADA, "Hi").await, accepted());
    }
    let numbers = |page: &Value| -> Vec<u64> {
        page["data"].as_array().unwrap().iter().map(|row| row["n"].as_u64().unwrap()).collect()
    };
    let page = world.get("/sim/ledger?limit=2").await;
    assert_eq!((numbers(&page), &page["next"]), (vec![1, 2], &json!(2)));
    let page = world.get("/sim/ledger?after=2&limit=10").await;
    assert_eq!((numbers(&page), &page["next"]), (vec![3, 4, 5], &json!(5)));
    let page = world.get("/sim/ledger?after=5").await;
    assert_eq!((numbers(&page), &page["next"]), (vec![], &json!(5)));
    world.end().await;
}

#[tokio::test]
async fn a_picture_is_kept_and_served() {
    let world = World::new(Transport::Remote).await;
    let picture = [0x89, b'P', b'N', b'G', 0, 255];
    let (status, answer) = world.raw("POST", "/sim/media", "image/png", &picture).await;
    assert_eq!(status, 200);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let url = answer["url"].as_str().unwrap();
    let path = url.strip_prefix(&format!("http://{}", world.address)).unwrap();
    assert_eq!(world.raw("GET", path, "text/plain", b"").await, (200, picture.to_vec()));
    world.end().await;
}

#[tokio::test]
async fn a_phone_is_watched_live() {
    let world = World::new(Transport::Remote).await;
    let server = world.server().await;
    let mut stream = world.send("GET", &format!("/sim/handsets/{ADA}/events"), "text/plain", b"").await;
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("\r\n\r\n") {
        let count = stream.read(&mut buffer).await.unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert_eq!(server.text("msg_1", ADA, "Look").await, accepted());
    while !seen.contains("\"body\":\"Look\"") {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer));
        let count = read.await.expect("the stream tells of it").unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert!(seen.contains("event: message\n"), "{seen}");
    world.end().await;
}

#[tokio::test]
async fn numbers_are_made_and_given_back() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    let wish = |country: &str, area_code: Option<&str>, imessage| Question::FreshNumber {
        country: country.to_owned(),
        area_code: area_code.map(str::to_owned),
        imessage,
    };
    let ask = async |question| server.connection.carrier.ask(question).await;
    let Answer::Number(number) = ask(wish("US", Some("415"), true)).await else { panic!("a number") };
    assert!(number.starts_with("+1415555") && number.len() == 12, "{number}");
    let Answer::Number(canadian) = ask(wish("CA", None, false)).await else { panic!("a number") };
    assert!(canadian.starts_with("+1604555"), "{canadian}");
    assert_eq!(ask(wish("FR", None, false)).await, Answer::NoNumber);
    assert_eq!(ask(wish("US", Some("012"), false)).await, Answer::NoNumber);

    world.imessage_phone(ADA).await;
    let path = format!("/sim/handsets/{ADA}/messages");
    let said = json!({ "to": number, "body": "Hello" });
    assert_eq!(world.ok("POST", &path, &said).await["channel"], "imessage");
    assert_eq!(world.ok("POST", &path, &json!({ "to": canadian, "body": "Hello" })).await["channel"], "sms");
    assert_eq!(ask(Question::NumberReleased { number }).await, Answer::Done);
    assert_eq!(world.call("POST", &path, &said.to_string()).await.0, 404);
    let reach =
        |address: &str| Question::Reach { from: Some(SMS_LINE.to_owned()), address: address.to_owned() };
    assert_eq!(ask(reach(ADA)).await, Answer::Reach { imessage: true, sms: true });
    assert_eq!(ask(reach(BOB)).await, Answer::Reach { imessage: false, sms: true });
    world.end().await;
}

#[tokio::test]
async fn many_media_go_as_several_parts_with_one_receipt() {
    let world = World::new(Transport::Inner).await;
    let mut server = world.server().await;
    let mut mms = plain("msg_1", SMS_LINE, Target::Person(ADA.to_owned()), Channel::Mms, "Look");
    mms.media_urls = (0..12).map(|n| format!("http://127.0.0.1/{n}.png")).collect();
    assert_eq!(server.submit(Outbound::Text(mms.clone())).await, accepted());
    let ledger = world.get("/sim/ledger").await;
    let rows: Vec<_> = ledger["data"].as_array().unwrap().iter().collect();
    let sizes: Vec<_> = rows.iter().map(|row| row["media_urls"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 2]);
    assert_eq!((&rows[0]["body"], &rows[1]["body"]), (&json!("Look"), &json!("")));
    assert_eq!((&rows[1]["part"], &rows[1]["message_id"]), (&json!(1), &json!("msg_1")));
    assert!(matches!(server.next().await, Inbound::Receipt(_)));
    server.nothing_for(50).await;

    // The second part refused: neither sent nor not sent.
    world.ok("PUT", "/sim/faults", &json!({ "withhold_next": 1 })).await;
    "msg_2".clone_into(&mut mms.message_id);
    let refuse = async {
        poll(&world, "/sim/faults", |faults| faults["withheld"] == 1).await;
        world.ok("PUT", "/sim/faults", &json!({ "refuse_next": 1, "release": true })).await;
    };
    let (outcome, ()) = tokio::join!(server.submit(Outbound::Text(mms)), refuse);
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    world.end().await;
}

#[tokio::test]
async fn a_text_under_a_word_of_its_own_is_said_once() {
    let world = World::new(Transport::Inner).await;
    let mut server = world.server().await;
    let path = format!("/sim/handsets/{ADA}/messages");
    let said = |body: &str, word: &str| json!({ "to": SMS_LINE, "body": body, "once": word });
    let first = world.ok("POST", &path, &said("Once", "w1")).await;
    assert_eq!(
        world.ok("POST", &path, &said("Once", "w1")).await["id"],
        first["id"],
        "as if it was the first"
    );
    for (person, body, word) in [(ADA, "Once", "w2"), (ADA, "Another", "w1"), (BOB, "Once", "w1")] {
        let path = format!("/sim/handsets/{person}/messages");
        let other = world.ok("POST", &path, &said(body, word)).await;
        assert_ne!(other["id"], first["id"], "{person} says {body} under {word}");
    }
    let mut heard = Vec::new();
    for _ in 0..4 {
        let Arrival { inbound: Inbound::Text(text), stored, .. } = server.arrival().await else {
            panic!("a text")
        };
        heard.push((text.from, text.body));
        stored.send(None).unwrap();
    }
    let heard: Vec<_> = heard.iter().map(|(from, body)| (from.as_str(), body.as_str())).collect();
    assert_eq!(heard, [(ADA, "Once"), (ADA, "Once"), (ADA, "Another"), (BOB, "Once")]);
    let ledger = world.get("/sim/ledger").await;
    assert_eq!(ledger["next"], 4, "{ledger}");
    let world = world.again().await;
    assert_eq!(
        world.ok("POST", &path, &said("Once", "w1")).await["id"],
        first["id"],
        "after a start of the network too"
    );
    world.end().await;
}
