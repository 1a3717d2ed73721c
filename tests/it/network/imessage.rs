//! What only iMessage has: carousels, effects, replies, tapbacks, typing, backgrounds, groups.

use agentphone::carriers::{Arrival, Inbound, MessageRef, Outbound, Outcome, ReceiptState, Target};
use agentphone::channel::Channel;
use serde_json::{Value, json};

use super::world::{ADA, BOB, IMESSAGE_LINE, Server, Transport, World, accepted, plain, text};

fn person(number: &str) -> Target {
    Target::Person(number.to_owned())
}

fn named(message_id: &str) -> MessageRef {
    MessageRef { message_id: message_id.to_owned(), provider_id: None, part: 0 }
}

async fn imessage(server: &Server, id: &str, body: &str) -> Outcome {
    server.submit(text(id, IMESSAGE_LINE, person(ADA), Channel::Imessage, body)).await
}

async fn screen(world: &World, number: &str) -> Value {
    world.get(&format!("/sim/handsets/{number}/messages")).await
}

#[tokio::test]
async fn a_person_without_imessage_is_not_on_the_channel() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    assert!(matches!(imessage(&server, "msg_1", "Hi").await, Outcome::NotOnChannel { .. }));
    assert_eq!(world.get("/sim/ledger").await["data"][0]["outcome"], "refused");
    assert_eq!(screen(&world, ADA).await["data"], json!([]));
    world.imessage_phone(ADA).await;
    assert_eq!(imessage(&server, "msg_2", "Hi").await, accepted());
    world.end().await;
}

#[tokio::test]
async fn a_carousel_with_a_text_is_two_bubbles_of_one_message() {
    let world = World::new(Transport::Remote).await;
    let mut server = world.server().await;
    world.imessage_phone(ADA).await;
    let mut carousel = plain("msg_1", IMESSAGE_LINE, person(ADA), Channel::Imessage, "Which one?");
    carousel.media_urls = vec!["http://127.0.0.1/a.png".to_owned(), "http://127.0.0.1/b.png".to_owned()];
    carousel.effect = Some("confetti".to_owned());
    assert_eq!(server.submit(Outbound::Text(carousel)).await, accepted());
    let shown = screen(&world, ADA).await;
    let bubbles = shown["data"].as_array().unwrap();
    assert_eq!(bubbles.len(), 2);
    assert_eq!((&bubbles[0]["body"], bubbles[0]["media_urls"].as_array().unwrap().len()), (&json!(""), 2));
    assert_eq!((&bubbles[1]["body"], &bubbles[1]["effect"]), (&json!("Which one?"), &json!("confetti")));
    assert!(bubbles.iter().all(|bubble| bubble["id"] == "msg_1"));
    assert!(matches!(server.next().await, Inbound::Receipt(_)));
    server.nothing_for(50).await;
    world.end().await;
}

#[tokio::test]
async fn replies_taps_and_reading_go_both_ways() {
    let world = World::new(Transport::Remote).await;
    let mut server = world.server().await;
    world.imessage_phone(ADA).await;
    let said = json!({ "to": IMESSAGE_LINE, "body": "Ready?" });
    let said = world.ok("POST", &format!("/sim/handsets/{ADA}/messages"), &said).await;
    let Arrival { inbound: Inbound::Text(question), stored, .. } = server.arrival().await else {
        panic!("a text")
    };
    assert_eq!(question.channel, Channel::Imessage);
    stored.send(Some("msg_q".to_owned())).unwrap();

    let mut reply = plain("msg_a", IMESSAGE_LINE, person(ADA), Channel::Imessage, "Yes");
    reply.reply_to =
        Some(MessageRef { message_id: "msg_q".to_owned(), provider_id: Some(question.provider_id), part: 0 });
    assert_eq!(server.submit(Outbound::Text(reply)).await, accepted());
    assert!(matches!(server.next().await, Inbound::Receipt(_)));
    let tap = |reaction: Option<&str>| Outbound::Reaction {
        id: "rxn_1".to_owned(),
        from: IMESSAGE_LINE.to_owned(),
        to: person(ADA),
        message: named("msg_q"),
        reaction: reaction.map(str::to_owned),
    };
    assert_eq!(server.submit(tap(Some("like"))).await, accepted());
    assert_eq!(server.submit(tap(Some("🎉"))).await, accepted());
    let shown = screen(&world, ADA).await;
    assert_eq!(shown["data"][1]["reply_to"], said["id"], "quoted by its name on the phone");
    assert_eq!(shown["data"][0]["reactions"], json!([{ "from": IMESSAGE_LINE, "reaction": "🎉" }]));
    assert_eq!(server.submit(tap(None)).await, accepted());
    assert_eq!(screen(&world, ADA).await["data"][0]["reactions"], json!([]));

    let path = format!("/sim/handsets/{ADA}/reactions");
    let tapped = world.ok("POST", &path, &json!({ "message_id": "msg_a", "reaction": "love" })).await;
    assert_eq!(tapped["reactions"], json!([{ "from": ADA, "reaction": "love" }]));
    let Inbound::Reaction { from, to, message_id, reaction, .. } = server.next().await else {
        panic!("a tapback")
    };
    assert_eq!((from.as_str(), to.as_str(), message_id.as_str()), (ADA, IMESSAGE_LINE, "msg_a"));
    assert_eq!(reaction.as_deref(), Some("love"));
    world.ok("POST", &path, &json!({ "message_id": "msg_a", "reaction": null })).await;
    assert!(matches!(server.next().await, Inbound::Reaction { reaction: None, .. }));
    let (status, _) = world.call("POST", &path, "{\"message_id\":\"msg_a\",\"reaction\":\"adore\"}").await;
    assert_eq!(status, 400);

    world.ok("POST", &format!("/sim/handsets/{ADA}/read"), &json!({ "message_id": "msg_a" })).await;
    let Inbound::Receipt(receipt) = server.next().await else { panic!("a receipt") };
    assert_eq!((receipt.message_id.as_deref(), receipt.state), (Some("msg_a"), ReceiptState::Read));
    world.end().await;
}

