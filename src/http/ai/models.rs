//! `GET /api/v1/models` and `/models/{id}`: the names that requests may say, and what answers for each.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::answer::AiErrors;
use crate::http::extract::{Caller, Path};
use crate::voice::table::Name;

/// Names are settings and have no birthday; clients want a number all the same.
const CREATED: i64 = 1_767_225_600;

/// A model.
#[derive(Serialize, ToSchema)]
pub struct Model {
    id: String,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
    /// What really runs; null: nothing is configured.
    #[schema(required)]
    engine: Option<String>,
    /// The model that answers in its place, if another does.
    #[schema(required)]
    stand_in: Option<String>,
}

impl From<&Name> for Model {
    fn from(name: &Name) -> Self {
        Self {
            id: name.id.clone(),
            object: "model",
            created: CREATED,
            owned_by: "agentphone",
            engine: name.label().map(str::to_owned),
            stand_in: name.stand_in.clone(),
        }
    }
}

/// All models, that for chat first.
#[derive(Serialize, ToSchema)]
pub struct Models {
    object: &'static str,
    data: Vec<Model>,
}

/// List models
#[utoipa::path(get, path = "/api/v1/models", tag = "voice AI",
    responses((status = 200, description = "The models", body = Models), AiErrors))]
pub async fn list(State(app): State<App>, _: Caller) -> Json<Models> {
    let data = app.voice.names().iter().map(|name| Model::from(&**name)).collect();
    Json(Models { object: "list", data })
}

/// Show a model
#[utoipa::path(get, path = "/api/v1/models/{id}", tag = "voice AI", params(("id" = String, Path)),
    responses((status = 200, description = "The model", body = Model), AiErrors))]
pub async fn find(State(app): State<App>, _: Caller, Path(id): Path<String>) -> Result<Json<Model>> {
    let missing = || Error::refused(Code::ModelNotFound, format!("There is no model {id:?}"));
    let name = app.voice.find(&id).ok_or_else(missing)?;
    Ok(Json(Model::from(&**name)))
}
