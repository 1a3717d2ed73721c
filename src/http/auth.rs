//! Who calls: `Authorization: Bearer agp_…`, and on whose behalf (`X-Sub-Account-Id`). A look-up is remembered
//! for one second at most, so that a revoked key stops at once by any human measure.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::HeaderMap;

use super::extract::Caller;
use crate::app::App;
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, KeyId};
use crate::phone::{accounts, keys};

const REMEMBERED: Duration = Duration::from_secs(1);
/// A key's last use is written down this often.
const TOUCHED: Duration = Duration::from_mins(1);

/// Keys seen a moment ago, by hash.
#[derive(Default)]
pub struct Remembered(Mutex<HashMap<String, Known>>);

#[derive(Clone)]
struct Known {
    caller: Caller,
    until: Time,
    touched: Time,
}

/// The caller of a request with these headers.
pub async fn authenticate(app: &App, remembered: &Remembered, headers: &HeaderMap) -> Result<Caller> {
    let refused = || Error::refused(Code::Unauthorized, "Invalid or missing API key");
    let key = bearer(headers).ok_or_else(refused)?;
    let hash = keys::hash(key).ok_or_else(refused)?;
    let caller = known(app, remembered, hash).await?.ok_or_else(refused)?;
    match headers.get("x-sub-account-id") {
        None => Ok(caller),
        Some(id) => {
            let id = AccountId::from_text(id.to_str().unwrap_or_default());
            let (parent, sub) = (caller.account, id.clone());
            app.db.read(move |tx| accounts::sub_account(tx, &parent, &sub)).await?;
            Ok(Caller { account: id, key: caller.key })
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get("authorization")?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

async fn known(app: &App, remembered: &Remembered, hash: String) -> Result<Option<Caller>> {
    let now = app.clock.now();
    let before = remembered.0.lock().expect("remembering does not panic").get(&hash).cloned();
    if let Some(known) = &before
        && known.until > now
    {
        return Ok(Some(known.caller.clone()));
    }
    let wanted = hash.clone();
    let Some((key, account)) = app.db.read(move |tx| keys::find(tx, &wanted)).await? else {
        remembered.0.lock().expect("remembering does not panic").remove(&hash);
        return Ok(None);
    };
    let touched = before.map(|known| known.touched).filter(|touched| *touched + TOUCHED > now);
    if touched.is_none() {
        touch(app, key.clone(), now);
    }
    let caller = Caller { account, key };
    let known = Known { caller: caller.clone(), until: now + REMEMBERED, touched: touched.unwrap_or(now) };
    remembered.0.lock().expect("remembering does not panic").insert(hash, known);
    Ok(Some(caller))
}

fn touch(app: &App, key: KeyId, now: Time) {
    let db = app.db.clone();
    app.tasks.spawn(async move {
        if let Err(error) = db.write(move |tx| keys::touch(tx, &key, now)).await {
            tracing::debug!(%error, "a key's last use was not noted");
        }
    });
}
