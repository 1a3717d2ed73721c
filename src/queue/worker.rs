//! The loop that works one class of lanes: find lanes with due jobs, claim and prepare a batch in one unit, hand
//! each job to a task of its own, look again when one ends. Lanes do not share room: a stuck lane holds only its
//! own.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::room::Room;
use super::store;
use super::task::Class;
use super::{Job, Wakes};
use crate::clock::{Clock, Time};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::id::Incarnation;

/// What a class of jobs does. A job is prepared inside the claiming unit, then performed outside of any.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    type Ready: Send + 'static;

    /// Those of `lanes` whose jobs may not be claimed now; they are looked at again at the next poll.
    fn closed(&self, tx: &mut Tx<'_>, class: Class, lanes: &[&String]) -> Result<HashSet<String>>;

    /// Writes what must be durable before anything happens outside, and gathers what is needed for it. A job with
    /// nothing to do outside is left out: what becomes of it was then written here as well.
    fn prepare(&self, tx: &mut Tx<'_>, jobs: Vec<Job>) -> Result<Vec<(Job, Self::Ready)>>;

    /// Does it, and records the outcome together with the job's end.
    async fn perform(&self, job: Job, ready: Self::Ready);
}

/// Lanes looked at in one claiming unit, and jobs claimed in it: a unit is short.
const LANES_PER_UNIT: usize = 128;
const JOBS_PER_UNIT: usize = 512;
const POLL: Duration = Duration::from_secs(1);
/// Times to come that are kept in mind; what is due at others is found by polling, up to [`POLL`] late.
const MOST_LATER: usize = 100_000;
/// How often the hold of a lane is renewed, or looked whether another process still has it.
const HOLD_LOOK: Duration = Duration::from_secs(5);
/// Pause before the database is tried again.
const RECOVERY: Duration = Duration::from_millis(50);

pub struct Worker<W: Work> {
    pub db: Db,
    pub clock: Clock,
    pub class: Class,
    pub room: Room,
    pub work: Arc<W>,
    pub wakes: Wakes,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

#[derive(Default)]
struct State {
    /// Lanes that may have due jobs, each once, in the order in which they are looked at.
    hot: VecDeque<String>,
    is_hot: HashSet<String>,
    /// When lanes will have due jobs.
    later: BTreeSet<(Time, String)>,
    held_until: HashMap<String, Time>,
    /// Lanes that another process holds, and until when they are left alone.
    others_until: HashMap<String, Time>,
    polled_at: Time,
    /// Who holds what is held.
    me: Option<Incarnation>,
}

/// What one claiming unit found in one lane.
struct Found<R> {
    lane: String,
    jobs: Vec<(Job, R)>,
    /// Fewer were found than asked for: nothing else is due now.
    drained: bool,
    held: bool,
}

impl<W: Work> Worker<W> {
    /// Works until told to stop; jobs under way are left to the tracker to wait for.
    pub async fn run(self) {
        let mut state = State::default();
        loop {
            self.note_wakes(&mut state);
            if self.wakes.wants_a_look() {
                state.polled_at = Time::from_millis(0);
                state.others_until.clear();
            }
            if !self.may_claim() {
                // The database recovers, or another incarnation begins: nothing tells, so look again soon.
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = tokio::time::sleep(RECOVERY) => continue,
                }
            }
            let claimed = self.claim(&mut state).await;
            if claimed && self.room.left() > 0 {
                continue;
            }
            let wake_at = state.later.first().map_or(state.polled_at + POLL, |(due, _)| *due);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.wakes.notified() => {}
                () = self.clock.sleep_until(wake_at.min(state.polled_at + POLL)) => {}
                () = self.room.freed() => {}
            }
        }
    }

    fn note_wakes(&self, state: &mut State) {
        let now = self.clock.now();
        for (lane, due) in self.wakes.take() {
            if due <= now {
                self.heat(state, lane);
            } else if state.later.len() < MOST_LATER {
                state.later.insert((due, lane));
            }
        }
        while state.later.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, lane)) = state.later.pop_first() {
                self.heat(state, lane);
            }
        }
    }

    fn heat(&self, state: &mut State, lane: String) {
        self.room.waits(&lane);
        state.heat(lane);
    }

    /// Nothing new is begun while the database is away, or while something that happened outside waits to be stored.
    fn may_claim(&self) -> bool {
        self.db.presence().incarnation().is_some() && !self.db.is_stalled()
    }

    /// Claims once; `false` when there was nothing to look at.
    async fn claim(&self, state: &mut State) -> bool {
        let Some(me) = self.db.presence().incarnation() else { return false };
        if state.me.as_ref() != Some(&me) {
            state.held_until.clear();
            state.others_until.clear();
            state.me = Some(me.clone());
        }
        let now = self.clock.now();
        if now >= state.polled_at + POLL || now < state.polled_at {
            state.polled_at = now;
            self.discover(state, now).await;
        }
        let asked = state.choose(&self.room, now);
        if asked.is_empty() {
            return false;
        }
        let lanes = asked.clone();
        let most = JOBS_PER_UNIT.min(self.room.left());
        let (class, exclusive, work) = (self.class, self.room.limits().exclusive, Arc::clone(&self.work));
        let unit = move |tx: &mut Tx<'_>| {
            tx.stay_alive(&me)?;
            let claimant = Claimant { class, me: &me, now, most };
            let held = if exclusive { Some(claimant.hold(tx, &lanes)?) } else { None };
            look(tx, &*work, &claimant, &lanes, held.as_ref())
        };
        match self.db.claim(unit).await {
            Ok(found) => found.into_iter().for_each(|found| self.begin(state, found, now)),
            Err(error) => {
                tracing::warn!(class = %self.class, ?error, "could not claim jobs; trying again");
                for asked in asked {
                    self.heat(state, asked.lane);
                }
                tokio::time::sleep(RECOVERY).await;
            }
        }
        true
    }

    async fn discover(&self, state: &mut State, now: Time) {
        let class = self.class;
        match self.db.read(move |tx| store::due_lanes(tx, class, now)).await {
            Ok(lanes) => lanes.into_iter().for_each(|lane| self.heat(state, lane)),
            Err(error) => tracing::debug!(%error, "could not look for due jobs"),
        }
    }

    fn begin(&self, state: &mut State, found: Found<W::Ready>, now: Time) {
        if self.room.limits().exclusive {
            if !found.held {
                state.held_until.remove(&found.lane);
                state.others_until.insert(found.lane, now + HOLD_LOOK);
                return;
            }
            state.held_until.entry(found.lane.clone()).or_insert(now + HOLD_LOOK);
        }
        if found.drained {
            self.room.drained(&found.lane);
        } else {
            self.heat(state, found.lane.clone());
        }
        for (job, ready) in found.jobs {
            let (work, slot) = (Arc::clone(&self.work), self.room.take(&found.lane));
            self.tasks.spawn(async move {
                let _slot = slot;
                work.perform(job, ready).await;
            });
        }
    }
}

