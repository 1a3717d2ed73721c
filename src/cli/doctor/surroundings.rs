//! What the server works with: its database, its address, its carriers.

use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;

use super::Finding;
use super::Verdict::{Fail, Ok as Good, Warn};
use crate::cli::api::cause;
use crate::config::Config;
use crate::db::examine::{Examined, Integrity, examine};
use crate::net::plain;
use crate::server;

/// A large file is not checked to its end.
const CHECKING: Duration = Duration::from_secs(5);
/// What findings about a carrier are called.
pub const CARRIER: &str = "carrier";
const ANSWER: Duration = Duration::from_secs(5);

/// Whether the database is there and as this program needs it.
pub async fn database(config: &Config) -> Finding {
    match examine(server::location(config), CHECKING).await {
        Ok(examined) => judge_database(&examined),
        Err(error) => {
            Finding::new(Fail, "database", format!("{error:#}; see database_url (AGENTPHONE_DATABASE_URL)"))
        }
    }
}

fn judge_database(examined: &Examined) -> Finding {
    let Examined { version, behind, integrity, unsafe_settings } = examined;
    let schema = match behind {
        None => "no database yet: the first start makes it",
        Some(0) => "the schema is up to date",
        Some(_) => "the schema is behind: `agentphone migrate`, or the next start, brings it up to date",
    };
    let pages = match integrity {
        Integrity::Sound => ", no page is damaged".to_owned(),
        Integrity::Unfinished => format!(", no damage found within {} s", CHECKING.as_secs()),
        Integrity::NotChecked => String::new(),
        Integrity::Broken(what) => {
            let text = format!("{version}: the file is damaged ({what}); restore it from a backup");
            return Finding::new(Fail, "database", text);
        }
    };
    if !unsafe_settings.is_empty() {
        let settings = unsafe_settings.join(", ");
        let text = format!("{version} runs with {settings}: an answered message can be lost; switch it on");
        return Finding::new(Warn, "database", text);
    }
    let verdict = if behind.is_some_and(|behind| behind > 0) { Warn } else { Good };
    Finding::new(verdict, "database", format!("{version}, {schema}{pages}"))
}

/// Whether the address is free, or a server of ours is there.
pub async fn address(config: &Config) -> Vec<Finding> {
    let listen = &config.listen;
    let Err(problem) = TcpListener::bind(listen).await else {
        return vec![Finding::new(Good, "address", format!("{listen} is free"))];
    };
    if problem.kind() != std::io::ErrorKind::AddrInUse {
        let text = format!("cannot listen on {listen}: {problem}; see listen (AGENTPHONE_LISTEN)");
        return vec![Finding::new(Fail, "address", text)];
    }
    let origin = format!("http://{}", listen.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]"));
    let alive = ask(&format!("{origin}/healthz")).await.is_ok_and(|body| body["status"] == "ok");
    let ready = ask(&format!("{origin}/readyz")).await.unwrap_or_default();
    let (true, Some(carriers)) = (alive, ready["carriers"].as_object()) else {
        let text =
            format!("another program listens on {listen}; end it, or change listen (AGENTPHONE_LISTEN)");
        return vec![Finding::new(Fail, "address", text)];
    };
    let mut findings = vec![Finding::new(Good, "address", format!("AgentPhone is running on {listen}"))];
    findings.extend(carriers.iter().map(|(name, up)| match up.as_bool() {
        Some(true) => Finding::new(Good, CARRIER, format!("{name:?} is up in the running server")),
        _ => Finding::new(Warn, CARRIER, format!("{name:?} is down in the running server; its log says why")),
    }));
    findings
}

/// Whether what the configured carriers need is there.
pub async fn carriers(config: &Config) -> Vec<Finding> {
    if config.carriers.is_empty() {
        let text = "none is configured: `agentphone dev` brings the simulated one, `agentphone serve` needs [[carriers]]";
        return vec![Finding::new(Good, CARRIER, text)];
    }
    let mut findings = Vec::new();
    for carrier in &config.carriers {
        let name = &carrier.name;
        let Some(url) = &carrier.url else {
            let text = format!("{name:?} is simulated inside the server");
            findings.push(Finding::new(Good, CARRIER, text));
            continue;
        };
        findings.push(match ask(&format!("{}/sim/faults", url.trim_end_matches('/'))).await {
            Ok(_) => Finding::new(Good, CARRIER, format!("{name:?} answers at {url}")),
            Err(why) => Finding::new(
                Fail,
                CARRIER,
                format!("{name:?} does not answer at {url} ({why}); start it, or correct its url"),
            ),
        });
    }
    findings
}

/// The JSON that `url` answers, whatever the status.
async fn ask(url: &str) -> Result<Value, String> {
    let asked = plain::client().get(url).timeout(ANSWER).send().await;
    let answer = asked.map_err(|error| cause(&error))?;
    let body = answer.bytes().await.map_err(|error| cause(&error))?;
    serde_json::from_slice(&body).map_err(|_| "what answers there is no simulated network".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    fn verdict(behind: Option<usize>, integrity: Integrity, unsafe_settings: &[&str]) -> Verdict {
        let unsafe_settings = unsafe_settings.iter().map(|text| (*text).to_owned()).collect();
        judge_database(&Examined { version: "SQLite".to_owned(), behind, integrity, unsafe_settings }).verdict
    }

    #[test]
    fn a_database_is_judged_by_its_worst() {
        assert_eq!(verdict(None, Integrity::NotChecked, &[]), Good);
        assert_eq!(verdict(Some(0), Integrity::Sound, &[]), Good);
        assert_eq!(verdict(Some(1), Integrity::Sound, &[]), Warn);
        assert_eq!(verdict(Some(0), Integrity::NotChecked, &["fsync = off"]), Warn);
        assert_eq!(verdict(Some(0), Integrity::Broken("page 7".to_owned()), &[]), Fail);
    }
}
