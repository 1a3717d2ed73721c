//! A form acts once, however often it is sent: by a double click, a reload, or a second try after an answer was lost. The
//! page gives the form a token; what it makes takes the token, with what was typed, in the unit that makes it. Sent again
//! as it was, the form leads to what it made. What is typed anew into an old page is another act.

use maud::{Markup, html};

use super::form::{Fields, Form};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{AccountId, Ids};
use crate::phone::idempotency::{self, Before, Use};

/// The hidden field that carries the token.
pub const TOKEN: &str = "once";

/// A token of its own, for a form in which nothing is typed.
pub fn token(ids: &Ids) -> Markup {
    token_of(Form::new("", None), ids)
}

/// The token of `form`; one that was refused keeps its own, for who knows whether it was.
pub fn token_of(form: Form<'_>, ids: &Ids) -> Markup {
    let token = Some(form.value(TOKEN, "")).filter(|kept| !kept.is_empty());
    html! { input type="hidden" name=(TOKEN) value=(token.unwrap_or_else(|| ids.secret())); }
}

/// The key that the form `name` takes as it was sent; none if no page of ours gave it a token.
pub fn key(account: &AccountId, name: &str, fields: &Fields) -> Option<Use> {
    fields.filled(TOKEN)?;
    Some(Use {
        account: account.clone(),
        operation: format!("form {name}"),
        key: fields.digest(),
        fingerprint: String::new(),
    })
}

/// Answers the id of what `act` makes, or of what the form made when it was sent before. `act` takes the key in the unit
/// that makes it; it goes on when the browser no longer waits.
pub async fn act<F, A>(app: &App, key: Option<Use>, act: F) -> Result<String>
where
    F: FnOnce(Option<Use>) -> A,
    A: Future<Output = Result<String>> + Send + 'static,
{
    if let Some(id) = made(app, key.as_ref()).await? {
        return Ok(id);
    }
    let acting = app.tasks.spawn(act(key.clone()));
    match acting.await.unwrap_or_else(|broken| Err(anyhow::anyhow!("a form broke off: {broken}").into())) {
        Ok(id) => Ok(id),
        // Perhaps because the same form was faster.
        Err(error) => made(app, key.as_ref()).await.ok().flatten().ok_or(error),
    }
}

/// The same for `id`, which `unit` makes.
pub async fn write(
    app: &App,
    key: Option<Use>,
    id: String,
    unit: impl Fn(&mut Tx<'_>) -> Result<()> + Send + 'static,
) -> Result<String> {
    let (here, now) = (app.clone(), app.clock.now());
    act(app, key, move |key| async move {
        let unit = move |tx: &mut Tx<'_>| {
            key.as_ref().map_or(Ok(()), |key| idempotency::take(tx, key, &id, None, now))?;
            unit(tx)?;
            Ok(id.clone())
        };
        here.db.write(unit).await
    })
    .await
}

async fn made(app: &App, key: Option<&Use>) -> Result<Option<String>> {
    let Some(key) = key.cloned() else { return Ok(None) };
    match app.db.read(move |tx| idempotency::look(tx, &key)).await? {
        Some(Before::Made { object_id, .. }) => Ok(Some(object_id)),
        Some(Before::Answered { .. }) | None => Ok(None),
    }
}