/// A lane to look at: how many jobs fit, and whether its hold must be renewed first.
#[derive(Clone)]
struct Asked {
    lane: String,
    room: usize,
    renew: bool,
}

/// Who looks, for what, and when.
struct Claimant<'a> {
    class: Class,
    me: &'a Incarnation,
    now: Time,
    /// Jobs that may be claimed in all.
    most: usize,
}

impl Claimant<'_> {
    /// Which of `lanes` this process holds.
    fn hold(&self, tx: &mut Tx<'_>, lanes: &[Asked]) -> Result<HashSet<String>> {
        let due: Vec<&String> = lanes.iter().filter(|asked| asked.renew).map(|asked| &asked.lane).collect();
        let mut held = store::hold_lanes(tx, &due, self.me, self.now)?;
        held.extend(lanes.iter().filter(|asked| !asked.renew).map(|asked| asked.lane.clone()));
        Ok(held)
    }
}

/// Claims and prepares what is due in `lanes`; `held`, where given, are those that are ours to work.
fn look<W: Work>(
    tx: &mut Tx<'_>,
    work: &W,
    claimant: &Claimant<'_>,
    lanes: &[Asked],
    held: Option<&HashSet<String>>,
) -> Result<Vec<Found<W::Ready>>> {
    let is_held = |asked: &Asked| held.is_none_or(|held| held.contains(&asked.lane));
    let ours: Vec<&String> = lanes.iter().filter(|asked| is_held(asked)).map(|asked| &asked.lane).collect();
    let closed = work.closed(tx, claimant.class, &ours)?;
    let open = |asked: &&Asked| is_held(asked) && !closed.contains(&asked.lane);
    // Lanes with room for whatever comes are claimed together, the others each as far as it goes.
    let (ample, narrow): (Vec<&Asked>, Vec<&Asked>) =
        lanes.iter().filter(open).partition(|asked| asked.room >= claimant.most);
    let groups = std::iter::once(ample).chain(narrow.into_iter().map(|asked| vec![asked]));
    let (mut jobs, mut drained) = (Vec::new(), HashSet::new());
    for group in groups.filter(|group| !group.is_empty()) {
        let most = group[0].room.min(claimant.most - jobs.len());
        let names: Vec<&String> = group.iter().map(|asked| &asked.lane).collect();
        let claimed = if most > 0 {
            store::claim(tx, claimant.class, &names, claimant.me, claimant.now, most)?
        } else {
            Vec::new()
        };
        if claimed.len() < most {
            drained.extend(names);
        }
        jobs.extend(claimed);
    }
    let mut ready: HashMap<String, Vec<(Job, W::Ready)>> = HashMap::new();
    for (job, what) in work.prepare(tx, jobs)? {
        ready.entry(job.lane.name.clone()).or_default().push((job, what));
    }
    let found = lanes.iter().map(|asked| Found {
        jobs: ready.remove(&asked.lane).unwrap_or_default(),
        drained: drained.contains(&asked.lane) || !open(&asked),
        held: is_held(asked),
        lane: asked.lane.clone(),
    });
    Ok(found.collect())
}

impl State {
    fn heat(&mut self, lane: String) {
        if self.is_hot.insert(lane.clone()) {
            self.hot.push_back(lane);
        }
    }

    /// Takes hot lanes that have room, in turn. A lane that is full stays hot.
    fn choose(&mut self, room_of: &Room, now: Time) -> Vec<Asked> {
        let mut asked = Vec::new();
        for _ in 0..self.hot.len() {
            if room_of.left() == 0 || asked.len() == LANES_PER_UNIT {
                break;
            }
            let Some(lane) = self.hot.pop_front() else { break };
            let room = room_of.left_in(&lane);
            if room == 0 {
                self.hot.push_back(lane);
                continue;
            }
            if let Some(until) = self.others_until.get(&lane).copied() {
                if now < until {
                    self.is_hot.remove(&lane);
                    self.later.insert((until, lane));
                    continue;
                }
                self.others_until.remove(&lane);
            }
            self.is_hot.remove(&lane);
            let renew = self.held_until.get(&lane).is_none_or(|until| *until <= now);
            if renew {
                self.held_until.remove(&lane);
            }
            asked.push(Asked { lane, room, renew });
        }
        asked
    }
}
