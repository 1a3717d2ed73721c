//! What voice AI used is counted once, for the account that asked, when the request ends: also when its caller left.

use std::time::Duration;

use agentphone::db::Tx;
use agentphone::id::AccountId;
use agentphone::phone::voice_usage::{self, Counted, Task};
use agentphone::phone::{keys, sign_ins};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{self, Request};
use crate::server::{Setting, TestServer};
use crate::upstream::peer::{Peer, Place};
use crate::wait::{until, until_true};

const CHAT: &str = "/api/v1/chat/completions";
const SPEECH: &str = "/api/v1/audio/speech";

/// A server whose public models are behind `peer`.
async fn server(peer: &Peer) -> TestServer {
    let Place::Port(port) = &peer.place else { panic!("on a port") };
    let model =
        format!("{{ engine = \"openai\", url = [\"http://127.0.0.1:{port}/v1\"], model = \"real\" }}");
    let names = ["Qwen3-Next-80B", "whisper-large-v3", "orpheus"].map(|name| format!("\"{name}\" = {model}"));
    Setting::new().await.with("VOICE_MODELS", &format!("{{ {} }}", names.join(", "))).start().await
}

async fn account(server: &TestServer, key: &str) -> AccountId {
    let hash = keys::hash(key).unwrap();
    server.app.db.read(move |tx: &mut Tx<'_>| keys::find(tx, &hash)).await.unwrap().unwrap().1
}

/// The rows of the server's account, newest first, once there are so many.
async fn counted(server: &TestServer, count: usize) -> Vec<Counted> {
    let account = account(server, &server.key).await;
    let latest = async || {
        let account = account.clone();
        server.app.db.read(move |tx: &mut Tx<'_>| voice_usage::latest(tx, &account, 100)).await.unwrap()
    };
    until("what was used", async || Some(latest().await).filter(|rows| rows.len() >= count)).await
}

fn question(streamed: bool) -> Value {
    json!({"messages": [{"role": "user", "content": "We open at nine."}], "stream": streamed})
}

/// Posts a form with a tone of so many seconds.
async fn transcribe(server: &TestServer, seconds: usize) -> String {
    let samples = vec![0x11_u8; seconds * 32_000];
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n".to_vec();
    body.extend(agentphone::voice::audio::wav::header(16_000));
    body.extend(samples);
    body.extend(b"\r\n--b--\r\n");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /api/v1/audio/transcriptions HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
        server.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn each_request_leaves_one_row_of_its_own_account() {
    let peer = Peer::start();
    let server = server(&peer).await;
    server.post(CHAT, question(false), 200).await;
    let row = counted(&server, 1).await.remove(0);
    assert_eq!(
        (row.task, row.model.as_str(), row.engine.as_str()),
        (Task::Chat, "Qwen3-Next-80B", "openai real")
    );
    assert_eq!((row.completion_tokens, row.at), (Some(4), server.app.clock.now()));
    server.advance(Duration::from_secs(1));
    let body = json!({"input": "Hello", "voice": "tara"});
    let speech = Request { method: "POST", path: SPEECH, headers: &[], body: Some(&body) };
    assert_eq!(server.call(speech).await.status, 200);
    let row = counted(&server, 2).await.remove(0);
    assert_eq!((row.task, row.millis, row.completion_tokens), (Task::Speech, 100, None), "20 ms a letter");
    server.advance(Duration::from_secs(1));
    assert!(transcribe(&server, 3).await.contains("We open at nine."));
    let row = counted(&server, 3).await.remove(0);
    assert_eq!((row.task, row.model.as_str(), row.millis), (Task::Transcription, "whisper-large-v3", 3_000));
    let (stranger, now) = (account(&server, &server.stranger().await).await, server.app.clock.now());
    let foreign = move |tx: &mut Tx<'_>| voice_usage::sums(tx, &stranger, now - Duration::from_hours(1), now);
    assert_eq!(server.app.db.read(foreign).await.unwrap(), [], "another account's is not shown");
}

#[tokio::test]
async fn the_tokens_of_a_stream_are_counted_though_its_caller_did_not_ask_for_them() {
    let peer = Peer::start();
    let server = server(&peer).await;
    let body = question(true);
    let answer = server.call(Request { method: "POST", path: CHAT, headers: &[], body: Some(&body) }).await;
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("[DONE]") && !text.contains("completion_tokens"), "{text}");
    assert_eq!(counted(&server, 1).await[0].completion_tokens, Some(4));
}

#[tokio::test]
async fn who_leaves_half_way_is_counted_for_what_was_done() {
    let peer = Peer::start();
    let server = server(&peer).await;
    peer.rules(json!([{"stepped": true}])).await;
    peer.step(3).await;
    let mut stream = server.begin("POST", CHAT, &question(true)).await;
    let mut head = [0; 400];
    stream.read_exact(&mut head).await.unwrap();
    drop(stream);
    peer.until_first_is("gone").await;
    let row = counted(&server, 1).await.remove(0);
    assert_eq!((row.task, row.completion_tokens), (Task::Chat, None));
}

#[tokio::test]
async fn who_got_nothing_is_counted_nothing() {
    let peer = Peer::start();
    let server = server(&peer).await;
    peer.rules(json!([{"status": 400, "body": "{}"}, {"status": 500, "body": "{}"}, {"body": "nonsense"}]))
        .await;
    server.post(CHAT, question(false), 400).await;
    server.post(CHAT, question(false), 500).await;
    server.post(CHAT, question(false), 500).await;
    server.post(CHAT, json!({"model": "gpt-9", "messages": [{"role": "user"}]}), 404).await;
    peer.rules(json!([])).await;
    server.post(CHAT, question(false), 200).await;
    assert_eq!(counted(&server, 1).await.len(), 1, "only the last one");
}

#[tokio::test]
async fn what_was_counted_just_before_a_stop_is_stored() {
    let peer = Peer::start();
    let server = server(&peer).await;
    for _ in 0..20 {
        server.post(CHAT, question(false), 200).await;
    }
    let server = server.stop().await.start().await;
    assert_eq!(counted(&server, 20).await.len(), 20);
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_first_byte_ends_the_work() {
    let peer = Peer::start();
    let server = server(&peer).await;
    peer.rules(json!([{"hang": "head"}])).await;
    let stream = server.begin("POST", CHAT, &question(false)).await;
    until_true("the question at the upstream", async || !peer.seen().await.is_empty()).await;
    drop(stream);
    peer.until_first_is("gone").await;
}

#[tokio::test]
async fn what_a_page_of_the_dashboard_asks_is_counted_for_the_account_of_its_session() {
    let peer = Peer::start();
    let server = server(&peer).await;
    let (of, now) = (account(&server, &server.key).await, server.app.clock.now());
    server.write(move |tx| sign_ins::create_link(tx, &sign_ins::hash("link"), &of, now)).await;
    let plain = |path, headers| Request { method: "GET", path, headers, body: None };
    let opened = client::call(server.address, plain("/sign-in?token=link", &[])).await;
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let question = question(false);
    let ask = async |more: (&str, &str)| {
        let headers = [("cookie", cookie.as_str()), more];
        let request = Request { method: "POST", path: CHAT, headers: &headers, body: Some(&question) };
        client::call(server.address, request).await.status
    };
    for other in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "http://evil.example")]
    {
        assert_eq!(ask(other).await, 401, "{other:?}");
    }
    assert_eq!(ask(("authorization", "Bearer agp_wrong")).await, 401, "a key that is sent counts");
    assert_eq!(ask(("sec-fetch-site", "same-origin")).await, 200);
    assert_eq!(counted(&server, 1).await.len(), 1, "only what was answered");
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    for shut in ["/api/v1/voices", "/v1/numbers", "/api/v1/chat/completions/more"] {
        assert_eq!(client::call(server.address, plain(shut, &headers)).await.status, 401, "{shut}");
    }
}
