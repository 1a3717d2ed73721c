//! Gives messages their words for search, behind the back of those who send and receive: it reads what is new, some
//! times a second, and writes words in small batches with pauses between them. One process does it at a time.
//!
//! Ids are drawn before they are committed, by several processes: one that appears late is met by looking again at
//! what was passed ten seconds ago, and once a minute at what was passed ten minutes ago. A start looks at
//! everything once; so nothing has to be remembered, and nothing can be forgotten.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{Incarnation, MessageId};
use crate::phone::search::index::{self, Slice, Unindexed};
use crate::queue::store;

/// The lane that the one process holds which does this.
const LANE: &str = "search";
/// How long the lane is taken for granted.
const HELD: Duration = Duration::from_secs(5);
/// Pause when there is nothing new.
const IDLE: Duration = Duration::from_millis(250);
/// So many of the newest messages are looked at twice at a start: others may just be committing theirs.
const RECENT: i64 = 10_000;
/// Messages looked at in one go, and given their words in one unit.
const SLICE: i64 = 1_000;
const BATCH: usize = 128;
/// While others work, a unit is followed by a pause so many times as long as it took: where one thread writes for
/// everybody, and where there are many.
const RESTRAINT: (u32, u32) = (10, 6);
/// Nobody works when the newest message is so old.
const QUIET: Duration = Duration::from_secs(2);

const OFTEN: Lap = Lap { every: Duration::from_secs(1), back: Duration::from_secs(10) };
const SELDOM: Lap = Lap { every: Duration::from_mins(1), back: Duration::from_mins(10) };

/// How often it is looked again, and how far back.
struct Lap {
    every: Duration,
    back: Duration,
}

/// Works until the server stops.
pub async fn run(app: App) {
    let mut reach = Reach::new();
    loop {
        let pause = match round(&app, &mut reach).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::debug!(%error, "words of messages are seen to later");
                Duration::from_secs(1)
            }
        };
        if app.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Looks once; answers how long to rest.
async fn round(app: &App, reach: &mut Reach) -> Result<Duration> {
    let now = Instant::now();
    if !reach.is_held(app, now).await? {
        // Whoever takes over looks at everything.
        *reach = Reach::new();
        return Ok(Duration::from_secs(1));
    }
    if reach.marks.is_empty() {
        let recent = app.db.read(|tx| index::recent(tx, RECENT)).await?;
        reach.marks.push_back((now, recent));
    }
    let after = reach.start(now);
    let slice = app.db.read(move |tx| index::slice(tx, &after, SLICE)).await?;
    let Slice { last, is_full, unindexed } = slice;
    for batch in unindexed.chunks(BATCH) {
        store_words(app, batch.to_vec()).await?;
    }
    if let Some(last) = last {
        reach.at = last;
    }
    reach.is_behind = is_full;
    Ok(if is_full { Duration::ZERO } else { IDLE })
}

/// Stores the words of some messages, then rests, so that whoever sends or receives hardly notices.
async fn store_words(app: &App, batch: Vec<Unindexed>) -> Result<()> {
    let began = Instant::now();
    let ids: Vec<MessageId> = batch.iter().map(|message| message.id.clone()).collect();
    // Not as other units: what a serializable one reads, those who send and receive would have to mind.
    app.db.claim(move |tx: &mut Tx<'_>| index::add(tx, &batch)).await?;
    let took = began.elapsed();
    if app.db.is_shared() {
        app.db.claim(move |tx: &mut Tx<'_>| index::remove_erased(tx, &ids)).await?;
    }
    let newest = app.db.read(index::newest).await?;
    let is_quiet = newest.is_none_or(|newest| newest + QUIET < app.clock.now());
    if !is_quiet {
        let restraint = if app.db.is_shared() { RESTRAINT.1 } else { RESTRAINT.0 };
        tokio::time::sleep(took * restraint).await;
    }
    Ok(())
}

/// How far the messages were looked at.
struct Reach {
    at: MessageId,
    /// There is more behind `at`.
    is_behind: bool,
    /// Where it was at earlier moments, some ten minutes back.
    marks: VecDeque<(Instant, MessageId)>,
    often: Option<Instant>,
    seldom: Option<Instant>,
    /// Since when the lane is known to be ours.
    held: Option<(Instant, Incarnation)>,
}

impl Reach {
    fn new() -> Self {
        let (at, marks) = (MessageId::from_text(""), VecDeque::new());
        Self { at, is_behind: true, marks, often: None, seldom: None, held: None }
    }

    /// Whether this process is the one that indexes.
    async fn is_held(&mut self, app: &App, now: Instant) -> Result<bool> {
        let Some(me) = app.db.presence().incarnation() else { return Ok(false) };
        let is_known = |(since, holder): &(Instant, Incarnation)| *holder == me && now - *since < HELD;
        if self.held.as_ref().is_some_and(is_known) {
            return Ok(true);
        }
        let (holder, moment) = (me.clone(), app.clock.now());
        let held =
            app.db.claim(move |tx: &mut Tx<'_>| store::hold_lanes(tx, &[&LANE.to_owned()], &holder, moment));
        let is_ours = !held.await?.is_empty();
        self.held = is_ours.then_some((now, me));
        Ok(is_ours)
    }

    /// Behind which message to look now.
    fn start(&mut self, now: Instant) -> MessageId {
        if self.is_behind {
            return self.at.clone();
        }
        let is_due = |last: Option<Instant>, lap: &Lap| last.is_none_or(|last| now - last >= lap.every);
        if is_due(self.seldom, &SELDOM) {
            self.seldom = Some(now);
            self.at = self.passed(now, SELDOM.back);
        } else if is_due(self.often, &OFTEN) {
            self.marks.push_back((now, self.at.clone()));
            self.often = Some(now);
            self.at = self.passed(now, OFTEN.back);
        }
        self.at.clone()
    }

    /// The message it had reached so long ago; the first of all marks where it was not at work then.
    fn passed(&mut self, now: Instant, back: Duration) -> MessageId {
        let is_old = |(at, _): &(Instant, MessageId)| now - *at >= SELDOM.back + SELDOM.every;
        while self.marks.front().is_some_and(is_old) {
            self.marks.pop_front();
        }
        let older = self.marks.iter().rev().find(|(at, _)| now - *at >= back);
        older.or(self.marks.front()).map_or_else(|| self.at.clone(), |(_, id)| id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> MessageId {
        MessageId::from_text(format!("msg_{number:05}"))
    }

    #[tokio::test]
    async fn it_looks_again_at_what_was_passed() {
        let begin = Instant::now();
        let mut reach = Reach::new();
        reach.marks.push_back((begin, id(0)));
        assert_eq!(reach.start(begin), MessageId::from_text(""));
        (reach.at, reach.is_behind) = (id(0), false);
        let mut furthest_back = id(u32::MAX);
        for second in 0..1_500_u32 {
            let start = reach.start(begin + Duration::from_secs(second.into()));
            assert!(start <= id(second.saturating_sub(9)), "second {second} began at {start}");
            if second > 700 && second % 60 != 0 {
                assert!(start >= id(second - 12), "second {second} began at {start}");
            }
            if second > 700 {
                furthest_back = furthest_back.min(start);
            }
            reach.at = id(second);
        }
        assert!(furthest_back > id(100) && furthest_back < id(125), "{furthest_back}");
        assert!(reach.marks.len() < 700);
    }
}
