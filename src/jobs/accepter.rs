//! Accepts messages, many in one unit: what has gathered while the last unit was being flushed goes together. One
//! message alone does not wait for company. Looks many up together as well, for those who wait for what another
//! process makes of theirs. What accepting means is in `phone/messages/accept`.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::db::{Db, Gather, Missed, Tx};
use crate::error::{Error, Result, Storage};
use crate::id::{Ids, MessageId};
use crate::phone::idempotency::{self, Use};
use crate::phone::lines::Lines;
use crate::phone::messages::accept::{self, Desk};
use crate::phone::messages::send::{Accepted, Draft};
use crate::phone::messages::{self, Message};

/// Accepts messages, as many in one unit as have gathered.
#[derive(Clone)]
pub struct Accepter {
    asked: Gather<Asked, Result<Accepted>>,
    looked_up: Gather<MessageId, Result<Option<Message>>>,
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
        let broke_off = |_| Err(anyhow::anyhow!("looking a message up broke off").into());
        self.looked_up.bring(id).await.unwrap_or_else(broke_off)
    }

    /// Returns once the message is stored. A key that is given is taken in the same unit.
    pub async fn accept(&self, draft: Draft, key: Option<Use>) -> Result<Accepted> {
        match self.asked.bring(Asked { draft, key }).await {
            Ok(answered) => answered,
            Err(Missed::Full) => Err(Error::Storage(Storage::Overloaded)),
            Err(Missed::BrokeOff) => Err(anyhow::anyhow!("accepting broke off").into()),
        }
    }
}

async fn look_up(db: Db, ids: Vec<MessageId>) -> Vec<Result<Option<Message>>> {
    let wanted = ids.clone();
    let unit = move |tx: &mut Tx<'_>| messages::find_all(tx, &wanted);
    match db.read(unit).await {
        Ok(found) => {
            let mut found: HashMap<_, _> =
                found.into_iter().map(|message| (message.id.clone(), message)).collect();
            ids.iter().map(|id| Ok(found.remove(id))).collect()
        }
        Err(error) => ids.iter().map(|_| Err(error.again())).collect(),
    }
}

async fn together(desk: (Db, Ids, Lines), asked: Vec<Asked>) -> Vec<Result<Accepted>> {
    let asked = Arc::new(asked);
    let (db, ids, lines) = desk.clone();
    let (here, all) = (db.clone(), Arc::clone(&asked));
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.presence().incarnation();
        take_and_accept(tx, &Desk { ids: &ids, lines: &lines, me: me.as_ref() }, &all)
    };
    match db.append(unit).await {
        Ok(outcomes) => outcomes,
        Err(error @ Error::Storage(_)) => asked.iter().map(|_| Err(error.again())).collect(),
        Err(error) if asked.len() == 1 => vec![Err(error)],
        Err(_) => {
            // One of them is at fault; the others are not to suffer for it.
            let mut outcomes = Vec::with_capacity(asked.len());
            for one in asked.iter() {
                outcomes.extend(Box::pin(together(desk.clone(), vec![one.clone()])).await);
            }
            outcomes
        }
    }
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
        if let (Err(Error::Refused { .. } | Error::Invalid(_)), Some(key), true) =
            (&outcome, &one.key, may(&one))
        {
            idempotency::give_back(tx, key)?;
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}
