//! `POST /api/numbers/{id}/webhook/test`: tries the number's own endpoint out.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::http::answer::FlatErrors;
use crate::http::extract::{Caller, Path};
use crate::id::NumberId;
use crate::jobs::test_webhook::{self, Sample};
use crate::phone::numbers;
use crate::phone::webhooks::{self, Owner};

/// How the endpoint took it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberTestResult {
    success: bool,
    #[schema(required)]
    status_code: Option<i64>,
    response_ms: i64,
    #[schema(required)]
    error: Option<String>,
}

/// Test a number's webhook
#[utoipa::path(post, path = "/api/numbers/{id}/webhook/test", tag = "numbers", params(("id" = String, Path)),
    responses((status = 200, body = NumberTestResult), FlatErrors))]
pub async fn test(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<NumberTestResult>> {
    let id = NumberId::from_text(id);
    let unit = move |tx: &mut Tx<'_>| {
        let number = numbers::held(tx, &caller.account, &id)?;
        let webhook = webhooks::find(tx, &caller.account, &Owner::Number(id.clone()))?;
        let webhook = webhook.filter(|webhook| webhook.url.is_some());
        let missing = || Error::refused(Code::NotFound, "There is no webhook to test; set one first");
        Ok((number, webhook.ok_or_else(missing)?))
    };
    let (number, webhook) = app.db.read(unit).await?;
    let sample = Sample { to: number.e164.to_string(), ..Sample::default() };
    let tested = test_webhook::run(&app, webhook, sample, None).await?;
    Ok(Json(NumberTestResult {
        success: tested.success,
        status_code: tested.http_status,
        response_ms: tested.response_millis,
        error: tested.error,
    }))
}
