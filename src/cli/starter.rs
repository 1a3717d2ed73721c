//! The starter project of `agentphone dev`: an account with an agent, one SMS and one iMessage number and a key,
//! made at the first start, and what is printed at every start.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::address::E164;
use crate::app::App;
use crate::carriers::{Answer, Question};
use crate::clock::Time;
use crate::db::Tx;
use crate::id::{AccountId, AgentId, KeyId, NumberId, WebhookId};
use crate::phone::numbers::{Number, NumberKind, NumberStatus};
use crate::phone::profile::{AgentFields, Rules};
use crate::phone::webhooks::Owner;
use crate::phone::{accounts, agents, keys, numbers, sign_ins, webhooks};
use crate::server::Server;
use crate::signature::Secret;

/// Whom the printed curl line texts: a phone of the simulated network that answers once by itself.
const FRIEND: &str = "+14155550142";

/// What a newcomer needs to see.
pub struct Starter {
    pub account: AccountId,
    pub key: String,
    pub sms_number: String,
    pub imessage_number: Option<String>,
    pub secret: String,
}

/// Finds or makes the starter project.
pub async fn prepare(server: &Server) -> anyhow::Result<Starter> {
    let app = &server.app;
    let account = match app.db.read(accounts::list).await.map_err(fault)?.into_iter().next() {
        Some(account) => account.id,
        None => create(app).await?,
    };
    let key = key(app, &account).await?;
    let wanted = account.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let (numbers, _) = numbers::list(tx, &wanted, 100, 0)?;
        let sms = numbers.iter().find(|number| number.kind == NumberKind::Sms).cloned();
        let secret = match &sms {
            Some(number) => webhooks::find(tx, &wanted, &Owner::Number(number.id.clone()))?,
            None => None,
        };
        let imessage = numbers.into_iter().find(|number| number.kind == NumberKind::Imessage);
        Ok((sms, imessage, secret))
    };
    let (sms, imessage, webhook) = app.db.read(unit).await.map_err(fault)?;
    Ok(Starter {
        account,
        key,
        sms_number: sms.map(|number| number.e164.to_string()).unwrap_or_default(),
        imessage_number: imessage.map(|number| number.e164.to_string()),
        secret: webhook.map(|webhook| webhook.secret.expose().to_owned()).unwrap_or_default(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn fault(error: crate::error::Error) -> anyhow::Error {
    anyhow!("{error:?}")
}

async fn create(app: &App) -> anyhow::Result<AccountId> {
    let now = app.clock.now();
    let account = accounts::draft(&app.ids, "Starter project", now);
    let id = account.id.clone();
    let rules = Rules { region: app.region, guard: app.net.guard().clone() };
    let mut fields = AgentFields::default();
    fields.name = Some("Starter agent".to_owned());
    let agent = agents::draft(AgentId::new(&app.ids), fields, now, &rules).map_err(fault)?;
    let mut starters = Vec::new();
    for kind in [NumberKind::Sms, NumberKind::Imessage] {
        let number = starter_number(app, &id, &agent.id, kind, now).await?;
        let secret = Secret::new(&app.ids);
        let webhook = webhooks::of_new_number(WebhookId::new(&app.ids), &id, &number.id, secret, now);
        starters.push((number, webhook));
    }
    let (ids, owner) = (app.ids.clone(), id.clone());
    let unit = move |tx: &mut Tx<'_>| {
        accounts::create(tx, &account)?;
        agents::create(tx, &owner, &agent)?;
        for (number, webhook) in &starters {
            numbers::create(tx, &ids, number, webhook, i64::MAX)?;
        }
        Ok(())
    };
    app.db.write(unit).await.map_err(fault)?;
    if let Some(network) = &app.network {
        let text = "Hello! This phone answers its first text by itself.".to_owned();
        network.answer_once(FRIEND, text).await?;
    }
    Ok(id)
}

async fn starter_number(
    app: &App,
    account: &AccountId,
    agent: &AgentId,
    kind: NumberKind,
    now: Time,
) -> anyhow::Result<Number> {
    let e164 = fresh_number(app, kind == NumberKind::Imessage).await?;
    Ok(Number {
        id: NumberId::new(&app.ids),
        account_id: account.clone(),
        agent_id: Some(agent.clone()),
        e164: E164::from_stored(e164),
        country: "US".to_owned(),
        kind,
        status: NumberStatus::Active,
        carrier: app.carrier_order.first().cloned().unwrap_or_default(),
        external_id: None,
        expires_at: None,
        echo: true,
        attached_at: Some(now),
        created_at: now,
    })
}

async fn fresh_number(app: &App, imessage: bool) -> anyhow::Result<String> {
    let name = app.carrier_order.first().context("the development profile has a simulated carrier")?;
    let connection = app.carrier(name).context("the first carrier is configured")?;
    // A network of its own may take a moment to be reached.
    let _ = tokio::time::timeout(Duration::from_secs(10), connection.up.clone().wait_for(|up| *up)).await;
    let area_code = Some("206".to_owned());
    let question = Question::FreshNumber { country: "US".to_owned(), area_code, imessage };
    match connection.carrier.ask(question).await {
        Answer::Number(number) => Ok(number),
        answer => {
            Err(anyhow!("carrier {name:?} gave no number ({answer:?}); is the simulated network running?"))
        }
    }
}

/// The key kept in the data folder; a new one the first time.
async fn key(app: &App, account: &AccountId) -> anyhow::Result<String> {
    let path = app.config.data.join("dev-key");
    if let Ok(text) = std::fs::read_to_string(&path) {
        let key = text.trim().to_owned();
        let hash = keys::hash(&key)
            .with_context(|| format!("{} holds no key; delete it for a new one", path.display()))?;
        if app.db.read(move |tx| keys::find(tx, &hash)).await.map_err(fault)?.is_some() {
            return Ok(key);
        }
    }
    let key = keys::mint(&app.ids);
    let (id, account, minted, now) = (KeyId::new(&app.ids), account.clone(), key.clone(), app.clock.now());
    app.db
        .write(move |tx| keys::create(tx, &id, &account, "development", &minted, now))
        .await
        .map_err(fault)?;
    write_private(&path, &key)?;
    Ok(key)
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    Ok(())
}

/// Makes a link that signs in to the dashboard once; answers its path.
pub async fn sign_in(server: &Server, starter: &Starter) -> anyhow::Result<String> {
    let app = &server.app;
    let token = app.ids.secret();
    let (hash, account, now) = (sign_ins::hash(&token), starter.account.clone(), app.clock.now());
    app.db.write(move |tx| sign_ins::create_link(tx, &hash, &account, now)).await.map_err(fault)?;
    Ok(format!("/sign-in?token={token}"))
}

/// Prints what a newcomer needs, in the order in which it is needed.
pub fn print(server: &Server, starter: &Starter, sign_in: &str) {
    let origin = server.app.origin();
    println!("AgentPhone is listening on {origin}");
    println!();
    println!("  Phone and dashboard  {origin}{sign_in}");
    println!("  API key              {}", starter.key);
    println!("  SMS number           {}", starter.sms_number);
    println!("  iMessage number      {}", starter.imessage_number.as_deref().unwrap_or("-"));
    println!("  Webhook secret       {}  (of the SMS number)", starter.secret);
    println!();
    println!("Send a text:");
    println!();
    println!(
        "  curl {origin}/v1/messages -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\\n    -d '{{\"from_number\":\"{}\",\"to_number\":\"{FRIEND}\",\"body\":\"Hello from my agent\"}}'",
        starter.key, starter.sms_number
    );
    println!();
}
