//! The client against servers that behave badly, each a few bytes written by hand on loopback.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::*;

const SOON: Duration = Duration::from_secs(5);

fn development() -> Policy {
    Policy { allow_private: true, allow_http: true, allow_networks: Vec::new() }
}

/// A server that sends `answer` for every request and then keeps the connection or closes it; counts connections.
async fn server(answer: impl Into<Vec<u8>>, keep: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let (answer, counted) = (answer.into(), Arc::clone(&connections));
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::spawn_local(serve(stream, answer.clone(), keep));
        }
    });
    (address, connections)
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>, keep: bool) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        // Small requests come in one piece; what is answered may hold what was asked.
        let asked = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let answer = if answer == b"ECHO" { ok(&asked) } else { answer.clone() };
        if stream.write_all(&answer).await.is_err() || !keep {
            return;
        }
    }
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn url(address: SocketAddr) -> Url {
    format!("http://{address}/hook").parse().unwrap()
}

async fn post(client: &Client, url: &Url, timeout: Duration) -> Result<Reply, NetProblem> {
    client.post(url, HeaderMap::new(), Bytes::from_static(b"{}"), timeout, 1000).await
}

/// A table in place of the system's resolver; each answer is used once, the last for good.
struct Names(std::sync::Mutex<Vec<Vec<&'static str>>>);

impl Names {
    fn new(answers: &[&[&'static str]]) -> Arc<Self> {
        Arc::new(Self(std::sync::Mutex::new(answers.iter().rev().map(|answer| answer.to_vec()).collect())))
    }
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() };
        if answer.is_empty() {
            return Err(io::Error::other("no such name"));
        }
        Ok(answer.iter().map(|text| text.parse().unwrap()).collect())
    }
}

fn named(address: SocketAddr) -> Url {
    format!("http://hook.test:{}/", address.port()).parse().unwrap()
}

#[tokio::test(flavor = "local")]
async fn a_post_arrives_as_it_was_given() {
    let (address, connections) = server("ECHO", true).await;
    let client = Client::new(development());
    let mut headers = HeaderMap::new();
    headers.insert("X-Webhook-Event", "agent.message".parse().unwrap());
    for _ in 0..3 {
        let reply =
            client.post(&url(address), headers.clone(), "{\"a\":1}".into(), SOON, 1000).await.unwrap();
        let asked = String::from_utf8(reply.body.to_vec()).unwrap().to_lowercase();
        assert!(
            asked.starts_with("post /hook http/1.1\r\n") && asked.ends_with("\r\n\r\n{\"a\":1}"),
            "{asked}"
        );
        for line in
            ["x-webhook-event: agent.message", "user-agent: agentphone-webhooks/1", "content-length: 7"]
        {
            assert!(asked.contains(line), "{asked}");
        }
        assert!(!asked.contains("accept-encoding") && !asked.contains("cookie"), "{asked}");
        assert_eq!((reply.status, reply.truncated), (200, false));
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1, "connections are kept");
}

#[tokio::test(flavor = "local")]
async fn names_that_lead_inside_are_refused() {
    let (address, connections) = server(ok("secret"), true).await;
    let strict = Policy { allow_http: true, ..Policy::default() };
    // Rebinding: the name was public when it was registered, now it is loopback.
    for inside in [&["127.0.0.1"][..], &["::1"], &["::ffff:127.0.0.1"], &["10.0.0.1", "169.254.169.254"]] {
        let client = Client::with_lookup(strict.clone(), Names::new(&[inside]));
        let problem = post(&client, &named(address), SOON).await.unwrap_err();
        assert!(matches!(problem, NetProblem::Refused(UrlProblem::Forbidden(_))), "{problem:?}");
    }
    let problem = post(&Client::new(strict), &url(address), SOON).await.unwrap_err();
    assert_eq!(
        problem.to_string(),
        "refused: must point to a public address: 127.0.0.1 is not public (loopback)"
    );
    assert_eq!(connections.load(Ordering::Relaxed), 0, "nothing was sent");
}

#[tokio::test(flavor = "local")]
async fn of_several_addresses_only_the_permitted_are_used() {
    let (address, _) = server(ok("hello"), true).await;
    let client = Client::with_lookup(development(), Names::new(&[&["169.254.1.1", "127.0.0.1"], &[]]));
    assert_eq!(post(&client, &named(address), SOON).await.unwrap().body, "hello");
    let client = Client::with_lookup(development(), Names::new(&[&[]]));
    let problem = post(&client, &named(address), SOON).await.unwrap_err();
    assert_eq!(problem, NetProblem::Dns("no such name".into()));
}

#[tokio::test(flavor = "local")]
async fn the_next_connection_asks_for_addresses_again() {
    let (address, connections) = server(ok("hello"), false).await;
    let policy =
        Policy { allow_http: true, allow_networks: vec!["127.0.0.1".parse().unwrap()], ..Policy::default() };
    let client = Client::with_lookup(policy, Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]));
    assert!(post(&client, &named(address), SOON).await.is_ok());
    // The server closes after its answer; give the client the moment to see it.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(matches!(post(&client, &named(address), SOON).await, Err(NetProblem::Refused(_))));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "local")]
