//! `/api/numbers/{id}/webhook`: the number's own webhook, with a secret that stays until it is rotated.

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
use crate::error::{Code, Error, Problem, Result};
use crate::http::answer::FlatErrors;
use crate::http::delivery::{DeliveryObject, shown};
use crate::http::extract::{Caller, Path, Query, Snake};
use crate::http::page::{MessageList, Success, whole_number, within};
use crate::id::{NumberId, WebhookId};
use crate::net::Guard;
use crate::phone::webhooks::{self, Draft, Owner, Settings, Webhook, WebhookStatus};
use crate::phone::{deliveries, numbers};
use crate::signature::Secret;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_number_webhook, put_number_webhook, delete_number_webhook))
        .routes(routes!(list_number_deliveries))
}

/// A number's webhook as its owner sees it.
#[derive(Serialize, ToSchema)]
struct NumberWebhook {
    #[serde(rename = "numberId")]
    number_id: String,
    url: String,
    timeout_seconds: i64,
    secret: String,
    status: WebhookStatus,
    #[serde(rename = "createdAt")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
}

impl From<Webhook> for NumberWebhook {
    fn from(webhook: Webhook) -> Self {
        Self {
            status: webhook.status(),
            number_id: webhook.scope_id,
            url: webhook.url.unwrap_or_default(),
            timeout_seconds: webhook.timeout_millis / 1000,
            secret: webhook.secret.expose().to_owned(),
            created_at: webhook.created_at,
        }
    }
}

/// Where a number's inbound texts shall go.
#[derive(Deserialize, ToSchema)]
pub struct NewNumberWebhook {
    /// https, unless configured otherwise.
    #[schema(format = "uri", min_length = 1, max_length = 2083, pattern = "^https?://")]
    url: String,
    /// 10 unless set otherwise.
    #[schema(minimum = 1, maximum = 60)]
    timeout_seconds: Option<i64>,
    /// Whether a new secret is made.
    rotate_secret: Option<bool>,
}

impl NewNumberWebhook {
    /// The settings, if every one of them is good.
    pub fn settings(self, guard: &Guard) -> Result<Settings> {
        let mut problems = Vec::new();
        if let Err(reason) = guard.check_url(&self.url) {
            problems.push(Problem::value("url", format!("url {reason}")));
        }
        let seconds = self.timeout_seconds.unwrap_or(10);
        if !(1..=60).contains(&seconds) {
            problems.push(Problem::value("timeout_seconds", "timeout_seconds must be between 1 and 60"));
        }
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let timeout = Duration::from_secs(seconds.unsigned_abs());
        Ok(Settings { url: self.url, context_limit: 0, timeout, events: Vec::new() })
    }
}

/// Which of a number's deliveries to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct NumberDeliveries {
    /// How many to answer; 50 unless asked otherwise.
    #[param(minimum = 1, maximum = 200)]
    #[serde(deserialize_with = "whole_number")]
    limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0)]
    #[serde(deserialize_with = "whole_number")]
    offset: Option<i64>,
}

/// Show a number's webhook
#[utoipa::path(get, path = "/api/numbers/{id}/webhook", tag = "number webhooks", params(("id" = String, Path)),
    responses((status = 200, description = "The webhook", body = NumberWebhook), FlatErrors))]
async fn get_number_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NumberId>,
) -> Result<Json<NumberWebhook>> {
    let none = Error::refused(Code::NotFound, format!("Number {id} has no webhook"));
    let unit = move |tx: &mut Tx<'_>| {
        numbers::get(tx, &caller.account, &id)?;
        webhooks::get(tx, &caller.account, &Owner::Number(id.clone()))
    };
    Ok(Json(app.db.read(unit).await?.ok_or(none)?.into()))
}

/// Set a number's webhook; its secret stays unless rotated
#[utoipa::path(put, path = "/api/numbers/{id}/webhook", tag = "number webhooks", params(("id" = String, Path)),
    request_body = NewNumberWebhook,
    responses((status = 200, description = "The webhook", body = NumberWebhook), FlatErrors))]
async fn put_number_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NumberId>,
    Snake(body): Snake<NewNumberWebhook>,
) -> Result<Json<NumberWebhook>> {
    let keep_secret = !body.rotate_secret.unwrap_or(false);
    let (webhook, secret) = (WebhookId::new(&app.ids), Secret::new(&app.ids));
    let draft = Draft { id: webhook, secret, keep_secret, now: app.clock.now() };
    let settings = body.settings(app.net.guard())?;
    let unit = move |tx: &mut Tx<'_>| {
        numbers::held(tx, &caller.account, &id)?;
        webhooks::set(tx, &caller.account, &Owner::Number(id.clone()), &settings, &draft)
    };
    Ok(Json(app.db.write(unit).await?.into()))
}

/// Delete a number's webhook; its secret is kept for the next
#[utoipa::path(delete, path = "/api/numbers/{id}/webhook", tag = "number webhooks", params(("id" = String, Path)),
    responses((status = 200, description = "There is none any more", body = Success), FlatErrors))]
async fn delete_number_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NumberId>,
) -> Result<Json<Success>> {
    let unit = move |tx: &mut Tx<'_>| {
        numbers::get(tx, &caller.account, &id)?;
        webhooks::delete(tx, &caller.account, &Owner::Number(id.clone()))
    };
    app.db.write(unit).await?;
    Ok(Json(Success::YES))
}

/// List deliveries to a number's webhook, newest first
#[utoipa::path(get, path = "/api/numbers/{id}/webhook/deliveries", tag = "number webhooks",
    params(("id" = String, Path), NumberDeliveries),
    responses((status = 200, description = "The deliveries", body = MessageList<DeliveryObject>), FlatErrors))]
async fn list_number_deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NumberId>,
    Query(query): Query<NumberDeliveries>,
) -> Result<Json<MessageList<DeliveryObject>>> {
    let limit = within("limit", query.limit.unwrap_or(50), 1, 200)?;
    let offset = within("offset", query.offset.unwrap_or(0), 0, i64::MAX)?;
    let unit = move |tx: &mut Tx<'_>| {
        numbers::get(tx, &caller.account, &id)?;
        let webhook = webhooks::find(tx, &caller.account, &Owner::Number(id.clone()))?;
        let list = |it: Webhook| deliveries::of_webhook(tx, &it.id, Time::default(), limit + 1, offset);
        webhook.map_or_else(|| Ok(Vec::new()), list)
    };
    let mut data = shown(app.db.read(unit).await?);
    let has_more = i64::try_from(data.len()).is_ok_and(|count| count > limit);
    data.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Json(MessageList { data, has_more }))
}
