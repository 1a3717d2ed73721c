//! A network on a port of its own, over either transport, and servers that are linked to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentphone::carriers::simulated::{Setup, Source, connect};
use agentphone::carriers::{Arrival, Connection, Inbound, Outbound, Outcome, Target, Text};
use agentphone::channel::Channel;
use agentphone::clock::Clock;
use agentphone::id::Ids;
use agentphone::network::link::Line;
use agentphone::network::{Network, public, router, serve};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::wait::PATIENCE;

pub const SMS_LINE: &str = "+12065550100";
pub const IMESSAGE_LINE: &str = "+12065550101";
pub const ADA: &str = "+14155550142";
pub const BOB: &str = "+14155550163";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Inner,
    Remote,
}

pub struct World {
    pub folder: PathBuf,
    pub address: String,
    pub transport: Transport,
    network: Option<Network>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

fn fresh_ids() -> Ids {
    Ids::from_system(Clock::system())
}

impl World {
    pub async fn new(transport: Transport) -> Self {
        let folder = std::env::temp_dir().join(format!("agentphone-network-{}", fresh_ids().secret()));
        Self::at(folder, transport).await
    }

    pub async fn at(folder: PathBuf, transport: Transport) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut network = None;
        match transport {
            Transport::Remote => {
                let (folder, stop) = (folder.clone(), stop.clone());
                tasks.spawn(async move {
                    serve(listener, &folder, Clock::system(), fresh_ids(), stop).await.unwrap();
                });
            }
            Transport::Inner => {
                let opened =
                    Network::open(&folder, Clock::system(), fresh_ids(), &tasks, stop.clone()).unwrap();
                let app = router(opened.clone()).merge(public(opened.clone()));
                let stop = stop.clone().cancelled_owned();
                tasks.spawn(
                    async move { axum::serve(listener, app).with_graceful_shutdown(stop).await.unwrap() },
                );
                network = Some(opened);
            }
        }
        Self { folder, address, transport, network, tasks, stop }
    }

    /// Ends the network and starts another on the same folder.
    pub async fn again(self) -> Self {
        let (folder, transport) = (self.folder.clone(), self.transport);
        self.halt().await;
        Self::at(folder, transport).await
    }

    /// Ends the network for good.
    pub async fn end(self) {
        let folder = self.folder.clone();
        self.halt().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// Ends the network; its folder stays.
    pub async fn halt(self) {
        self.stop.cancel();
        drop(self.network);
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("the network ends");
    }

    pub async fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, body) = self.raw(method, path, "application/json", body.as_bytes()).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// The same for a request that must succeed.
    pub async fn ok(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method, path, &body.to_string()).await;
        assert_eq!(status, 200, "{method} {path} {body}: {answer}");
        answer
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, &Value::Null).await
    }

    pub async fn raw(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = self.send(method, path, kind, body).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a response has a head");
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer.split_off(head + 4))
    }

    /// Sends a request and leaves the response unread.
    pub async fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        stream
    }

    pub fn source(&self) -> Source {
        match &self.network {
            Some(network) => Source::Inner(network.clone()),
            None => Source::Remote(format!("http://{}", self.address)),
        }
    }

    pub async fn server(&self) -> Server {
        let server = self.unlinked_server();
        let mut up = server.connection.up.clone();
        tokio::time::timeout(PATIENCE, up.wait_for(|up| *up)).await.expect("in time").unwrap();
        server
    }

    pub fn unlinked_server(&self) -> Server {
        let (inbox, arrivals) = mpsc::channel(4096);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let lines = vec![
            Line { number: SMS_LINE.to_owned(), imessage: false },
            Line { number: IMESSAGE_LINE.to_owned(), imessage: true },
        ];
        let name = Arc::from("simulated");
        let source = self.source();
        let setup = Setup { name, source, lines, inbox, ids: fresh_ids(), tasks, stop: stop.clone() };
        Server { connection: connect(setup), arrivals, stop }
    }

    pub async fn imessage_phone(&self, number: &str) {
        self.ok("PUT", &format!("/sim/handsets/{number}"), &serde_json::json!({ "imessage": true })).await;
    }
}

pub struct Server {
    pub connection: Connection,
    pub arrivals: mpsc::Receiver<Arrival>,
    stop: CancellationToken,
}

impl Server {
    pub async fn submit(&self, outbound: Outbound) -> Outcome {
        let submit = self.connection.carrier.submit(outbound);
        tokio::time::timeout(PATIENCE, submit).await.expect("an answer in time")
    }

    pub async fn text(&self, id: &str, to: &str, body: &str) -> Outcome {
        self.submit(text(id, SMS_LINE, Target::Person(to.to_owned()), Channel::Sms, body)).await
    }

    /// The next thing that arrives, and the way to say that it is stored.
    pub async fn arrival(&mut self) -> Arrival {
        self.arrival_within(PATIENCE).await
    }

    pub async fn arrival_within(&mut self, patience: Duration) -> Arrival {
        tokio::time::timeout(patience, self.arrivals.recv()).await.expect("something arrives").unwrap()
    }

    /// The next thing that arrives; it is stored.
    pub async fn next(&mut self) -> Inbound {
        let Arrival { inbound, stored, .. } = self.arrival().await;
        stored.send(None).unwrap();
        inbound
    }

    pub async fn nothing_for(&mut self, millis: u64) {
        let wait = tokio::time::timeout(Duration::from_millis(millis), self.arrivals.recv());
        if let Ok(arrival) = wait.await {
            panic!("nothing should arrive, but: {arrival:?}");
        }
    }

    /// Ends this server as a crash would: nothing more is answered or acknowledged.
    pub fn kill(self) {
        self.stop.cancel();
    }
}

pub fn text(id: &str, from: &str, to: Target, channel: Channel, body: &str) -> Outbound {
    Outbound::Text(plain(id, from, to, channel, body))
}

pub fn plain(id: &str, from: &str, to: Target, channel: Channel, body: &str) -> Text {
    Text {
        message_id: id.to_owned(),
        attempt: 1,
        from: from.to_owned(),
        to,
        channel,
        body: body.to_owned(),
        media_urls: Vec::new(),
        effect: None,
        reply_to: None,
    }
}

pub fn accepted() -> Outcome {
    Outcome::Accepted { provider_id: None, group_provider_id: None }
}
