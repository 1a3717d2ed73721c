//! `GET /v1/contacts/capabilities`: how a person can be reached. Contacts themselves come later.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::address::Address;
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Place, Result};
use crate::http::answer::Errors;
use crate::http::extract::{Caller, SnakeQuery};
use crate::phone::reaches::Reach;
use crate::reach;

/// Who is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Who {
    /// A phone number in any common notation, or an e-mail address.
    phone_number: String,
}

/// How a person can be reached.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContactCapabilities {
    phone_number: String,
    capabilities: Reachable,
    #[schema(value_type = String, format = DateTime)]
    checked_at: Time,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Reachable {
    imessage: bool,
    sms: bool,
}

/// Look up how a person can be reached
#[utoipa::path(get, path = "/v1/contacts/capabilities", tag = "contacts", params(Who),
    responses((status = 200, body = ContactCapabilities), Errors))]
pub async fn capabilities(
    State(app): State<App>,
    caller: Caller,
    SnakeQuery(who): SnakeQuery<Who>,
) -> Result<Json<ContactCapabilities>> {
    let problem =
        |text: String| Error::at(Place::Query, "phone_number", "value", format!("phone_number {text}"));
    let address =
        Address::parse(&who.phone_number, app.region).map_err(|error| problem(error.to_string()))?;
    if matches!(address, Address::Group(_)) {
        return Err(problem("must be a person, not a group".to_owned()));
    }
    let Reach { imessage, sms, checked_at } = reach::look_up(&app, caller.account, &address).await?;
    let phone_number = address.as_str().to_owned();
    Ok(Json(ContactCapabilities { phone_number, capabilities: Reachable { imessage, sms }, checked_at }))
}
