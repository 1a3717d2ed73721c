//! `GET /v1/messages`: messages by the words in them.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::views::NumberMessageView;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Code, Error, Place, Result};
use crate::http::answer::Errors;
use crate::http::extract::{Caller, Query};
use crate::http::page::{List, Page};
use crate::phone::search;

/// What to look for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct Wanted {
    /// Words, "phrases in quotes", and beginnings of words with a star (`bik*`); a message has to have all of them.
    #[param(required = true, min_length = 1)]
    query: Option<String>,
}

/// Search messages, newest first
///
/// A new message is found about a second after it was stored. Upper and lower case, accents and marks of direction
/// make no difference; an emoji is a word. `total` is exact up to 1,000 and says "at least" from there on.
#[utoipa::path(get, path = "/v1/messages", tag = "messages", params(Wanted, Page),
    responses((status = 200, body = List<NumberMessageView>), Errors))]
pub async fn search(
    State(app): State<App>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
    Query(page): Query<Page>,
) -> Result<Json<List<NumberMessageView>>> {
    if !app.config.search.enabled {
        return Err(Error::refused(Code::NotAvailable, "The search is switched off on this server"));
    }
    let missing = || Error::at(Place::Query, "query", "missing", "query is required");
    let query = search::Query::parse(&wanted.query.ok_or_else(missing)?)?;
    let range = page.range(20, 100)?;
    let unit = move |tx: &mut Tx<'_>| {
        let found = search::find(tx, &caller.account, &query, range.limit, range.offset)?;
        Ok(List::new(NumberMessageView::all(tx, found.messages)?, found.total, range))
    };
    app.db.read(unit).await.map(Json)
}
