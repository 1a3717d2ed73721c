//! A running server as a command sees it: where it is, with which key, and what it answers. It speaks the API as
//! any other client does.

use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use reqwest::{Method, Response};
use serde_json::Value;
use url::Url;

use crate::config::Config;
use crate::net::plain;

/// How long an answer may take; a send waits for the carrier.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The server that a command speaks to.
pub struct Api {
    /// Also calls the user's own program.
    pub http: reqwest::Client,
    origin: Url,
    key: String,
}

/// An answer: its status and its body, null where that is no JSON.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The body of a 2xx answer; else the server's own sentence as an error.
    pub fn ok(self) -> anyhow::Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        match self.body["message"].as_str() {
            Some(message) => bail!("the server answered {}: {message}", self.status),
            None => bail!("the server answered {}", self.status),
        }
    }
}

impl Api {
    /// The server at `url` or `AGENTPHONE_URL`, else where `config` says one listens; as `key` or
    /// `AGENTPHONE_KEY`, else with the key that `agentphone dev` keeps.
    pub fn new(config: &Config, url: Option<String>, key: Option<String>) -> anyhow::Result<Self> {
        let origin = match url.or_else(|| variable("AGENTPHONE_URL")) {
            Some(url) => parse_url(&url)?,
            None => listening_at(&config.listen)?,
        };
        let key = key.or_else(|| variable("AGENTPHONE_KEY")).map_or_else(|| kept_key(config), Ok)?;
        Ok(Self { http: plain::client(), origin, key })
    }

    pub fn origin(&self) -> &str {
        self.origin.as_str().trim_end_matches('/')
    }

    /// Asks for `path`, which begins with a slash, and reads the whole answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        self.call_once(method, path, body, None).await
    }

    /// Like [`Api::call`], with an `Idempotency-Key`: however often it is repeated, it happens once.
    pub async fn call_once(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        once: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let mut request = self.request(method, path).timeout(TIMEOUT);
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some(once) = once {
            request = request.header("idempotency-key", once);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.context("reading the server's answer")?;
        ensure!(
            status != 401,
            "the server at {} refused the key; name one with --key or AGENTPHONE_KEY (`agentphone key create` makes one)",
            self.origin()
        );
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
    }

    /// Opens the stream of events after `last`; the answer's body is still to come.
    pub async fn stream(&self, events: Option<&str>, last: Option<&str>) -> anyhow::Result<Response> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(events.map(|events| ("events", events)))
            .finish();
        let mut request = self.request(Method::GET, &format!("/v1/events/stream?{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin())).bearer_auth(&self.key)
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        if error.is_connect() {
            return anyhow!(
                "no server answers at {}; start one with `agentphone dev`, or name it with --url or AGENTPHONE_URL",
                self.origin()
            );
        }
        anyhow!("the server at {} did not answer: {}", self.origin(), cause(error))
    }
}

/// The innermost reason, which says most in fewest words.
pub fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Reads a URL as people type it: `localhost:3000/hook` means http.
pub fn parse_url(text: &str) -> anyhow::Result<Url> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&whole).with_context(|| format!("{text:?} is no URL"))?;
    ensure!(matches!(url.scheme(), "http" | "https"), "{text:?} must begin with http:// or https://");
    Ok(url)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Where a server that listens on `address` is reached from this machine.
fn listening_at(address: &str) -> anyhow::Result<Url> {
    let (host, port) = address.rsplit_once(':').with_context(|| format!("{address:?} has no port"))?;
    ensure!(port != "0", "the server's port is not fixed; name the server with --url or AGENTPHONE_URL");
    let host = match host {
        "0.0.0.0" | "" => "127.0.0.1",
        "[::]" => "[::1]",
        other => other,
    };
    parse_url(&format!("http://{host}:{port}"))
}

fn kept_key(config: &Config) -> anyhow::Result<String> {
    let path = config.data.join("dev-key");
    let text = std::fs::read_to_string(&path).map_err(|_| {
        anyhow!(
            "which key? Name one with --key or AGENTPHONE_KEY, or run this where `agentphone dev` keeps one ({})",
            path.display()
        )
    })?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_people_type_them() {
        assert_eq!(parse_url("localhost:3000/hook").unwrap().as_str(), "http://localhost:3000/hook");
        assert_eq!(parse_url("https://a.example").unwrap().as_str(), "https://a.example/");
        assert!(parse_url("ftp://a.example").is_err());
    }

    #[test]
    fn a_server_is_looked_for_where_it_listens() {
        assert_eq!(listening_at("0.0.0.0:4747").unwrap().as_str(), "http://127.0.0.1:4747/");
        assert_eq!(listening_at("[::]:80").unwrap().as_str(), "http://[::1]/");
        assert!(listening_at("127.0.0.1:0").is_err(), "nobody can know which port that became");
    }
}
