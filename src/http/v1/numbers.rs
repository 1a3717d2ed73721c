//! `/v1/numbers`: buying, naming and giving back the lines that agents text from.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::address::E164;
use crate::app::App;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Problem, Result};
use crate::http::answer::{ErrorBody, Errors};
use crate::http::extract::{Caller, Camel, Path, Query, Raw, camel};
use crate::http::idempotency;
use crate::http::page::{List, Page};
use crate::id::{AgentId, NumberId};
use crate::patch::Change;
use crate::phone::new_contacts::{self, DailyNewContacts};
use crate::phone::numbers::{self, Changes, Country, Number, NumberKind, NumberStatus, OutboundSms};
use crate::stock::{self, Wish};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_numbers, buy_number)).routes(routes!(
        get_number,
        update_number,
        release_number
    ))
}

/// A number as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberObject {
    #[schema(value_type = String)]
    id: NumberId,
    #[schema(value_type = String)]
    phone_number: E164,
    country: String,
    status: NumberStatus,
    #[serde(rename = "type")]
    kind: NumberKind,
    #[schema(value_type = Option<String>, required)]
    agent_id: Option<AgentId>,
    outbound_sms: OutboundSms,
    inbound_calls_enabled: bool,
    read_receipts_enabled: bool,
    whatsapp_enabled: bool,
    #[schema(required)]
    daily_new_contacts: Option<DailyNewContacts>,
    #[schema(value_type = String, format = DateTime)]
    purchased_at: Time,
    #[schema(required)]
    external_id: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Time>,
    #[schema(required)]
    rcs_fallback_for_alias: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
}

impl NumberObject {
    fn of(tx: &mut Tx<'_>, app: &App, number: Number) -> Result<Self> {
        let usual = app.config.imessage.new_contacts_per_day;
        Ok(Self {
            daily_new_contacts: new_contacts::today(tx, &app.lines, usual, &number, app.clock.now())?,
            outbound_sms: number.outbound_sms(),
            id: number.id,
            phone_number: number.e164,
            country: number.country,
            status: number.status,
            kind: number.kind,
            agent_id: number.agent_id,
            inbound_calls_enabled: true,
            read_receipts_enabled: false,
            whatsapp_enabled: false,
            purchased_at: number.created_at,
            external_id: number.external_id,
            expires_at: number.expires_at,
            rcs_fallback_for_alias: None,
            created_at: number.created_at,
        })
    }
}

/// A number that is there, as its owner sees it.
async fn shown(app: &App, number: Number) -> Result<NumberObject> {
    let here = app.clone();
    app.db.read(move |tx| NumberObject::of(tx, &here, number.clone())).await
}

/// The number that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewNumber {
    /// Exactly this one, from the inventory.
    phone_number: Option<String>,
    country: Option<Country>,
    #[schema(pattern = "^[0-9]{3}$")]
    area_code: Option<String>,
    #[schema(value_type = Option<String>)]
    agent_id: Option<AgentId>,
    r#type: Option<NumberKind>,
    /// Accepted and not used.
    #[expect(dead_code, reason = "its type is checked, as the contract names it")]
    imessage_type: Option<String>,
    #[schema(max_length = 255)]
    external_id: Option<String>,
    /// In the future; the number is released then.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl NewNumber {
    /// What is asked of the stock, if it makes sense.
    pub fn wish(self, app: &App) -> Result<Wish> {
        let mut problems = Vec::new();
        let exactly = self.phone_number.map(|text| {
            E164::parse(&text, app.region)
                .map_err(|reason| Problem::value("phoneNumber", format!("phoneNumber {reason}")))
        });
        let area = self.area_code.map(|area| {
            let good = area.len() == 3 && area.bytes().all(|byte| byte.is_ascii_digit());
            good.then_some(area).ok_or_else(|| Problem::value("areaCode", "areaCode must have three digits"))
        });
        let expiry = self.expires_at.map(|text| numbers::expiry(&text, app.clock.now()));
        let wish = Wish {
            exactly: gather(exactly, &mut problems),
            country: self.country.unwrap_or(Country::UnitedStates),
            area_code: gather(area, &mut problems),
            kind: self.r#type.unwrap_or(NumberKind::Sms),
            agent_id: self.agent_id,
            external_id: gather(self.external_id.map(external_id), &mut problems),
            expires_at: gather(expiry, &mut problems),
        };
        if problems.is_empty() { Ok(wish) } else { Err(Error::Invalid(problems)) }
    }
}

/// What may be changed of a number; null clears.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NumberChange {
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 255)]
    external_id: Change<String>,
    /// In the future; the number is released then.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Change<String>,
}

