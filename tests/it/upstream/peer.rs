//! The upstream written for tests (`tests/peers/upstream`), as a process of its own, and models behind it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agentphone::clock::{Clock, Time};
use agentphone::id::Ids;
use agentphone::voice::upstream::{Address, Model, Settings, Upstreams};
use agentphone::voice::{Answer, Chat, Fault, Listening, Question, Recording};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::wait::until;

/// A running peer. It ends with this value.
pub struct Peer {
    process: Child,
    pub place: Place,
    http: reqwest::Client,
}

pub enum Place {
    Port(u16),
    Socket(std::path::PathBuf),
}

impl Peer {
    pub fn start() -> Self {
        Self::with(&[], None)
    }

    /// One that serves on a unix socket, as the child process of the engines does.
    pub fn on_socket(path: std::path::PathBuf) -> Self {
        let argument = path.to_str().unwrap().to_owned();
        Self::with(&["--socket", &argument], Some(path))
    }

    fn with(arguments: &[&str], socket: Option<std::path::PathBuf>) -> Self {
        let mut process = Command::new("python3")
            .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/upstream/server.py")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let place = line.strip_prefix("ready ").unwrap().trim();
        let mut http = reqwest_client();
        let place = match socket {
            Some(path) => {
                http = http.unix_socket(path.clone());
                Place::Socket(path)
            }
            None => Place::Port(place.parse().unwrap()),
        };
        Self { process, place, http: http.build().unwrap() }
    }

    pub fn address(&self) -> Address {
        match &self.place {
            Place::Port(port) => Address::parse(&format!("http://127.0.0.1:{port}/v1")).unwrap(),
            Place::Socket(path) => Address::socket(path),
        }
    }

    /// How the next requests are answered: see the peer's own words.
    pub async fn rules(&self, rules: Value) {
        self.control("/_rules", rules).await;
    }

    /// Lets so many pieces of stepped answers out.
    pub async fn step(&self, count: usize) {
        self.control("/_step", json!({ "count": count })).await;
    }

    /// What it received, in order.
    pub async fn seen(&self) -> Vec<Value> {
        serde_json::from_value(self.control("/_seen", Value::Null).await).unwrap()
    }

    /// The first request, once its outcome is this.
    pub async fn until_first_is(&self, outcome: &str) -> Value {
        until(outcome, async || {
            self.seen().await.into_iter().next().filter(|seen| seen["outcome"] == outcome)
        })
        .await
    }

    async fn control(&self, path: &str, body: Value) -> Value {
        let port = match self.place {
            Place::Port(port) => port,
            Place::Socket(_) => 80,
        };
        let url = format!("http://127.0.0.1:{port}{path}");
        self.http.post(url).json(&body).send().await.unwrap().json().await.unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' own client, for the peer's orders")]
fn reqwest_client() -> reqwest::ClientBuilder {
    // TLS is of no use here, and the system's roots need not be read.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Upstreams with a clock that the test moves.
pub fn upstreams() -> (Upstreams, Clock) {
    let clock = Clock::manual(Time::from_millis(1_772_442_847_000));
    (Upstreams::new(clock.clone(), Ids::from_seed(clock.clone(), 7)), clock)
}

/// The settings of a model behind `addresses`.
pub fn settings(addresses: Vec<Address>) -> Settings {
    Settings {
        name: "Qwen3-Next-80B".to_owned(),
        addresses,
        model: "Qwen/Qwen3".to_owned(),
        api_key: Some("sk-secret".to_owned()),
        concurrency: 64,
        timeout: Duration::from_secs(10),
    }
}

/// A model behind `peers`, with upstreams of its own.
pub fn model(peers: &[&Peer]) -> Model {
    upstreams().0.model(settings(peers.iter().map(|peer| peer.address()).collect()))
}

pub fn question(words: &str, streamed: bool) -> Question {
    let mut body = json!({ "messages": [{ "role": "user", "content": words }], "temperature": 0.5 });
    if streamed {
        body["stream"] = true.into();
    }
    Question { body: Bytes::from(body.to_string()), streamed }
}

/// Asks and reads the whole answer.
pub async fn said(model: &Model, words: &str, streamed: bool) -> Result<String, Fault> {
    let answer = model.chat(question(words, streamed)).await?;
    let (text, fault) = read(answer).await;
    fault.map_or(Ok(text), Err)
}

/// Runs beside the test.
pub fn beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    TaskTracker::new().spawn(work)
}

/// All that comes, and the fault it ends with.
pub async fn read(mut answer: Answer) -> (String, Option<Fault>) {
    let mut all = Vec::new();
    while let Some(chunk) = answer.bytes.next().await {
        match chunk {
            Ok(bytes) => all.extend_from_slice(&bytes),
            Err(fault) => return (String::from_utf8(all).unwrap(), Some(fault)),
        }
    }
    (String::from_utf8(all).unwrap(), None)
}

pub fn listening() -> Listening {
    let recording = Recording {
        samples: vec![0.5, -0.5, 2.0, -2.0],
        file: Bytes::from_static(b"OggS and so on"),
        name: "note.ogg".to_owned(),
    };
    Listening {
        recording: Arc::new(recording),
        language: Some("en".to_owned()),
        prompt: None,
        temperature: None,
        times: false,
        words: false,
        streamed: false,
    }
}
