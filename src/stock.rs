//! Where numbers come from and go back to: the lists of the configuration, and carriers that make numbers. The
//! carrier is asked before and after the unit of work that stores a number, never inside it.

use std::time::Duration;

use crate::address::E164;
use crate::app::App;
use crate::carriers::{Answer, Capabilities, Connection, Question};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Code, Error, Result, Storage};
use crate::id::{AccountId, AgentId, NumberId, WebhookId};
use crate::phone::idempotency::{self, Use};
use crate::phone::numbers::{self, Country, Number, NumberKind, NumberStatus};
use crate::phone::{agents, webhooks};
use crate::signature::Secret;

/// How often a purchase starts again when somebody else took the number that it had found.
const TRIES: usize = 5;
/// How long a carrier may think about a number.
const PATIENCE: Duration = Duration::from_secs(20);
/// Numbers of a list that are looked up in one unit of work.
const BATCH: usize = 200;

/// The number somebody would like.
#[derive(Clone, Debug)]
pub struct Wish {
    /// This one and no other; country and area code are not looked at then.
    pub exactly: Option<E164>,
    pub country: Country,
    /// Three digits.
    pub area_code: Option<String>,
    pub kind: NumberKind,
    pub agent_id: Option<AgentId>,
    pub external_id: Option<String>,
    pub expires_at: Option<Time>,
}

/// A number that may be had.
#[derive(Clone, Debug)]
struct Found {
    carrier: String,
    e164: E164,
    /// Made for us just now, so to be given back if it is not kept.
    is_fresh: bool,
}

/// Buys a number for the account; `key` is taken in the unit that stores it.
pub async fn buy(app: &App, account: &AccountId, wish: &Wish, key: Option<Use>) -> Result<Number> {
    check(app, account, wish).await?;
    for _ in 0..TRIES {
        let Some(found) = find(app, wish).await? else { break };
        match store(app, account, wish, &found, key.clone()).await {
            Ok(Some(number)) => return Ok(number),
            Ok(None) => {}
            Err(error) => {
                let may_be_stored = matches!(error, Error::Storage(Storage::OutcomeUnknown(_)));
                if found.is_fresh && !may_be_stored {
                    tell_released(app, &found.carrier, &found.e164);
                }
                return Err(error);
            }
        }
    }
    Err(Error::refused(Code::NotFound, "No number like this is in stock"))
}

/// Releases a number of the account and tells its carrier.
pub async fn release(app: &App, account: AccountId, id: NumberId) -> Result<Number> {
    let number = app.db.write(move |tx| numbers::release(tx, &account, &id)).await?;
    tell_released(app, &number.carrier, &number.e164);
    Ok(number)
}

/// Tells a carrier that a number is not ours any more. It is ours no more whatever the carrier answers.
pub fn tell_released(app: &App, carrier: &str, e164: &E164) {
    let Some(connection) = app.carrier(carrier).cloned() else { return };
    let number = e164.to_string();
    app.tasks.spawn(async move {
        let question = Question::NumberReleased { number: number.clone() };
        let answer = tokio::time::timeout(PATIENCE, connection.carrier.ask(question)).await;
        if !matches!(answer, Ok(Answer::Done)) {
            tracing::warn!(carrier = %connection.name, %number, "the carrier did not take a released number back");
        }
    });
}

/// Refuses what could not be stored, before any carrier is asked.
async fn check(app: &App, account: &AccountId, wish: &Wish) -> Result<()> {
    let (account, agent, quota) = (account.clone(), wish.agent_id.clone(), app.config.quota.numbers);
    let unit = move |tx: &mut Tx<'_>| {
        agent.as_ref().map_or(Ok(()), |agent| agents::check(tx, &account, agent))?;
        numbers::check_room(tx, &account, quota)
    };
    app.db.read(unit).await
}

