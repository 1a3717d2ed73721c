//! `/v1/webhooks` and `/v1/agents/{id}/webhook`: where events go, and how their deliveries went.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Problem, Result};
use crate::http::answer::Errors;
use crate::http::delivery::{DeliveryObject, Filter, Window, shown};
use crate::http::extract::{Caller, Camel, Path, Query};
use crate::http::page::{Range, Success};
use crate::id::{AccountId, AgentId, WebhookId};
use crate::net::Guard;
use crate::phone::statistics::{self, AllTime, Statistics};
use crate::phone::webhooks::{
    self, Draft, MOST_CONTEXT, Owner, Settings, Subscription, Webhook, WebhookStatus,
};
use crate::phone::{agents, deliveries};
use crate::signature::Secret;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_webhook, set_webhook, delete_webhook))
        .routes(routes!(list_deliveries))
        .routes(routes!(delivery_stats))
        .routes(routes!(all_time_stats))
        .routes(routes!(get_agent_webhook, set_agent_webhook, delete_agent_webhook))
        .routes(routes!(list_agent_deliveries))
}

/// A webhook as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookObject {
    #[schema(value_type = String)]
    id: WebhookId,
    url: String,
    secret: String,
    status: WebhookStatus,
    context_limit: i64,
    /// In seconds.
    timeout: i64,
    events: Vec<Subscription>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
}

impl From<Webhook> for WebhookObject {
    fn from(webhook: Webhook) -> Self {
        Self {
            status: webhook.status(),
            id: webhook.id,
            url: webhook.url.unwrap_or_default(),
            secret: webhook.secret.expose().to_owned(),
            context_limit: webhook.context_limit,
            timeout: webhook.timeout_millis / 1000,
            events: webhook.events,
            created_at: webhook.created_at,
        }
    }
}

/// Where events shall go.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewWebhook {
    /// https, unless configured otherwise.
    #[schema(format = "uri", min_length = 1, max_length = 2083, pattern = "^https?://")]
    url: String,
    /// How many messages of history an event carries; 10 unless set otherwise.
    #[schema(minimum = 0, maximum = 50)]
    context_limit: Option<i64>,
    /// In seconds; 30 unless set otherwise.
    #[schema(minimum = 5, maximum = 120)]
    timeout: Option<i64>,
    /// The whole subscription; `agent.message` is always in it.
    events: Option<Vec<Subscription>>,
    /// Whether the secret stays; otherwise a new one is made.
    keep_secret: Option<bool>,
}

impl NewWebhook {
    /// The settings, if every one of them is good.
    pub fn settings(self, guard: &Guard) -> Result<Settings> {
        let mut problems = Vec::new();
        if let Err(reason) = guard.check_url(&self.url) {
            problems.push(Problem::value("url", format!("url {reason}")));
        }
        let context_limit = self.context_limit.unwrap_or(10);
        if !(0..=MOST_CONTEXT).contains(&context_limit) {
            let message = format!("contextLimit must be between 0 and {MOST_CONTEXT}");
            problems.push(Problem::value("contextLimit", message));
        }
        let seconds = self.timeout.unwrap_or(30);
        if !(5..=120).contains(&seconds) {
            problems.push(Problem::value("timeout", "timeout must be between 5 and 120"));
        }
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let timeout = Duration::from_secs(seconds.unsigned_abs());
        Ok(Settings { url: self.url, context_limit, timeout, events: webhooks::subscribed(self.events) })
    }
}

/// A page of deliveries; `data` repeats `items`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeliveryPage {
    items: Vec<DeliveryObject>,
    data: Vec<DeliveryObject>,
    total: i64,
    offset: i64,
    limit: i64,
    has_more: bool,
}

impl DeliveryPage {
    fn new(items: Vec<DeliveryObject>, total: i64, Range { limit, offset }: Range) -> Self {
        let seen = offset.saturating_add(i64::try_from(items.len()).unwrap_or(i64::MAX));
        Self { data: items.clone(), items, total, offset, limit, has_more: total > seen }
    }
}

