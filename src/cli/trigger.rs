//! `agentphone trigger`: makes an event happen in the simulated network of a running server, the real way: a phone
//! texts, a carrier takes or refuses, a person reads. Everything that follows an event follows this one.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::api::Api;
use crate::phone::events::Kind;

/// The phones at the other end, where none is named.
const PERSON: &str = "+14155550186";
const IMESSAGE_PERSON: &str = "+14155550187";
/// How the person taps back.
const REACTION: &str = "love";
/// How long something that happens at once may take.
const SOON: Duration = Duration::from_secs(10);

/// What shall happen, and between whom.
pub struct Trigger {
    pub event: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub body: Option<String>,
}

/// One of the account's numbers.
struct Number {
    id: String,
    e164: String,
}

/// A message that was sent for the event's sake.
struct Sent {
    id: String,
    status: String,
    conversation: String,
    to: String,
}

const KNOWN: &str = "agent.message       a person texts your number (message.inbound is the same)
message.sent        your number sends, and the carrier takes it
message.delivered   the same, and it arrives
message.failed      the carrier refuses the next message
message.read        a person reads an iMessage
agent.reaction      a person taps back on an iMessage
message.unconfirmed cannot be made to order: it takes a crash";

impl Trigger {
    /// Makes the event happen; prints what came of it.
    pub async fn run(&self, api: &Api) -> anyhow::Result<()> {
        let Some(kind) = Kind::parse(&self.event) else {
            bail!("there is no event {:?}; known are\n\n{KNOWN}", self.event);
        };
        match kind {
            Kind::MessageUnconfirmed => {
                println!(
                    "message.unconfirmed is told when it is not known whether a carrier took a message: a server died,\n\
                     or a line broke, between handing over and the answer. No request makes that happen. To see it:\n\
                     \n  1. agentphone network --listen 127.0.0.1:4748 --data network   (and its url in [[carriers]])\
                     \n  2. curl -X PUT http://127.0.0.1:4748/sim/faults -d '{{\"withhold_next\": 1}}'\
                     \n  3. send a message, kill the server with SIGKILL, and start it again"
                );
                return Ok(());
            }
            Kind::AgentCallEnded => {
                bail!("{kind} cannot be triggered; known are\n\n{KNOWN}");
            }
            Kind::AgentMessage
            | Kind::AgentReaction
            | Kind::MessageInbound
            | Kind::MessageSent
            | Kind::MessageDelivered
            | Kind::MessageFailed
            | Kind::MessageRead => {}
        }
        if api.call(Method::GET, "/sim/faults", None).await?.status == 404 {
            return self.without_network(api, kind).await;
        }
        match kind {
            Kind::AgentMessage | Kind::MessageInbound => self.text(api).await,
            Kind::MessageFailed => self.fail(api).await,
            Kind::MessageRead => self.read(api).await,
            Kind::AgentReaction => self.react(api).await,
            Kind::MessageSent | Kind::MessageDelivered | Kind::MessageUnconfirmed | Kind::AgentCallEnded => {
                self.deliver(api).await
            }
        }
    }

    /// A real network is on the line: only the webhook itself can be tried.
    async fn without_network(&self, api: &Api, kind: Kind) -> anyhow::Result<()> {
        if !matches!(kind, Kind::AgentMessage | Kind::MessageInbound) {
            bail!(
                "{kind} cannot be triggered here: the server at {} has no simulated network, and a real one takes no orders",
                api.origin()
            );
        }
        let mut test = json!({});
        for (name, value) in [("from", &self.from), ("to", &self.to), ("message", &self.body)] {
            if let Some(value) = value {
                test[name] = json!(value);
            }
        }
        println!("This server has no simulated network: a test goes to the project's webhook instead.");
        let tested = api.call(Method::POST, "/v1/webhooks/test", Some(test)).await?.ok()?;
        match tested["success"].as_bool() {
            Some(true) => {
                println!("The webhook answered {} in {} ms.", tested["statusCode"], tested["responseMs"]);
            }
            _ => {
                bail!("the webhook failed: {}", tested["errorMessage"].as_str().unwrap_or("no reason given"))
            }
        }
        Ok(())
    }

