//! `agentphone listen`: carries the account's events to a program on this machine, as webhooks would, and its
//! replies back. It stores nothing; what it missed while it was not running stays missed.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};
use url::Url;

use super::api::{Api, cause};
use super::sse::{Event, Reader};
use crate::clock::Clock;

/// The server is heard from every 15 seconds; after so many it is not there any more.
const SILENCE: Duration = Duration::from_secs(45);
/// As long as an account's webhook may take.
const ANSWER: Duration = Duration::from_secs(30);
const ANSWER_BYTES: usize = 256 << 10;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Events between a server and a program.
pub struct Listening {
    api: Api,
    forward_to: Url,
    events: Option<String>,
    clock: Clock,
    /// The last event that was carried.
    last: Option<String>,
    secret: Option<String>,
    /// Whether a stream stood since trouble was last told.
    connected: bool,
    pause: Duration,
}

/// Why a stream is over.
enum End {
    /// It may come back.
    Lost(anyhow::Error),
    /// Trying again would not help.
    Refused(anyhow::Error),
}

/// An event as the stream brings it.
#[derive(Deserialize)]
struct Delivery {
    id: String,
    headers: Map<String, Value>,
    body: String,
}

impl Listening {
    pub fn new(api: Api, forward_to: Url, events: Option<String>) -> Self {
        let (clock, last, secret) = (Clock::system(), None, None);
        Self { api, forward_to, events, clock, last, secret, connected: false, pause: FIRST_PAUSE }
    }

    /// Carries events until something is wrong that waiting does not mend.
    pub async fn run(mut self) -> anyhow::Result<Infallible> {
        let mut told = String::new();
        loop {
            let lost = match self.follow().await {
                End::Refused(error) => return Err(error),
                End::Lost(error) => format!("{error:#}"),
            };
            if lost != told || std::mem::take(&mut self.connected) {
                eprintln!("{lost} (trying again)");
                told = lost;
            }
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Carries the events of one stream.
    async fn follow(&mut self) -> End {
        let mut response = match self.api.stream(self.events.as_deref(), self.last.as_deref()).await {
            Ok(response) => response,
            Err(error) => return End::Lost(error),
        };
        let status = response.status().as_u16();
        if status != 200 {
            let body = response.bytes().await.unwrap_or_default();
            return refused(self.api.origin(), status, &body);
        }
        let mut reader = Reader::default();
        loop {
            let piece = match timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None) | Err(_)) => return End::Lost(anyhow!("the server ended the stream")),
                Err(_) => return End::Lost(anyhow!("the server is silent")),
            };
            let events = match reader.read(&piece) {
                Ok(events) => events,
                Err(error) => return End::Lost(error.into()),
            };
            for event in events {
                if let Err(error) = self.take(event).await {
                    return End::Lost(error);
                }
            }
        }
    }

    async fn take(&mut self, event: Event) -> anyhow::Result<()> {
        if event.name == "ready" {
            let ready: Value = serde_json::from_str(&event.data).context("reading `ready`")?;
            let secret = ready["secret"].as_str().context("`ready` brings no secret")?.to_owned();
            if self.secret.as_ref() == Some(&secret) {
                println!("Connected again");
            } else {
                println!("Webhook signing secret: {secret}");
                println!("Forwarding events of {} to {}", self.api.origin(), self.forward_to);
            }
            self.secret = Some(secret);
            self.connected = true;
            self.pause = FIRST_PAUSE;
        } else if event.name == "event" {
            let delivery: Delivery = serde_json::from_str(&event.data).context("reading an event")?;
            self.carry(&delivery).await;
        }
        self.last = event.id.or(self.last.take());
        Ok(())
    }

    /// Posts one event and sends what is answered; says in one line how it went.
    async fn carry(&self, delivery: &Delivery) {
        let payload: Value = serde_json::from_str(&delivery.body).unwrap_or_default();
        let name = payload["event"].as_str().unwrap_or("event");
        let (now, id) = (self.clock.now().to_string(), &delivery.id);
        let time = now.get(11..19).unwrap_or(&now);
        let started = Instant::now();
        let posted = self.post(delivery).await;
        let took = started.elapsed().as_millis();
        let (status, body) = match posted {
            Ok(answer) => answer,
            Err(why) => {
                println!("{time}  {name}  {id}  {} is not reachable: {why}", self.forward_to);
                return;
            }
        };
        let reply = if (200..300).contains(&status) { reply(&payload, &body) } else { None };
        let outcome = match &reply {
            Some(reply) => self.send(reply).await,
            None => String::new(),
        };
        println!("{time}  {name}  {id}  {status} in {took} ms{outcome}");
    }

    /// The program's status and the beginning of its answer.
    async fn post(&self, delivery: &Delivery) -> Result<(u16, Vec<u8>), String> {
        let request = self.api.http.post(self.forward_to.clone()).headers(headers(&delivery.headers));
        let request = request.body(delivery.body.clone()).timeout(ANSWER);
        let mut response = request.send().await.map_err(|error| cause(&error))?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| cause(&error))? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_BYTES {
                body.clear();
                break;
            }
        }
        Ok((response.status().as_u16(), body))
    }

    async fn send(&self, reply: &Reply) -> String {
        let once = format!("listen-{}", reply.answers);
        let message = Some(reply.message.clone());
        let sent = self.api.call_once(Method::POST, "/v1/messages", message, Some(&once)).await;
        let text = reply.message["body"].as_str().unwrap_or_default();
        match sent.and_then(super::api::Answer::ok) {
            Ok(sent) => format!("  reply {text:?} is {}", sent["id"].as_str().unwrap_or_default()),
            Err(error) => format!("  reply {text:?} was not sent: {error:#}"),
        }
    }
}

