//! `GET /v1/contacts/capabilities`: how a person can be reached. Contacts themselves come later.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::address::Address;
use crate::app::App;
use crate::carriers::{Answer, Question};
use crate::clock::Time;
use crate::error::{Error, Place, Result};
use crate::http::answer::Errors;
use crate::http::extract::{Caller, SnakeQuery};
use crate::phone::lines;

/// How long the carrier may think about it.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let sms = match address {
        Address::Phone(_) | Address::ShortCode(_) => true,
        Address::Email(_) => false,
        Address::Group(_) => return Err(problem("must be a person, not a group".to_owned())),
    };
    // The line that could write to them there, if the account has one.
    let line = app.db.read(move |tx| lines::first_imessage(tx, &caller.account)).await?;
    let (from, carrier) = line.unzip();
    let knowing = match carrier {
        Some(carrier) => app.carrier(&carrier),
        None => {
            app.carrier_order.iter().filter_map(|name| app.carrier(name)).find(|it| it.capabilities.imessage)
        }
    };
    let mut reachable = Reachable { imessage: false, sms };
    if let Some(connection) = knowing {
        let question = Question::Reach { from, address: address.as_str().to_owned() };
        let answer = tokio::time::timeout(PATIENCE, connection.carrier.ask(question)).await;
        if let Ok(Answer::Reach { imessage, sms }) = answer {
            reachable = Reachable { imessage, sms };
        }
    }
    let phone_number = address.as_str().to_owned();
    Ok(Json(ContactCapabilities { phone_number, capabilities: reachable, checked_at: app.clock.now() }))
}
