//! `/v1/agents`: who texts, and which numbers they have.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::http::answer::Errors;
use crate::http::extract::{Caller, Camel, Path, Query};
use crate::http::page::{List, Page, Success};
use crate::id::{AccountId, AgentId, NumberId};
use crate::phone::agents::{self, Agent, Attached};
use crate::phone::numbers;
use crate::phone::profile::{AgentFields, Rules};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_agents, create_agent))
        .routes(routes!(get_agent, update_agent, delete_agent))
        .routes(routes!(attach_number))
        .routes(routes!(detach_number))
}

/// The fields of an agent, its name among them.
#[derive(Deserialize)]
#[serde(transparent)]
struct NewAgent(AgentFields);

impl PartialSchema for NewAgent {
    fn schema() -> RefOr<Schema> {
        let mut schema = AgentFields::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required.push("name".to_owned());
        }
        schema
    }
}

impl ToSchema for NewAgent {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        AgentFields::schemas(schemas);
    }
}

#[derive(Serialize, ToSchema)]
struct DeletedAgent {
    success: bool,
    #[schema(value_type = String)]
    id: AgentId,
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WhichNumber {
    #[schema(value_type = String)]
    number_id: NumberId,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    #[schema(value_type = String)]
    agent_id: AgentId,
    number: Attached,
}

/// List agents, newest first
#[utoipa::path(get, path = "/v1/agents", tag = "agents", params(Page),
    responses((status = 200, description = "The agents", body = List<Agent>), Errors))]
async fn list_agents(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<Agent>>> {
    let range = page.range(20, 100)?;
    let (agents, total) =
        app.db.read(move |tx| agents::list(tx, &caller.account, range.limit, range.offset)).await?;
    Ok(Json(List::new(agents, total, range)))
}

/// Create an agent
#[utoipa::path(post, path = "/v1/agents", tag = "agents", request_body = NewAgent,
    responses((status = 200, description = "The agent", body = Agent), Errors))]
async fn create_agent(
    State(app): State<App>,
    caller: Caller,
    Camel(NewAgent(fields)): Camel<NewAgent>,
) -> Result<Json<Agent>> {
    let agent = agents::draft(AgentId::new(&app.ids), fields, app.clock.now(), &rules(&app))?;
    let stored = agent.clone();
    app.db.write(move |tx| agents::create(tx, &caller.account, &stored)).await?;
    Ok(Json(agent))
}

/// Show an agent
#[utoipa::path(get, path = "/v1/agents/{id}", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, description = "The agent", body = Agent), Errors))]
async fn get_agent(State(app): State<App>, caller: Caller, Path(id): Path<AgentId>) -> Result<Json<Agent>> {
    app.db.read(move |tx| agents::get(tx, &caller.account, &id)).await.map(Json)
}

/// Change an agent: what is absent stays as it is
#[utoipa::path(patch, path = "/v1/agents/{id}", tag = "agents", params(("id" = String, Path)),
    request_body = AgentFields, responses((status = 200, description = "The agent", body = Agent), Errors))]
async fn update_agent(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
    Camel(fields): Camel<AgentFields>,
) -> Result<Json<Agent>> {
    let rules = rules(&app);
    app.db.write(move |tx| agents::update(tx, &caller.account, &id, &fields, &rules)).await.map(Json)
}

/// Delete an agent; its numbers and conversations stay
#[utoipa::path(delete, path = "/v1/agents/{id}", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, description = "It is deleted", body = DeletedAgent), Errors))]
async fn delete_agent(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
) -> Result<Json<DeletedAgent>> {
    let name = delete(&app, caller.account, id.clone()).await?;
    Ok(Json(DeletedAgent { success: true, id, name }))
}

/// Give a number to an agent
#[utoipa::path(post, path = "/v1/agents/{id}/numbers", tag = "agents", params(("id" = String, Path)),
    request_body = WhichNumber, responses((status = 200, description = "It is attached", body = Attachment), Errors))]
async fn attach_number(
    State(app): State<App>,
    caller: Caller,
    Path(agent_id): Path<AgentId>,
    Camel(WhichNumber { number_id }): Camel<WhichNumber>,
) -> Result<Json<Attachment>> {
    let (agent, now) = (agent_id.clone(), app.clock.now());
    let unit = move |tx: &mut Tx<'_>| numbers::attach(tx, &caller.account, &agent, &number_id, now);
    let number = Attached::from(app.db.write(unit).await?);
    Ok(Json(Attachment { agent_id, number }))
}

/// Take a number from an agent; it stays yours
#[utoipa::path(delete, path = "/v1/agents/{id}/numbers/{numberId}", tag = "agents",
    params(("id" = String, Path), ("numberId" = String, Path)),
    responses((status = 200, description = "It is detached", body = Success), Errors))]
async fn detach_number(
    State(app): State<App>,
    caller: Caller,
    Path((agent, number)): Path<(AgentId, NumberId)>,
) -> Result<Json<Success>> {
    app.db.write(move |tx| numbers::detach(tx, &caller.account, &agent, &number)).await?;
    Ok(Json(Success::YES))
}

/// What an agent's fields are judged by.
pub fn rules(app: &App) -> Rules {
    Rules { region: app.region, guard: app.net.guard().clone() }
}

/// Deletes an agent: conversations first, in batches; then the agent, with those that were active meanwhile.
pub async fn delete(app: &App, account: AccountId, id: AgentId) -> Result<String> {
    const MARGIN: Duration = Duration::from_mins(1);
    let since = app.clock.now() - MARGIN;
    let mut place = None;
    loop {
        let (account, id) = (account.clone(), id.clone());
        let unit = move |tx: &mut Tx<'_>| {
            agents::check(tx, &account, &id)?;
            agents::forget_some(tx, &account, &id, place.as_ref())
        };
        place = app.db.write(unit).await?;
        if place.is_none() {
            break;
        }
    }
    app.db.write(move |tx| agents::delete(tx, &account, &id, since)).await
}
