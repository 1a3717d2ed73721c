//! A plain HTTP/1.1 client, one connection a request, that can also hang up. Every answer is checked against the
//! document.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::schema;

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A header's value, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Option<&'a Value>,
}

/// Sends `request` and leaves the answer unread; dropping the stream hangs up.
pub async fn send(address: SocketAddr, request: Request<'_>) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = request.body.map(Value::to_string).unwrap_or_default();
    let mut text = format!(
        "{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        request.method,
        request.path,
        body.len()
    );
    if request.body.is_some() {
        text.push_str("content-type: application/json\r\n");
    }
    for (name, value) in request.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.push_str(&body);
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Sends `request` and reads the answer.
pub async fn call(address: SocketAddr, request: Request<'_>) -> Answer {
    let mut stream = send(address, request).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).expect("a head is text");
    let status = head[9..12].parse().expect("a status is a number");
    schema::check(request.method, request.path, status, &body);
    Answer { status, head, body }
}
