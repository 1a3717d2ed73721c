//! What reactions, typing, backgrounds and group names share: accepted in one unit, handed over by a job, and awaited
//! like a send. It runs as a task of the server, not of the connection.

use crate::app::App;
use crate::channel::{Channel, FailureCode};
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::id::ActId;
use crate::phone::acts::{self, Act, Kind};
use crate::phone::conversations::Conversation;
use crate::phone::lines::Ability;
use crate::phone::messages::Status;

/// What a unit that would act came to.
pub enum Accepted<T> {
    /// There was nothing to do.
    Already(T),
    /// The act is stored.
    UnderWay(T),
}

/// Runs `unit`, which may store the act `id`; then waits for its carrier's answer for as long as for a message's,
/// or not at all while the carrier cannot be reached. A definite refusal is the answer's error.
pub async fn see_through<T: Send + 'static>(
    app: &App,
    carrier: &str,
    id: ActId,
    unit: impl Fn(&mut Tx<'_>) -> Result<Accepted<T>> + Send + 'static,
) -> Result<T> {
    let is_up = app.lines.get(carrier).is_some_and(Ability::is_up);
    let here = app.clone();
    let task = app.tasks.spawn(async move {
        // Who waits registers first: another process may settle the act before this one looks.
        let woken = here.waiting.register(id.as_str());
        let accepted = here.db.write(unit).await;
        if is_up && matches!(accepted, Ok(Accepted::UnderWay(_))) {
            let _ = tokio::time::timeout(here.config.send_wait(), woken).await;
        }
        here.waiting.leave(id.as_str());
        match accepted? {
            Accepted::Already(answer) => Ok(answer),
            Accepted::UnderWay(answer) => not_refused(&here, id).await.map(|()| answer),
        }
    });
    task.await.unwrap_or_else(|error| Err(anyhow::anyhow!("the request broke off: {error}").into()))
}

async fn not_refused(app: &App, id: ActId) -> Result<()> {
    match app.db.read(move |tx| acts::find(tx, &id)).await {
        Ok(act) => act.as_ref().map_or(Ok(()), refusal),
        Err(error) => {
            // It is stored, and may be with the carrier by now: that it cannot be looked up is no refusal.
            tracing::warn!(%error, "an accepted act could not be looked up");
            Ok(())
        }
    }
}

/// The error of an act that was definitely refused.
pub fn refusal(act: &Act) -> Result<()> {
    let Some(failure) = act.failure.as_ref().filter(|_| act.status == Status::Failed) else { return Ok(()) };
    let code = match (failure.code, act.kind) {
        // What waited for too long was refused by nobody.
        (FailureCode::Expired, _) => return Ok(()),
        (FailureCode::Unreachable, _) | (_, Kind::Typing | Kind::GroupName) => Code::ChannelNotSupported,
        (_, Kind::Reaction) => Code::ReactionNotSupported,
        (FailureCode::MediaNotUsable | FailureCode::MediaTooLarge, Kind::Background) => Code::MediaNotUsable,
        (_, Kind::Background) => Code::ChannelNotSupported,
    };
    Err(Error::refused(code, failure.reason.clone()))
}

/// Whether the conversation is on iMessage now; on SMS some acts have no effect.
pub fn is_on_imessage(app: &App, conversation: &Conversation) -> bool {
    let able = app.lines.get(&conversation.carrier);
    conversation.number_kind == "imessage"
        && conversation.channel == Channel::Imessage
        && able.is_some_and(|able| able.imessage)
}
