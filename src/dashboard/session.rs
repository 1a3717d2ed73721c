//! The session of a request: a cookie that scripts cannot read. A request that changes something must also come from
//! a page of ours, so that no other site can use the cookie.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::{IntoResponse, Response};

use super::kept;
use super::trouble::Trouble;
use crate::app::App;
use crate::error::Result;
use crate::id::AccountId;
use crate::phone::sign_ins;

const COOKIE: &str = "agentphone_session";
const OFFSET: &str = "agentphone_offset";

/// The account of whoever looks at a page; somebody who is not signed in is sent to where that is explained.
pub struct SignedIn(pub AccountId);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match account(app, &parts.headers).await {
            Ok(Some(account)) => Ok(Self(account)),
            Ok(None) => Err(kept::signed_out()),
            Err(error) => Err(Trouble::from(error).into_response()),
        }
    }
}

/// Whose session the request carries, if any.
pub async fn account(app: &App, headers: &HeaderMap) -> Result<Option<AccountId>> {
    let Some(token) = token(headers) else { return Ok(None) };
    let (hash, now) = (sign_ins::hash(token), app.clock.now());
    app.db.read(move |tx| sign_ins::session(tx, &hash, now)).await
}

/// Whose session opens a door that otherwise takes an API key. A key that is sent is the one that counts.
pub async fn guest(app: &App, method: &Method, headers: &HeaderMap) -> Result<Option<AccountId>> {
    let is_ours = method.is_safe() || is_same_origin(app, headers);
    if !is_ours || headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    account(app, headers).await
}

/// Whether a page of ours made the request (Fetch Metadata; by older browsers `Origin`).
pub fn is_same_origin(app: &App, headers: &HeaderMap) -> bool {
    if let Some(site) = text(headers, &HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let Some(origin) = text(headers, &header::ORIGIN) else { return false };
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    origin == app.origin() || (host.is_some() && host == text(headers, &header::HOST))
}

/// The secret that the browser holds.
pub fn token(headers: &HeaderMap) -> Option<&str> {
    named(headers, COOKIE)
}

/// Minutes that the reader's clocks are ahead of UTC, as our script told; no time zone is further away than 14 hours.
pub fn offset_minutes(headers: &HeaderMap) -> i64 {
    let told = named(headers, OFFSET).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    told.clamp(-14 * 60, 14 * 60) / 15 * 15
}

fn named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// A `Set-Cookie` that keeps `token` for so many seconds; 0 forgets it.
pub fn cookie(app: &App, token: &str, seconds: u64) -> String {
    let secure = if app.origin().starts_with("https:") { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