#[tokio::test]
async fn a_tapback_on_nothing_is_refused() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    world.imessage_phone(ADA).await;
    let (id, from, to) = ("rxn_1".to_owned(), IMESSAGE_LINE.to_owned(), person(ADA));
    let tap = Outbound::Reaction { id, from, to, message: named("msg_0"), reaction: Some("like".to_owned()) };
    assert!(matches!(server.submit(tap).await, Outcome::Refused(_)));
    world.end().await;
}

#[tokio::test]
async fn typing_and_backgrounds() {
    let world = World::new(Transport::Inner).await;
    let mut server = world.server().await;
    world.imessage_phone(ADA).await;
    assert_eq!(imessage(&server, "msg_1", "Hi").await, accepted());
    assert!(matches!(server.next().await, Inbound::Receipt(_)));
    let (from, to) = (IMESSAGE_LINE.to_owned(), person(ADA));
    assert_eq!(server.submit(Outbound::Typing { from: from.clone(), to: to.clone() }).await, accepted());
    let picture = |image_url: Option<&str>| Outbound::Background {
        id: "bg_1".to_owned(),
        from: from.clone(),
        to: to.clone(),
        image_url: image_url.map(str::to_owned),
    };
    assert_eq!(server.submit(picture(Some("http://127.0.0.1/sea.jpg"))).await, accepted());
    let thread = json!({ "with": IMESSAGE_LINE, "background": "http://127.0.0.1/sea.jpg", "typing": true });
    assert_eq!(screen(&world, ADA).await["threads"], json!([thread]));
    assert_eq!(server.submit(picture(None)).await, accepted());
    assert_eq!(imessage(&server, "msg_2", "Here").await, accepted());
    let thread = json!({ "with": IMESSAGE_LINE, "background": null, "typing": false });
    assert_eq!(screen(&world, ADA).await["threads"], json!([thread]));
    assert!(matches!(server.next().await, Inbound::Receipt(_)));

    world.ok("POST", &format!("/sim/handsets/{ADA}/typing"), &json!({ "to": IMESSAGE_LINE })).await;
    let typing = Inbound::Typing { from: ADA.to_owned(), to: IMESSAGE_LINE.to_owned() };
    assert_eq!(server.next().await, typing);
    world.end().await;
}

