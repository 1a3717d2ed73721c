//! Accepts messages, many in one unit: what has gathered while the last unit was being flushed goes together. One
//! message alone does not wait for company. Looks many up together as well, for those who wait for what another
//! process makes of theirs. What accepting means is in `phone/messages/accept`.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::db::{Db, Gather, Tx};
use crate::error::{Error, Result};
use crate::id::{Ids, MessageId};
use crate::phone::idempotency::{self, Use};
use crate::phone::lines::Lines;
use crate::phone::messages::accept::{self, Desk};
use crate::phone::messages::send::{Accepted, Draft};
use crate::phone::messages::{self, Message};

/// Accepts messages, as many in one unit as have gathered.
#[derive(Clone)]
pub struct Accepter {
    asked: Gather<Asked, Accepted>,
    looked_up: Gather<MessageId, Option<Message>>,
}

/// A message to accept.
#[derive(Clone)]
struct Asked {
    draft: Draft,
    key: Option<Use>,
}

/// Accepted together at most.
const BATCH: usize = 64;
/// Requests that may wait to be accepted; more are refused with `Storage::Overloaded`.
const ROOM: usize = 4096;

impl Accepter {
    pub fn new(db: Db, ids: Ids, lines: Lines, tasks: TaskTracker) -> Self {
        let desk = (db.clone(), ids, lines);
        let asked = Gather::new(BATCH, ROOM, tasks.clone(), move |asked| together(desk.clone(), asked));
        let looked_up = Gather::new(BATCH, usize::MAX, tasks, move |ids| look_up(db.clone(), ids));
        Self { asked, looked_up }
    }

    /// The message as it stands.
    pub async fn look_up(&self, id: MessageId) -> Result<Option<Message>> {
        self.looked_up.bring(id).await
    }

    /// Returns once the message is stored. A key that is given is taken in the same unit.
    pub async fn accept(&self, draft: Draft, key: Option<Use>) -> Result<Accepted> {
        self.asked.bring(Asked { draft, key }).await
    }
}

async fn look_up(db: Db, ids: Arc<[MessageId]>) -> Result<Vec<Result<Option<Message>>>> {
    let wanted = Arc::clone(&ids);
    let mut found = db.read(move |tx| messages::find_all(tx, wanted.iter())).await?;
    Ok(ids.iter().map(|id| Ok(found.remove(id))).collect())
}

async fn together(desk: (Db, Ids, Lines), asked: Arc<[Asked]>) -> Result<Vec<Result<Accepted>>> {
    let (db, ids, lines) = desk;
    let here = db.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.presence().incarnation();
        take_and_accept(tx, &Desk { ids: &ids, lines: &lines, me: me.as_ref() }, &asked)
    };
    db.append(unit).await
}

/// Takes the keys that are used, and accepts what got its own or needs none.
fn take_and_accept(tx: &mut Tx<'_>, desk: &Desk<'_>, asked: &[Asked]) -> Result<Vec<Result<Accepted>>> {
    let uses: Vec<_> = asked
        .iter()
        .filter_map(|Asked { draft, key }| key.as_ref().map(|key| (key, draft.id.as_str(), draft.now)))
        .collect();
    let taken = idempotency::take_all(tx, &uses, desk.me)?;
    let may = |one: &&Asked| one.key.is_none() || taken.contains(one.draft.id.as_str());
    let drafts: Vec<&Draft> = asked.iter().filter(may).map(|one| &one.draft).collect();
    let mut accepted = accept::accept_all(tx, desk, &drafts)?.into_iter();
    let mut outcomes = Vec::with_capacity(asked.len());
    for one in asked {
        let outcome = if may(&one) { accepted.next() } else { None };
        let outcome = outcome.unwrap_or_else(|| Err(idempotency::in_progress()));
        if let (Err(Error::Refused { .. } | Error::Invalid(_) | Error::Later { .. }), Some(key), true) =
            (&outcome, &one.key, may(&one))
        {
            idempotency::give_back(tx, key)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