    async fn text(&self, api: &Api) -> anyhow::Result<()> {
        let from = self.from.as_deref().unwrap_or(PERSON);
        let to = match &self.to {
            Some(to) => to.clone(),
            None => number(api, None, "sms").await?.e164,
        };
        let body = self.body.as_deref().unwrap_or("Hello! Is my bike ready?");
        let path = format!("{}/messages", handset(from));
        let said = json!({ "to": to, "body": body });
        let said = api.call(Method::POST, &path, Some(said)).await?.ok()?;
        let id = word(&said, "id")?;
        println!("{from} texts {to}: {body:?}  ({id})");
        let path = format!("{}/messages?limit=50", handset(from));
        let arrived = async || {
            let shown = api.call(Method::GET, &path, None).await?.ok()?;
            let ours =
                find(&shown, "id", &id).and_then(|bubble| bubble["message_id"].as_str().map(str::to_owned));
            anyhow::Ok(ours)
        };
        let message = soon(arrived).await?.with_context(|| {
            format!("{to} did not take the text; is it a number of this server, and its carrier up?")
        })?;
        println!(
            "It arrived as {message}: agent.message, and message.inbound where the number has a webhook."
        );
        look(api);
        Ok(())
    }

    async fn deliver(&self, api: &Api) -> anyhow::Result<()> {
        let sent = self.send(api, "sms", PERSON).await?;
        println!("message.sent, then message.delivered.");
        settled(api, &sent, &["delivered", "read"]).await?;
        look(api);
        Ok(())
    }

    async fn fail(&self, api: &Api) -> anyhow::Result<()> {
        api.call(Method::PUT, "/sim/faults", Some(json!({ "refuse_next": 1 }))).await?.ok()?;
        let sent = self.send(api, "sms", PERSON).await?;
        settled(api, &sent, &["failed"]).await?;
        println!("message.failed: the carrier refused it, as it was told to.");
        look(api);
        Ok(())
    }

    async fn read(&self, api: &Api) -> anyhow::Result<()> {
        let sent = self.send_imessage(api).await?;
        let path = format!("{}/read", handset(&sent.to));
        api.call(Method::POST, &path, Some(json!({ "message_id": sent.id }))).await?.ok()?;
        settled(api, &sent, &["read"]).await?;
        println!("message.read, after message.sent and message.delivered.");
        look(api);
        Ok(())
    }

    async fn react(&self, api: &Api) -> anyhow::Result<()> {
        let sent = self.send_imessage(api).await?;
        let path = format!("{}/reactions", handset(&sent.to));
        let tapped = json!({ "message_id": sent.id, "reaction": REACTION });
        api.call(Method::POST, &path, Some(tapped)).await?.ok()?;
        println!("{} taps back: {REACTION}", sent.to);
        let path = format!("/v1/conversations/{}/messages?limit=50", sent.conversation);
        let arrived = async || {
            let listed = api.call(Method::GET, &path, None).await?.ok()?;
            let reactions = find(&listed, "id", &sent.id).and_then(|row| row["reactions"].as_array());
            anyhow::Ok(reactions.is_some_and(|reactions| !reactions.is_empty()).then_some(()))
        };
        soon(arrived).await?.with_context(|| format!("the tapback did not come within {SOON:?}"))?;
        println!("agent.reaction, on {}.", sent.id);
        look(api);
        Ok(())
    }

    /// Sends to a person who is on iMessage, and waits until it has arrived.
    async fn send_imessage(&self, api: &Api) -> anyhow::Result<Sent> {
        let person = self.to.as_deref().unwrap_or(IMESSAGE_PERSON);
        api.call(Method::PUT, &handset(person), Some(json!({ "imessage": true }))).await?.ok()?;
        let sent = self.send(api, "imessage", IMESSAGE_PERSON).await?;
        settled(api, &sent, &["delivered", "read"]).await?;
        Ok(sent)
    }