/// Show the webhook, or null
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks",
    responses((status = 200, description = "The webhook, or null", body = Option<WebhookObject>), Errors))]
async fn get_webhook(State(app): State<App>, caller: Caller) -> Result<Json<Option<WebhookObject>>> {
    show(&app, caller.account, Owner::Account).await
}

/// Set the webhook; the secret is new each time
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses((status = 200, description = "The webhook", body = WebhookObject), Errors))]
async fn set_webhook(
    State(app): State<App>,
    caller: Caller,
    Camel(body): Camel<NewWebhook>,
) -> Result<Json<WebhookObject>> {
    set(&app, caller.account, Owner::Account, body).await
}

/// Delete the webhook, if there is one
#[utoipa::path(delete, path = "/v1/webhooks", tag = "webhooks",
    responses((status = 200, description = "There is none any more", body = Success), Errors))]
async fn delete_webhook(State(app): State<App>, caller: Caller) -> Result<Json<Success>> {
    delete(&app, caller.account, Owner::Account).await
}

/// Show an agent's webhook, or null
#[utoipa::path(get, path = "/v1/agents/{id}/webhook", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, description = "The webhook, or null", body = Option<WebhookObject>), Errors))]
async fn get_agent_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
) -> Result<Json<Option<WebhookObject>>> {
    show(&app, caller.account, Owner::Agent(id)).await
}

/// Set an agent's webhook; the secret is new each time
#[utoipa::path(post, path = "/v1/agents/{id}/webhook", tag = "webhooks", params(("id" = String, Path)),
    request_body = NewWebhook, responses((status = 200, description = "The webhook", body = WebhookObject), Errors))]
async fn set_agent_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
    Camel(body): Camel<NewWebhook>,
) -> Result<Json<WebhookObject>> {
    set(&app, caller.account, Owner::Agent(id), body).await
}

/// Delete an agent's webhook, if there is one
#[utoipa::path(delete, path = "/v1/agents/{id}/webhook", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 200, description = "There is none any more", body = Success), Errors))]
async fn delete_agent_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
) -> Result<Json<Success>> {
    delete(&app, caller.account, Owner::Agent(id)).await
}

/// List deliveries to all webhooks, newest first
#[utoipa::path(get, path = "/v1/webhooks/deliveries", tag = "webhooks", params(Filter),
    responses((status = 200, description = "The deliveries", body = DeliveryPage), Errors))]
async fn list_deliveries(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<Filter>,
) -> Result<Json<DeliveryPage>> {
    let (range, since) = (filter.range()?, filter.since(app.clock.now())?);
    let unit = move |tx: &mut Tx<'_>| deliveries::list(tx, &caller.account, since, range.limit, range.offset);
    let (page, total) = app.db.read(unit).await?;
    Ok(Json(DeliveryPage::new(shown(page), total, range)))
}

/// Count the deliveries of the last hours
#[utoipa::path(get, path = "/v1/webhooks/deliveries/stats", tag = "webhooks", params(Window),
    responses((status = 200, description = "The counts", body = Statistics), Errors))]
async fn delivery_stats(
    State(app): State<App>,
    caller: Caller,
    Query(window): Query<Window>,
) -> Result<Json<Statistics>> {
    let (hours, now) = (window.hours()?, app.clock.now());
    app.db.read(move |tx| statistics::recent(tx, &caller.account, hours, now)).await.map(Json)
}

/// Count all deliveries
#[utoipa::path(get, path = "/v1/webhooks/deliveries/all-time", tag = "webhooks",
    responses((status = 200, description = "The counts", body = AllTime), Errors))]
async fn all_time_stats(State(app): State<App>, caller: Caller) -> Result<Json<AllTime>> {
    app.db.read(move |tx| statistics::all_time(tx, &caller.account)).await.map(Json)
}