async fn redirects_are_answers_like_any_other() {
    let answer =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let (address, connections) = server(answer, true).await;
    let reply = post(&Client::new(development()), &url(address), SOON).await.unwrap();
    assert_eq!((reply.status, connections.load(Ordering::Relaxed)), (302, 1));
    assert_eq!(reply.retry_after(Time::from_millis(0)), Some(Duration::from_secs(7)));
}

#[tokio::test(flavor = "local")]
async fn retry_after_may_be_a_date() {
    let answer =
        "HTTP/1.1 503 Off\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
    let (address, _) = server(answer, true).await;
    let reply = post(&Client::new(development()), &url(address), SOON).await.unwrap();
    let before = Time::parse("1994-11-06T08:49:07Z").unwrap();
    assert_eq!(reply.retry_after(before), Some(Duration::from_secs(30)));
    assert_eq!(reply.retry_after(before + Duration::from_mins(1)), Some(Duration::ZERO));
}

#[tokio::test(flavor = "local")]
async fn the_timeout_counts_to_the_end_of_the_answer() {
    let client = Client::new(development());
    let short = Duration::from_secs(1);
    let (silent, _) = server("", true).await;
    assert_eq!(
        post(&client, &url(silent), short).await.unwrap_err(),
        NetProblem::Timeout { after: short, status: None }
    );
    let (stalls, _) = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", true).await;
    let problem = post(&client, &url(stalls), short).await.unwrap_err();
    assert_eq!(problem, NetProblem::Timeout { after: short, status: Some(200) });
    assert_eq!(problem.to_string(), "no complete answer within 1 s");
}

#[tokio::test(flavor = "local")]
async fn large_answers_are_cut() {
    let client = Client::new(development());
    let (address, _) = server(ok(&"x".repeat(100_000)), true).await;
    let reply = post(&client, &url(address), SOON).await.unwrap();
    assert_eq!((reply.body.len(), reply.truncated), (1000, true));
    assert_eq!(client.get(&url(address), SOON, 999).await.unwrap_err(), NetProblem::TooLarge { limit: 999 });
    assert_eq!(client.get(&url(address), SOON, 100_000).await.unwrap().body.len(), 100_000);
    assert_eq!(client.look_at(&url(address), SOON, 100_000).await.unwrap().body.len(), BEGINNING);
    let too_large = client.look_at(&url(address), SOON, 99_999).await.unwrap_err();
    assert_eq!(too_large, NetProblem::TooLarge { limit: 99_999 });
    let (endless, _) = server(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(5000)), true).await;
    assert_eq!(
        client.get(&url(endless), SOON, 4999).await.unwrap_err(),
        NetProblem::TooLarge { limit: 4999 }
    );
    let too_large = client.look_at(&url(endless), SOON, 4999).await.unwrap_err();
    assert_eq!(too_large, NetProblem::TooLarge { limit: 4999 });
    assert_eq!(post(&client, &url(endless), SOON).await.unwrap().body.len(), 1000);
}

#[tokio::test(flavor = "local")]
async fn compressed_answers_stay_compressed() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\x1f123";
    let (address, _) = server(answer, true).await;
    let fetched = Client::new(development()).get(&url(address), SOON, 10).await.unwrap();
    assert_eq!((fetched.status, fetched.content_type.as_deref()), (200, Some("image/png")));
    assert_eq!(fetched.body, "\x1f123");
}

#[tokio::test(flavor = "local")]
async fn each_failure_has_its_kind() {
    let client = Client::new(development());
    let failure = async |url: Url| post(&client, &url, SOON).await.unwrap_err();
    let (cut, _) = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", false).await;
    let problem = failure(url(cut)).await;
    assert!(matches!(problem, NetProblem::Interrupted { status: Some(200), .. }), "{problem:?}");
    let (hangs_up, _) = server("", false).await;
    let problem = failure(url(hangs_up)).await;
    assert!(matches!(problem, NetProblem::Interrupted { status: None, .. }), "{problem:?}");
    let (nonsense, _) = server("220 mail.example ESMTP\r\n", true).await;
    let problem = failure(url(nonsense)).await;
    assert!(matches!(problem, NetProblem::Protocol(_)), "{problem:?}");
    let problem = failure(format!("https://{nonsense}/").parse().unwrap()).await;
    assert!(matches!(problem, NetProblem::Tls(_)), "{problem:?}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let problem = failure(url(closed)).await;
    assert!(matches!(problem, NetProblem::Connect(_)), "{problem:?}");
    let problem = failure("ftp://hook.test/".parse().unwrap()).await;
    assert_eq!(problem, NetProblem::Refused(UrlProblem::NotHttp));
}
