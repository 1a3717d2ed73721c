//! What a page with phones on it asks of the network beyond the tests' own wishes: one stream for several phones,
//! who is in a group, who has read what.

use agentphone::carriers::Target;
use agentphone::channel::Channel;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::world::{ADA, BOB, IMESSAGE_LINE, Transport, World, accepted, text};
use crate::wait::PATIENCE;

/// A stream of events and what of it has been read.
struct Stream {
    socket: TcpStream,
    seen: String,
}

impl Stream {
    async fn open(world: &World, path: &str) -> Self {
        let mut stream =
            Self { socket: world.send("GET", path, "text/plain", b"").await, seen: String::new() };
        stream.until("\r\n\r\n").await;
        stream
    }

    async fn until(&mut self, wanted: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(wanted) {
            let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut buffer)).await;
            let count = read.unwrap_or_else(|_| panic!("no {wanted} in {}", self.seen)).unwrap();
            assert!(count > 0, "the stream ended: {}", self.seen);
            self.seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// The data of every event called `name`, in order.
    fn events(&self, name: &str) -> Vec<Value> {
        let blocks = self.seen.split("\n\n").filter(|block| block.contains(&format!("event: {name}\n")));
        let data = blocks.filter_map(|block| block.split_once("data: ").map(|(_, data)| data.trim()));
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

fn person(number: &str) -> Target {
    Target::Person(number.to_owned())
}

#[tokio::test]
async fn one_stream_follows_several_phones_and_the_list_of_all() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    world.imessage_phone(ADA).await;
    let path = format!("/sim/events?handsets={},{}", ADA.replace('+', "%2B"), BOB.replace('+', "%2B"));
    let mut stream = Stream::open(&world, &path).await;
    let stranger = "+14155550199";
    for (index, number) in [ADA, BOB, stranger].into_iter().enumerate() {
        assert_eq!(server.text(&format!("msg_{index}"), number, &format!("To {number}")).await, accepted());
    }
    stream.until(&format!("\"handset\":\"{stranger}\"")).await;
    let bodies: Vec<_> = stream.events("message");
    let bodies: Vec<_> = bodies.iter().map(|event| (&event["handset"], &event["data"]["body"])).collect();
    let (to_ada, to_bob) = (json!(format!("To {ADA}")), json!(format!("To {BOB}")));
    assert_eq!(
        bodies,
        [(&json!(ADA), &to_ada), (&json!(BOB), &to_bob)],
        "of the stranger only the row is told"
    );
    let rows = stream.events("handset");
    for number in [ADA, BOB, stranger] {
        let row = rows.iter().find(|event| event["handset"] == number).expect("a row of every phone");
        assert_eq!(row["data"]["number"], number);
        assert!(row["data"]["last_at"].is_string());
    }
    world.end().await;
}

#[tokio::test]
async fn a_stream_of_no_phone_and_of_too_many_is_refused() {
    let world = World::new(Transport::Inner).await;
    let (status, error) = world.call("GET", "/sim/events?handsets=nobody", "").await;
    assert_eq!((status, &error["error"]), (400, &json!("Bad Request")));
    let many = ["12345"; 17].join(",");
    let (status, error) = world.call("GET", &format!("/sim/events?handsets={many}"), "").await;
    assert_eq!((status, &error["message"]), (400, &json!("handsets: at most 16")));
    world.end().await;
}

#[tokio::test]
async fn a_group_thread_says_who_is_in_it_also_after_leaving() {
    let world = World::new(Transport::Inner).await;
    let _server = world.server().await;
    world.imessage_phone(ADA).await;
    world.imessage_phone(BOB).await;
    let group = json!({ "number": IMESSAGE_LINE, "members": [ADA, BOB], "name": "Ride" });
    let id = world.ok("POST", "/sim/groups", &group).await["group_id"].clone();
    let path = format!("/sim/groups/{}", id.as_str().unwrap());
    let mut stream = Stream::open(&world, &format!("/sim/handsets/{ADA}/events")).await;
    let changed = world.ok("PATCH", &path, &json!({ "members": [BOB], "name": "Sunday" })).await;
    assert_eq!(changed, world.get(&path).await);
    assert_eq!(changed["members"], json!([BOB]));
    stream.until("\"name\":\"Sunday\"").await;
    let told = &stream.events("thread")[0];
    assert_eq!((&told["with"], &told["group"]), (&id, &changed));
    let screen = world.get(&format!("/sim/handsets/{ADA}/messages")).await;
    assert_eq!(screen["threads"][0]["group"], changed, "the thread stays on the phone of who left");
    world.end().await;
}

#[tokio::test]
async fn a_text_says_when_it_was_first_read() {
    let world = World::new(Transport::Inner).await;
    let server = world.server().await;
    world.imessage_phone(ADA).await;
    let sent = server.submit(text("msg_1", IMESSAGE_LINE, person(ADA), Channel::Imessage, "Read me")).await;
    assert_eq!(sent, accepted());
    let path = format!("/sim/handsets/{ADA}/messages");
    assert_eq!(world.get(&path).await["data"][0].get("read_at"), None);
    let mut stream = Stream::open(&world, &format!("/sim/handsets/{ADA}/events")).await;
    let read = format!("/sim/handsets/{ADA}/read");
    world.ok("POST", &read, &json!({ "message_id": "msg_1" })).await;
    stream.until("read_at").await;
    let first = world.get(&path).await["data"][0]["read_at"].clone();
    assert!(first.is_string());
    world.ok("POST", &read, &json!({ "message_id": "msg_1" })).await;
    assert_eq!(world.get(&path).await["data"][0]["read_at"], first);
    world.end().await;
}
