//! What a page answers when something is wrong: a page that says what, and what to do next. A form that was refused is
//! not here: it is shown again, with what was typed (see [`super::form`]).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::kept::Undone;
use super::layout::Page;
use crate::error::Error;

/// An error on its way to a person.
pub struct Trouble(Error);

/// What a page's handler answers.
pub type Answer<T = Html<String>> = Result<T, Trouble>;

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let error = self.0;
        if let Error::Internal(cause) = &error {
            tracing::error!(?cause, "a page failed");
        }
        let (title, text) = (title(&error), error.to_string());
        let mut response = told(&error, page(title, &text));
        // What is malformed was not typed into a form of ours.
        if !matches!(error, Error::Invalid(_)) {
            response.extensions_mut().insert(Undone::Failed { title, text });
        }
        response
    }
}

/// `page`, which tells of `error`, with the status that goes with it.
pub fn told(error: &Error, page: Html<String>) -> Response {
    let status = StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, page).into_response();
    if let Error::Later { seconds, .. } = error {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

fn title(error: &Error) -> &'static str {
    match error.code().status() {
        404 => "Not found",
        429 => "Too much, too soon",
        500.. => "That did not work",
        _ => "That cannot be done",
    }
}

/// A request that did not come from a page of ours.
pub fn foreign() -> Response {
    let text = "The request did not come from a page of this server, so nothing was done.";
    (StatusCode::FORBIDDEN, page("Refused", text)).into_response()
}

/// An address that names nothing.
pub fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, page("Not found", "There is nothing at this address.")).into_response()
}

fn page(title: &str, text: &str) -> Html<String> {
    let content = html! {
        main #content.card {
            h1 { (title) }
            p dir="auto" { (text) }
            p { a.button href="/" { "To the overview" } }
        }
    };
    Page { title, script: None, signed_in: false, content }.render()
}
