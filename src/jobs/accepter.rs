//! Accepts messages, many in one unit: what has gathered while the last unit was being flushed goes together. One
//! message alone does not wait for company. Looks many up together as well, for those who wait for what another
//! process makes of theirs. What accepting means is in `phone/messages/accept`.

use tokio_util::task::TaskTracker;

use crate::db::{By, Db, Gather, Tx};
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
const BATCH: usize = 256;
/// Requests that may wait to be accepted; more are refused with `Storage::Overloaded`.
const ROOM: usize = 4096;

impl Accepter {
    pub fn new(db: Db, ids: Ids, lines: Lines, tasks: TaskTracker) -> Self {
        let here = db.clone();
        let asked =
            Gather::new(db.clone(), By::Append, BATCH, ROOM, tasks.clone(), move |tx, asked: &[Asked]| {
                let me = here.presence().incarnation();
                take_and_accept(tx, &Desk { ids: &ids, lines: &lines, me: me.as_ref() }, asked)
            });
        let looked_up = Gather::new(db, By::Read, BATCH, usize::MAX, tasks, look_up);
        Self { asked, looked_up }
    }

    /// The message as it stands.
    pub async fn look_up(&self, id: MessageId) -> Result<Option<Message>> {
        self.looked_up.bring(id).await
    }

    /// Ends once the message is stored; it is in line from the call on. A key that is given is taken in the same unit.
    pub fn accept(&self, draft: Draft, key: Option<Use>) -> impl Future<Output = Result<Accepted>> + use<> {
        self.asked.bring(Asked { draft, key })
    }
}

fn look_up(tx: &mut Tx<'_>, ids: &[MessageId]) -> Result<Vec<Result<Option<Message>>>> {
    let mut found = messages::find_all(tx, ids.iter())?;
    Ok(ids.iter().map(|id| Ok(found.remove(id))).collect())
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