impl NumberChange {
    fn checked(self, now: Time) -> Result<Changes> {
        let mut problems = Vec::new();
        let external_id = gather(Some(self.external_id.try_map(external_id)), &mut problems);
        let expires_at =
            gather(Some(self.expires_at.try_map(|text| numbers::expiry(&text, now))), &mut problems);
        external_id
            .zip(expires_at)
            .map(|(external_id, expires_at)| Changes { external_id, expires_at })
            .ok_or(Error::Invalid(problems))
    }
}

/// The value, or what is wrong with it added to `problems`.
fn gather<T>(checked: Option<Result<T, Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    checked?.map_err(|problem| problems.push(problem)).ok()
}

fn external_id(text: String) -> Result<String, Problem> {
    if text.chars().count() <= 255 && !text.contains('\0') {
        return Ok(text);
    }
    Err(Problem::value("externalId", "externalId must have at most 255 characters"))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReleasedNumber {
    success: bool,
    message: String,
    #[schema(value_type = String)]
    id: NumberId,
    #[schema(value_type = String)]
    phone_number: E164,
    status: NumberStatus,
}

/// List the numbers you hold, newest first
#[utoipa::path(get, path = "/v1/numbers", tag = "numbers", params(Page),
    responses((status = 200, description = "The numbers", body = List<NumberObject>), Errors))]
async fn list_numbers(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<NumberObject>>> {
    let range = page.range(20, 100)?;
    let here = app.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let (numbers, total) = numbers::list(tx, &caller.account, range.limit, range.offset)?;
        let objects = numbers.into_iter().map(|number| NumberObject::of(tx, &here, number));
        Ok((objects.collect::<Result<Vec<_>>>()?, total))
    };
    let (objects, total) = app.db.read(unit).await?;
    Ok(Json(List::new(objects, total, range)))
}

/// Buy a number
#[utoipa::path(post, path = "/v1/numbers", tag = "numbers", request_body = NewNumber,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request answer the same")),
    responses((status = 200, description = "The number", body = NumberObject), Errors,
        (status = 502, description = "The carrier failed; nothing was bought", body = ErrorBody)))]
async fn buy_number(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Response> {
    let key = idempotency::key(&headers, &caller, "POST /v1/numbers", &body)?;
    idempotency::once(app.clone(), key, again, move |key| async move {
        let wish = camel::<NewNumber>(body)?.wish(&app)?;
        let number = stock::buy(&app, &caller.account, &wish, key).await?;
        shown(&app, number).await.map(Json).map_err(Error::after_the_fact)
    })
    .await
}

/// What answers a repeated purchase whose first answer was lost.
fn again(app: App, id: String) -> BoxFuture<'static, Result<Response>> {
    Box::pin(async move {
        let id = NumberId::from_text(id);
        let number = app.db.read(move |tx| numbers::find(tx, &id)).await?;
        let number = number.ok_or_else(|| anyhow::anyhow!("a bought number is gone"))?;
        Ok(Json(shown(&app, number).await?).into_response())
    })
}

/// Show a number, also after its release
#[utoipa::path(get, path = "/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 200, description = "The number", body = NumberObject), Errors))]
async fn get_number(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NumberId>,
) -> Result<Json<NumberObject>> {
    let number = app.db.read(move |tx| numbers::get(tx, &caller.account, &id)).await?;
    shown(&app, number).await.map(Json)
}

/// Change a number's external id or its end
#[utoipa::path(patch, path = "/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    request_body = NumberChange, responses((status = 200, description = "The number", body = NumberObject), Errors))]
async fn update_number(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NumberId>,
    Camel(change): Camel<NumberChange>,
) -> Result<Json<NumberObject>> {
    let (now, ids) = (app.clock.now(), app.ids.clone());
    let changes = change.checked(now)?;
    let unit = move |tx: &mut Tx<'_>| numbers::update(tx, &ids, &caller.account, &id, &changes, now);
    let number = app.db.write(unit).await?;
    shown(&app, number).await.map(Json)
}

/// Release a number for good
#[utoipa::path(delete, path = "/v1/numbers/{id}", tag = "numbers", params(("id" = String, Path)),
    responses((status = 200, description = "It is released", body = ReleasedNumber), Errors))]
async fn release_number(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<NumberId>,
) -> Result<Json<ReleasedNumber>> {
    let Number { id, e164, status, .. } = stock::release(&app, caller.account, id).await?;
    let message = format!("{e164} was released");
    Ok(Json(ReleasedNumber { success: true, message, id, phone_number: e164, status }))
}