#[tokio::test]
async fn a_group_that_our_server_starts() {
    let world = World::new(Transport::Remote).await;
    let mut server = world.server().await;
    world.imessage_phone(ADA).await;
    let (group_id, members) = ("grp_ours".to_owned(), vec![ADA.to_owned(), BOB.to_owned()]);
    let start = || Target::NewGroup { group_id: group_id.clone(), members: members.clone() };
    let post = |id, to| text(id, IMESSAGE_LINE, to, Channel::Imessage, "Saturday?");
    assert!(
        matches!(server.submit(post("msg_1", start())).await, Outcome::NotOnChannel { .. }),
        "Bob has SMS only"
    );
    world.imessage_phone(BOB).await;
    let started = Outcome::Accepted { provider_id: None, group_provider_id: Some(group_id.clone()) };
    assert_eq!(server.submit(post("msg_2", start())).await, started);
    assert!(matches!(server.next().await, Inbound::Receipt(_)));
    let shown = screen(&world, BOB).await;
    assert_eq!(
        (&shown["data"][0]["group_id"], &shown["threads"][0]["with"]),
        (&json!(group_id), &json!(group_id))
    );

    let path = format!("/sim/handsets/{BOB}/messages");
    world.ok("POST", &path, &json!({ "to": group_id, "body": "Yes", "reply_to": "msg_2" })).await;
    let Inbound::Text(answer) = server.next().await else { panic!("a text") };
    assert_eq!((answer.from.as_str(), answer.to.as_str()), (BOB, IMESSAGE_LINE));
    assert_eq!(answer.reply_to.as_deref(), Some("msg_2"));
    assert_eq!(answer.group.unwrap().provider_id, group_id);
    assert_eq!(screen(&world, ADA).await["data"][1]["body"], "Yes", "the others see it too");

    let to = Target::Group { group_id: group_id.clone(), provider_id: None };
    let from = IMESSAGE_LINE.to_owned();
    let rename = Outbound::GroupName { from, to: to.clone(), name: "Saturday ride".to_owned() };
    assert_eq!(server.submit(rename).await, accepted());
    let group = world.get("/sim/groups/grp_ours").await;
    assert_eq!(group["name"], "Saturday ride");
    let turn = &group["log"][0];
    assert_eq!((&turn["event"], &turn["by"]), (&json!("named"), &json!(IMESSAGE_LINE)));
    let by_sms = text("msg_3", IMESSAGE_LINE, to, Channel::Sms, "x");
    assert!(matches!(server.submit(by_sms).await, Outcome::Refused(_)));
    let unknown = Target::Group { group_id: "grp_none".to_owned(), provider_id: None };
    assert!(matches!(server.submit(post("msg_4", unknown)).await, Outcome::Refused(_)));
    world.end().await;
}

#[tokio::test]
async fn a_group_that_our_number_is_added_to() {
    let world = World::new(Transport::Inner).await;
    let mut server = world.server().await;
    world.imessage_phone(ADA).await;
    world.ok("PUT", &format!("/sim/handsets/{BOB}"), &json!({ "imessage": true, "name": "Bob" })).await;
    let group = json!({ "number": IMESSAGE_LINE, "members": [ADA, BOB], "name": null });
    let made = world.ok("POST", "/sim/groups", &group).await;
    let id = made["group_id"].as_str().unwrap();
    assert!(id.starts_with("grp_") && id.len() == 30, "{id}");
    let Inbound::Group { to, group } = server.next().await else { panic!("our number is told") };
    assert_eq!((to.as_str(), group.provider_id.as_str(), group.name), (IMESSAGE_LINE, id, None));
    let names: Vec<_> = group.members.iter().map(|member| member.name.as_deref()).collect();
    assert_eq!(names, [None, Some("Bob")]);

    let path = format!("/sim/groups/{id}");
    world.ok("PATCH", &path, &json!({ "name": "Ride" })).await;
    assert!(
        matches!(server.next().await, Inbound::Group { group, .. } if group.name.as_deref() == Some("Ride"))
    );
    world.ok("PATCH", &path, &json!({ "members": [ADA] })).await;
    let Inbound::Group { group, .. } = server.next().await else { panic!("our number is told") };
    assert_eq!((group.members.len(), group.name.as_deref()), (1, Some("Ride")));
    let stranger = json!({ "members": [ADA, BOB], "by": BOB }).to_string();
    assert_eq!(world.call("PATCH", &path, &stranger).await.0, 400, "who left brings nobody in");
    world.ok("PATCH", &path, &json!({ "members": [ADA, BOB], "by": ADA })).await;
    assert!(matches!(server.next().await, Inbound::Group { .. }));
    world.ok("PATCH", &path, &json!({ "members": [ADA], "by": BOB })).await;
    assert!(matches!(server.next().await, Inbound::Group { .. }));
    let shown = screen(&world, ADA).await;
    let turns: Vec<_> =
        shown["threads"][0]["group"]["log"].as_array().unwrap().iter().map(without_time).collect();
    let expected = [
        json!({ "by": null, "event": "named", "name": "Ride" }),
        json!({ "by": null, "event": "left", "who": BOB }),
        json!({ "by": ADA, "event": "joined", "who": BOB }),
        json!({ "by": BOB, "event": "left", "who": BOB }),
    ];
    assert_eq!(turns, expected);
    let said = json!({ "to": id, "body": "Still here?" }).to_string();
    assert_eq!(world.call("POST", &format!("/sim/handsets/{BOB}/messages"), &said).await.0, 400);
    world.end().await;
}

fn without_time(turn: &serde_json::Value) -> serde_json::Value {
    let mut turn = turn.clone();
    turn.as_object_mut().unwrap().remove("at").expect("when it happened");
    turn
}
