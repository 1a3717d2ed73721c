//! Trying an endpoint out, and sending one delivery again.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::http::answer::Errors;
use crate::http::delivery::DeliveryObject;
use crate::http::extract::{Caller, Camel, Path, Query};
use crate::id::{AccountId, AgentId, DeliveryId};
use crate::jobs::test_webhook::{self, Sample, Tested};
use crate::phone::webhooks::{self, Owner, Webhook};
use crate::phone::{agents, attempts, numbers};
use crate::words;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(test_webhook))
        .routes(routes!(test_agent_webhook))
        .routes(routes!(replay))
}

words! {
    /// Channels a test can speak of.
    TestChannel { Sms = "sms", Imessage = "imessage", Mms = "mms", Whatsapp = "whatsapp", Rcs = "rcs", }
}

/// What the test message shall say; all of it may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct TestMessage {
    #[schema(max_length = 100)]
    from: Option<String>,
    #[schema(max_length = 100)]
    to: Option<String>,
    #[schema(max_length = 10000)]
    message: Option<String>,
    #[schema(inline)]
    channel: Option<TestChannel>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", default)]
struct OfAgent {
    /// Tests the webhook that this agent's texts go to: its own, or else the account's.
    agent_id: Option<String>,
}

/// How the endpoint took it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TestResult {
    success: bool,
    #[schema(required)]
    http_status: Option<i64>,
    #[schema(required)]
    status_code: Option<i64>,
    #[schema(required)]
    error_message: Option<String>,
    #[schema(required)]
    error: Option<String>,
    response_ms: i64,
    #[schema(required)]
    response_body: Option<String>,
}

impl From<Tested> for TestResult {
    fn from(tested: Tested) -> Self {
        Self {
            success: tested.success,
            http_status: tested.http_status,
            status_code: tested.http_status,
            error_message: tested.error.clone(),
            error: tested.error,
            response_ms: tested.response_millis,
            response_body: tested.response_body,
        }
    }
}

/// Test the account's webhook
#[utoipa::path(post, path = "/v1/webhooks/test", tag = "webhooks", params(OfAgent), request_body = Option<TestMessage>,
    responses((status = 200, body = TestResult), Errors))]
async fn test_webhook(
    State(app): State<App>,
    caller: Caller,
    Query(of): Query<OfAgent>,
    Camel(message): Camel<TestMessage>,
) -> Result<Json<TestResult>> {
    let limit = |name: &str, text: &Option<String>, most: usize| match text {
        Some(text) if text.chars().count() > most => {
            Err(Error::field(name, "value", format!("{name} may have {most} characters at most")))
        }
        _ => Ok(()),
    };
    limit("from", &message.from, 100)?;
    limit("to", &message.to, 100)?;
    limit("message", &message.message, 10_000)?;
    let agent = of.agent_id.map(AgentId::from_text);
    test(&app, caller.account, agent, true, message).await.map(Json)
}

/// Test an agent's webhook
#[utoipa::path(post, path = "/v1/agents/{id}/webhook/test", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = TestResult), Errors))]
async fn test_agent_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<TestResult>> {
    test(&app, caller.account, Some(AgentId::from_text(id)), false, TestMessage::default()).await.map(Json)
}

async fn test(
    app: &App,
    account: AccountId,
    agent: Option<AgentId>,
    or_account: bool,
    message: TestMessage,
) -> Result<TestResult> {
    let unit = move |tx: &mut Tx<'_>| find(tx, &account, agent.as_ref(), or_account);
    let (webhook, mut sample) = app.db.read(unit).await?;
    sample.from = message.from.unwrap_or(sample.from);
    sample.to = message.to.unwrap_or(sample.to);
    sample.message = message.message.unwrap_or(sample.message);
    sample.channel = message.channel.map_or(sample.channel, |channel| channel.to_string());
    test_webhook::run(app, webhook, sample, None).await.map(TestResult::from)
}

/// The webhook to test, and a sample that looks like what it would get. `or_account`: an agent without one of its own
/// counts as the account's does.
pub fn find(
    tx: &mut Tx<'_>,
    account: &AccountId,
    agent: Option<&AgentId>,
    or_account: bool,
) -> Result<(Webhook, Sample)> {
    let mut webhook = None;
    if let Some(agent) = agent {
        agents::check(tx, account, agent)?;
        webhook = webhooks::find(tx, account, &Owner::Agent(agent.clone()))?;
    }
    if webhook.is_none() && or_account {
        webhook = webhooks::find(tx, account, &Owner::Account)?;
    }
    let missing = || Error::refused(Code::NotFound, "There is no webhook to test; set one first");
    let webhook = webhook.ok_or_else(missing)?;
    let number = match agent {
        Some(agent) => numbers::first_of_agent(tx, account, agent)?,
        None => numbers::list(tx, account, 1, 0)?.0.into_iter().next(),
    };
    let mut sample = Sample { agent_id: agent.map(ToString::to_string), ..Sample::default() };
    if let Some(number) = number {
        sample.to = number.e164.to_string();
        sample.number_id = Some(number.id.to_string());
    }
    Ok((webhook, sample))
}

/// Send a delivery again, now
///
/// Also one that had succeeded. One that is being attempted at this moment is left to that attempt.
#[utoipa::path(post, path = "/v1/webhooks/deliveries/{id}/replay", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryObject), Errors))]
async fn replay(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DeliveryObject>> {
    let (id, ids, now) = (DeliveryId::from_text(id), app.ids.clone(), app.clock.now());
    let unit = move |tx: &mut Tx<'_>| attempts::replay(tx, &ids, &caller.account, &id, now);
    app.db.write(unit).await.map(DeliveryObject::from).map(Json)
}