/// The first number that fits, in the order of the carriers.
async fn find(app: &App, wish: &Wish) -> Result<Option<Found>> {
    let mut trouble = None;
    for name in &app.carrier_order {
        let Some(connection) = app.carrier(name).filter(|it| serves(it.capabilities, wish.kind)) else {
            continue;
        };
        if let Some(e164) = listed(app, name, wish).await? {
            return Ok(Some(Found { carrier: name.clone(), e164, is_fresh: false }));
        }
        if wish.exactly.is_none() && connection.capabilities.makes_numbers {
            match fresh(app, connection, wish).await {
                Ok(Some(e164)) => return Ok(Some(Found { carrier: name.clone(), e164, is_fresh: true })),
                Ok(None) => {}
                Err(error) => trouble = Some(error),
            }
        }
    }
    trouble.map_or(Ok(None), Err)
}

const fn serves(capabilities: Capabilities, kind: NumberKind) -> bool {
    match kind {
        NumberKind::Sms => capabilities.sms,
        NumberKind::Imessage => capabilities.imessage,
    }
}

/// The first number of the carrier's list that fits and that nobody holds.
async fn listed(app: &App, carrier: &str, wish: &Wish) -> Result<Option<E164>> {
    let Some(settings) = app.config.carriers.iter().find(|settings| settings.name == carrier) else {
        return Ok(None);
    };
    let numbers = settings.numbers.iter().filter_map(|text| E164::parse(text, app.region).ok());
    let fitting: Vec<E164> = numbers.filter(|number| fits(number, wish)).collect();
    for batch in fitting.chunks(BATCH) {
        let batch = batch.to_vec();
        let free = app.db.read(move |tx| numbers::first_free(tx, &batch)).await?;
        if free.is_some() {
            return Ok(free);
        }
    }
    Ok(None)
}

fn fits(number: &E164, wish: &Wish) -> bool {
    if let Some(exactly) = &wish.exactly {
        return number == exactly;
    }
    let is_there = number.country().is_some_and(|country| country.as_str() == wish.country.as_str());
    is_there && wish.area_code.as_deref().is_none_or(|area| number.area_code() == Some(area))
}

/// A number that the carrier makes for us; `None` if it has none like that, which is no failure of it.
async fn fresh(app: &App, connection: &Connection, wish: &Wish) -> Result<Option<E164>> {
    let question = Question::FreshNumber {
        country: wish.country.as_str().to_owned(),
        area_code: wish.area_code.clone(),
        imessage: wish.kind == NumberKind::Imessage,
    };
    let number = match tokio::time::timeout(PATIENCE, connection.carrier.ask(question)).await {
        Ok(Answer::Number(text)) => E164::parse(&text, app.region).ok(),
        Ok(Answer::NoNumber) => return Ok(None),
        Ok(Answer::Message(_) | Answer::Reach { .. } | Answer::Done | Answer::CannotTell) | Err(_) => None,
    };
    let message = format!("The carrier {} gave no number; nothing was bought", connection.name);
    number.map(Some).ok_or_else(|| Error::refused(Code::Carrier, message))
}

/// Stores the number as the account's; `None` if somebody else took it meanwhile.
async fn store(
    app: &App,
    account: &AccountId,
    wish: &Wish,
    found: &Found,
    key: Option<Use>,
) -> Result<Option<Number>> {
    let now = app.clock.now();
    let country = found.e164.country().map_or_else(|| wish.country.to_string(), |region| region.to_string());
    let number = Number {
        id: NumberId::new(&app.ids),
        account_id: account.clone(),
        agent_id: wish.agent_id.clone(),
        e164: found.e164.clone(),
        country,
        kind: wish.kind,
        status: NumberStatus::Active,
        carrier: found.carrier.clone(),
        external_id: wish.external_id.clone(),
        expires_at: wish.expires_at,
        echo: false,
        attached_at: wish.agent_id.as_ref().map(|_| now),
        created_at: now,
    };
    let (id, secret) = (WebhookId::new(&app.ids), Secret::new(&app.ids));
    let webhook = webhooks::of_new_number(id, account, &number.id, secret, now);
    let (ids, quota) = (app.ids.clone(), app.config.quota.numbers);
    let here = app.clone();
    let unit = move |tx: &mut Tx<'_>| {
        if !numbers::create(tx, &ids, &number, &webhook, quota)? {
            return Ok(None);
        }
        if let Some(key) = &key {
            let me = here.db.presence().incarnation();
            idempotency::take(tx, key, number.id.as_str(), me.as_ref(), now)?;
        }
        Ok(Some(number.clone()))
    };
    app.db.write(unit).await
}
