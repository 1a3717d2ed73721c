//! An endpoint for webhooks: it writes down what it gets and answers as it is told to, request by request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::wait::until;

/// What the endpoint says to one request.
#[derive(Clone)]
pub struct Say {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Not before this has a permit.
    gate: Option<Arc<Semaphore>>,
}

impl Say {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new(), gate: None }
    }

    /// 200, with this as the body.
    pub fn body(text: &str) -> Self {
        Self { body: text.to_owned(), ..Self::status(200) }
    }

    /// 200, with an inline reply.
    pub fn reply(text: &str) -> Self {
        let body = json!({"action": "respond", "reply": text}).to_string();
        Self { body, ..Self::status(200) }
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Held back until the gate has a permit.
    pub fn behind(mut self, gate: &Arc<Semaphore>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }
}

/// One request as it came.
#[derive(Clone)]
pub struct Seen {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The text it tells of.
    pub fn text(&self) -> String {
        self.json()["data"]["message"].as_str().unwrap_or_default().to_owned()
    }
}

#[derive(Default)]
struct Inner {
    seen: Vec<Seen>,
    script: VecDeque<Say>,
}

#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    /// Serves until the last clone is gone.
    _serving: Arc<JoinSet<()>>,
}

impl Receiver {
    /// An endpoint that answers 200 with nothing, once the script is over.
    pub async fn new(script: impl IntoIterator<Item = Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner { seen: Vec::new(), script: script.into_iter().collect() }));
        let app = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, inner, _serving: Arc::new(serving) }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }

    /// Waits for so many requests in all.
    pub async fn count(&self, count: usize) -> Vec<Seen> {
        let what = format!("{count} requests at the receiver");
        until(&what, async || Some(self.seen()).filter(|seen| seen.len() >= count)).await
    }
}

async fn take(State(inner): State<Arc<Mutex<Inner>>>, headers: HeaderMap, body: Bytes) -> Response {
    let say = {
        let mut inner = inner.lock().unwrap();
        inner.seen.push(Seen { headers, body });
        inner.script.pop_front().unwrap_or_else(|| Say::status(200))
    };
    if let Some(gate) = &say.gate {
        gate.acquire().await.unwrap().forget();
    }
    let mut response = (StatusCode::from_u16(say.status).unwrap(), say.body).into_response();
    for (name, value) in say.headers {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
    }
    response
}