/// List deliveries to an agent's webhook, newest first
#[utoipa::path(get, path = "/v1/agents/{id}/webhook/deliveries", tag = "webhooks",
    params(("id" = String, Path), Filter),
    responses((status = 200, description = "The deliveries", body = Vec<DeliveryObject>), Errors))]
async fn list_agent_deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
    Query(filter): Query<Filter>,
) -> Result<Json<Vec<DeliveryObject>>> {
    let (range, since) = (filter.range()?, filter.since(app.clock.now())?);
    let unit = move |tx: &mut Tx<'_>| {
        agents::check(tx, &caller.account, &id)?;
        let webhook = webhooks::find(tx, &caller.account, &Owner::Agent(id.clone()))?;
        let list = |it: Webhook| deliveries::of_webhook(tx, &it.id, since, range.limit, range.offset);
        webhook.map_or_else(|| Ok(Vec::new()), list)
    };
    Ok(Json(shown(app.db.read(unit).await?)))
}

async fn show(app: &App, account: AccountId, owner: Owner) -> Result<Json<Option<WebhookObject>>> {
    let unit = move |tx: &mut Tx<'_>| {
        check(tx, &account, &owner)?;
        webhooks::get(tx, &account, &owner)
    };
    Ok(Json(app.db.read(unit).await?.map(WebhookObject::from)))
}

async fn set(app: &App, account: AccountId, owner: Owner, body: NewWebhook) -> Result<Json<WebhookObject>> {
    let draft = Draft {
        id: WebhookId::new(&app.ids),
        secret: Secret::new(&app.ids),
        keep_secret: body.keep_secret.unwrap_or(false),
        now: app.clock.now(),
    };
    let settings = body.settings(app.net.guard())?;
    let unit = move |tx: &mut Tx<'_>| {
        check(tx, &account, &owner)?;
        webhooks::set(tx, &account, &owner, &settings, &draft)
    };
    Ok(Json(app.db.write(unit).await?.into()))
}

async fn delete(app: &App, account: AccountId, owner: Owner) -> Result<Json<Success>> {
    let unit = move |tx: &mut Tx<'_>| {
        check(tx, &account, &owner)?;
        webhooks::delete(tx, &account, &owner)
    };
    app.db.write(unit).await?;
    Ok(Json(Success::YES))
}

/// Fails unless the owner is there.
fn check(tx: &mut Tx<'_>, account: &AccountId, owner: &Owner) -> Result<()> {
    match owner {
        Owner::Account => Ok(()),
        Owner::Agent(id) => agents::check(tx, account, id),
        Owner::Number(id) => crate::phone::numbers::held(tx, account, id).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Policy;
    use serde_json::{Value, json};

    fn settings(body: Value) -> Result<Settings, Vec<String>> {
        let body: NewWebhook = serde_json::from_value(body).unwrap();
        body.settings(&Guard::new(Policy::default())).map_err(|error| match error {
            Error::Invalid(problems) => problems.into_iter().map(|problem| problem.field).collect(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let settings = settings(json!({"url": "https://bot.example/hook", "timeout": null})).unwrap();
        assert_eq!((settings.context_limit, settings.timeout.as_secs()), (10, 30));
        assert_eq!(settings.events, webhooks::USUAL);
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let body = json!({"url": "http://127.0.0.1", "contextLimit": 51, "timeout": 4});
        assert_eq!(settings(body), Err(vec!["url".into(), "contextLimit".into(), "timeout".into()]));
        for (limit, timeout) in [(0, 5), (50, 120)] {
            assert!(
                settings(json!({"url": "https://a.example", "contextLimit": limit, "timeout": timeout}))
                    .is_ok()
            );
        }
        for (limit, timeout) in [(-1, 5), (0, 121)] {
            assert!(
                settings(json!({"url": "https://a.example", "contextLimit": limit, "timeout": timeout}))
                    .is_err()
            );
        }
    }
}