    /// Sends from `--from`, or from the account's first number of this kind.
    async fn send(&self, api: &Api, kind: &str, person: &str) -> anyhow::Result<Sent> {
        let from = number(api, self.from.as_deref(), kind).await?;
        let to = self.to.as_deref().unwrap_or(person);
        let body = self.body.as_deref().unwrap_or("Your bike is ready.");
        let message = json!({ "number_id": from.id, "to_number": to, "body": body });
        let sent = api.call(Method::POST, "/v1/messages", Some(message)).await?.ok()?;
        let sent = Sent {
            id: word(&sent, "id")?,
            status: word(&sent, "status")?,
            conversation: word(&sent, "conversation_id")?,
            to: to.to_owned(),
        };
        println!("{} sends to {to}: {body:?}  ({}, {})", from.e164, sent.id, sent.status);
        Ok(sent)
    }
}

/// Our number `wanted`, or the first one of `kind` that the account got.
async fn number(api: &Api, wanted: Option<&str>, kind: &str) -> anyhow::Result<Number> {
    let listed = api.call(Method::GET, "/v1/numbers?limit=100", None).await?.ok()?;
    let rows = listed["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = |row: &&Value| match wanted {
        Some(wanted) => row["phoneNumber"].as_str() == Some(wanted),
        None => row["type"].as_str() == Some(kind),
    };
    // The newest comes first.
    let Some(row) = rows.iter().rev().find(ours) else {
        match wanted {
            Some(wanted) => bail!("{wanted} is no number of this project"),
            None => {
                bail!("this project has no {kind} number; POST /v1/numbers {{\"type\":\"{kind}\"}} gets one")
            }
        }
    };
    Ok(Number { id: word(row, "id")?, e164: word(row, "phoneNumber")? })
}

/// Waits until the message is what it shall become.
async fn settled(api: &Api, sent: &Sent, wanted: &[&str]) -> anyhow::Result<()> {
    let path = format!("/v1/conversations/{}/messages?limit=50", sent.conversation);
    let status = async || {
        let listed = api.call(Method::GET, &path, None).await?.ok()?;
        let row = find(&listed, "id", &sent.id);
        let status = row.and_then(|row| row["status"].as_str()).filter(|status| wanted.contains(status));
        anyhow::Ok(status.map(str::to_owned))
    };
    match soon(status).await? {
        Some(status) => println!("{} is {status}", sent.id),
        None => bail!("{} did not become {} within {SOON:?}", sent.id, wanted.join(" or ")),
    }
    Ok(())
}

/// Asks again until there is an answer, for a while.
async fn soon<T>(ask: impl AsyncFn() -> anyhow::Result<Option<T>>) -> anyhow::Result<Option<T>> {
    let deadline = Instant::now() + SOON;
    loop {
        let answer = ask().await?;
        if answer.is_some() || Instant::now() >= deadline {
            return Ok(answer);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

fn find<'a>(list: &'a Value, key: &str, wanted: &str) -> Option<&'a Value> {
    list["data"].as_array()?.iter().find(|row| row[key].as_str() == Some(wanted))
}

fn word(object: &Value, key: &str) -> anyhow::Result<String> {
    object[key].as_str().map(str::to_owned).with_context(|| format!("the server's answer has no {key:?}"))
}

fn handset(number: &str) -> String {
    let number: String = url::form_urlencoded::byte_serialize(number.as_bytes()).collect();
    format!("/sim/handsets/{number}")
}

fn look(api: &Api) {
    println!(
        "See it with `agentphone listen`, GET {0}/v1/conversations or GET {0}/v1/webhooks/deliveries.",
        api.origin()
    );
}