/// What the server says instead of a stream.
fn refused(origin: &str, status: u16, body: &[u8]) -> End {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = said["message"].as_str().unwrap_or_default();
    match status {
        401 => End::Refused(anyhow!(
            "the server at {origin} refused the key; name another with --key or AGENTPHONE_KEY"
        )),
        404 => End::Refused(anyhow!("the server at {origin} has no stream of events; is it an AgentPhone?")),
        400..=499 if status != 429 => End::Refused(anyhow!("the server at {origin} refused: {said}")),
        _ => End::Lost(anyhow!("the server at {origin} answered {status} {said}")),
    }
}

fn headers(named: &Map<String, Value>) -> HeaderMap {
    let header = |(name, value): (&String, &Value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value.as_str()?).ok()?))
    };
    named.iter().filter_map(header).collect()
}

/// A reply that the program asks for.
struct Reply {
    /// The message that it answers.
    answers: String,
    /// What to post to `/v1/messages`.
    message: Value,
}

/// The reply in `answer` (contract 11.3), if it holds one and `payload` is a text that can be answered.
fn reply(payload: &Value, answer: &[u8]) -> Option<Reply> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    if answer["action"].as_str() != Some("respond") || payload["channel"].as_str() == Some("voice") {
        return None;
    }
    let body = answer["reply"].as_str().unwrap_or_default();
    let listed = answer["media"].as_array().map(Vec::as_slice).unwrap_or_default();
    let media: Vec<&str> = listed.iter().filter_map(Value::as_str).collect();
    if body.is_empty() && media.is_empty() {
        return None;
    }
    let data = &payload["data"];
    let (answers, mut message) = match payload["event"].as_str()? {
        "agent.message" => {
            let to = data["group"]["groupId"].as_str().or(data["from"].as_str())?;
            (&data["messageId"], json!({"number_id": data["numberId"], "to_number": to, "body": body}))
        }
        "message.inbound" => {
            let message = json!({"from_number": payload["to"], "to_number": payload["from"], "body": body});
            (&payload["message_id"], message)
        }
        _ => return None,
    };
    if !media.is_empty() {
        message["media_urls"] = json!(media);
    }
    Some(Reply { answers: answers.as_str()?.to_owned(), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(payload: &Value, answer: &Value) -> Option<(String, Value)> {
        reply(payload, answer.to_string().as_bytes()).map(|reply| (reply.answers, reply.message))
    }

    #[test]
    fn a_reply_goes_where_the_text_came_from() {
        let mut payload = json!({"event": "agent.message", "channel": "sms", "data":
            {"messageId": "msg_1", "numberId": "num_1", "from": "+14155550142", "to": "+12065550199"}});
        let yes = json!({"action": "respond", "reply": "Yes"});
        let sent = json!({"number_id": "num_1", "to_number": "+14155550142", "body": "Yes"});
        assert_eq!(asked(&payload, &yes), Some(("msg_1".to_owned(), sent)));
        payload["data"]["group"] = json!({"groupId": "grp_1"});
        assert_eq!(asked(&payload, &yes).unwrap().1["to_number"], "grp_1");
        let inbound = json!({"event": "message.inbound", "channel": "sms", "from": "+14155550142",
            "to": "+12065550199", "message_id": "msg_1"});
        let sent = json!({"from_number": "+12065550199", "to_number": "+14155550142", "body": "Yes"});
        assert_eq!(asked(&inbound, &yes), Some(("msg_1".to_owned(), sent)));
    }

    #[test]
    fn anything_else_sends_nothing() {
        let text = json!({"event": "agent.message", "channel": "sms",
            "data": {"messageId": "msg_1", "numberId": "num_1", "from": "+14155550142"}});
        for answer in
            [json!({}), json!({"action": "ignore", "reply": "x"}), json!({"action": "respond"}), json!("x")]
        {
            assert!(asked(&text, &answer).is_none(), "{answer}");
        }
        let yes = json!({"action": "respond", "reply": "Yes"});
        let mut other = text.clone();
        other["event"] = json!("message.delivered");
        assert!(asked(&other, &yes).is_none());
        other = text.clone();
        other["channel"] = json!("voice");
        assert!(asked(&other, &yes).is_none());
        assert!(reply(&text, b"not json").is_none());
        let picture = json!({"action": "respond", "media": ["https://a.example/cat.png"]});
        assert_eq!(asked(&text, &picture).unwrap().1["media_urls"], json!(["https://a.example/cat.png"]));
    }
}
