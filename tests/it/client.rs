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
    let body = request.body.map(Value::to_string).unwrap_or_default();
    write(address, request, request.body.map(|_| "application/json"), &body).await
}

/// Posts a form as a page of this server does, and leaves the answer unread.
pub async fn post(address: SocketAddr, path: &str, cookie: &str, fields: &[(&str, &str)]) -> TcpStream {
    let headers = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
    let request = Request { method: "POST", path, headers: &headers, body: None };
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    write(address, request, Some("application/x-www-form-urlencoded"), &body).await
}

async fn write(address: SocketAddr, request: Request<'_>, kind: Option<&str>, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut text = format!(
        "{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        request.method,
        request.path,
        body.len()
    );
    if let Some(kind) = kind {
        text.extend(["content-type: ", kind, "\r\n"]);
    }
    for (name, value) in request.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.push_str(body);
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Sends `request` and reads the answer.
pub async fn call(address: SocketAddr, request: Request<'_>) -> Answer {
    try_call(address, request).await.expect("an answer has a head")
}

/// The same where the server may hang up: it does when it cannot know what became of the request.
pub async fn try_call(address: SocketAddr, request: Request<'_>) -> Option<Answer> {
    let answer = try_read(send(address, request).await).await?;
    schema::check(request.method, request.path, answer.status, &answer.body);
    Some(answer)
}

/// The answer that comes by `stream`.
pub async fn read(stream: TcpStream) -> Answer {
    try_read(stream).await.expect("an answer has a head")
}

async fn try_read(mut stream: TcpStream) -> Option<Answer> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).expect("a head is text");
    let status = head[9..12].parse().expect("a status is a number");
    Some(Answer { status, head, body })
}
