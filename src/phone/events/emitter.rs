//! Who is told of what happens in a unit of work, gathered there and stored at its end with a handful of statements:
//! the events, a delivery for each endpoint that wants one, and the jobs that will make them. Where this process has
//! room and nothing comes before, a job is claimed at once and the first attempt begins right after the unit.

use std::collections::{HashMap, HashSet};

use super::{Kind, Subject};
use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{ToValue, Tx, Value};
use crate::error::Result;
use crate::id::{
    AccountId, AgentId, ConversationId, DeliveryId, EventId, Ids, Incarnation, MessageId, NumberId, WebhookId,
};
use crate::phone::conversations;
use crate::phone::deliveries;
use crate::phone::webhooks::{self, Coverage};
use crate::queue::{self, Job, Order, Room, Slot, Task};

/// Gathers the events of one unit of work; [`Emitter::store`] ends it. Who listens is looked up once per account, and
/// per number where an account has webhooks at all.
#[derive(Default)]
pub struct Emitter {
    accounts: HashMap<AccountId, Interest>,
    coverages: HashMap<NumberId, Coverage>,
    direct: Option<Direct>,
    events: Vec<NewEvent>,
    deliveries: Vec<Due>,
}

/// This process, and where it has room to make first attempts at once.
struct Direct {
    me: Incarnation,
    room: Room,
}

/// A delivery whose job was claimed in the unit that stored it: nobody else will begin it.
pub struct Begun {
    pub delivery: DeliveryId,
    pub job: Job,
    pub slot: Slot,
}

/// Who of an account may want to be told anything.
#[derive(Clone, Copy)]
struct Interest {
    has_webhooks: bool,
    is_followed: bool,
}

/// An event to store.
struct NewEvent {
    id: EventId,
    account: AccountId,
    kind: Kind,
    message: Option<MessageId>,
    conversation: ConversationId,
    number: NumberId,
    at: Time,
    told: Option<String>,
}

/// A delivery to store.
struct Due {
    id: DeliveryId,
    /// Which of the events it tells of.
    event: usize,
    webhook: WebhookId,
    /// The event's name as this endpoint knows it.
    kind: Kind,
    channel: Channel,
    wait_until: Option<Time>,
}

impl Emitter {
    /// One whose deliveries this process begins itself, right after the unit, where there is room and none waits that
    /// comes before.
    pub fn direct(me: Incarnation, room: Room) -> Self {
        Self { direct: Some(Direct { me, room }), ..Self::default() }
    }

    /// Notes the event and a delivery for each endpoint that wants it. `wait_until` holds the first attempt back
    /// while attachments are fetched.
    pub fn emit(
        &mut self,
        tx: &mut Tx<'_>,
        ids: &Ids,
        now: Time,
        kind: Kind,
        subject: &Subject<'_>,
        wait_until: Option<Time>,
    ) -> Result<()> {
        self.emit_with(tx, ids, now, kind, subject, wait_until, None)
    }

    /// The same, with what is true now and may change: a JSON object.
    #[expect(clippy::too_many_arguments, reason = "an event with all it refers to")]
    pub fn emit_with(
        &mut self,
        tx: &mut Tx<'_>,
        ids: &Ids,
        now: Time,
        kind: Kind,
        subject: &Subject<'_>,
        wait_until: Option<Time>,
        told: Option<&str>,
    ) -> Result<()> {
        let (coverage, is_followed) = self.audience(tx, subject, now)?;
        let agent_webhook =
            coverage.v1.as_ref().filter(|webhook| webhook.wants(kind)).map(|webhook| webhook.id.clone());
        let is_inbound = kind == Kind::AgentMessage;
        let number_webhook = match coverage.number.as_ref().filter(|_| is_inbound) {
            // A number's own webhook hears of no groups.
            Some(_) if subject.channel == Channel::Imessage && is_group(tx, subject.conversation)? => None,
            other => other.map(|webhook| webhook.id.clone()),
        };
        if agent_webhook.is_none() && number_webhook.is_none() && !is_followed {
            return Ok(());
        }
        if is_followed {
            tx.announce(format!("event {}", subject.account));
        }
        let event = self.events.len();
        let due = [(agent_webhook, kind), (number_webhook, Kind::MessageInbound)];
        let due = due.into_iter().filter_map(|(webhook, kind)| Some((webhook?, kind)));
        self.deliveries.extend(due.map(|(webhook, kind)| Due {
            id: DeliveryId::new(ids),
            event,
            webhook,
            kind,
            channel: subject.channel,
            wait_until,
        }));
        self.events.push(NewEvent {
            id: EventId::new(ids),
            account: subject.account.clone(),
            kind,
            message: subject.message.cloned(),
            conversation: subject.conversation.clone(),
            number: subject.number.clone(),
            at: now,
            told: told.map(str::to_owned),
        });
        Ok(())
    }

    /// Whether anybody is told of a text to this number.
    pub fn is_covered(&mut self, tx: &mut Tx<'_>, subject: &Subject<'_>, now: Time) -> Result<bool> {
        let (coverage, is_followed) = self.audience(tx, subject, now)?;
        Ok(is_followed || coverage.v1.is_some() || coverage.number.is_some())
    }

    /// Who covers the number, and whether the account's events are followed.
    fn audience(&mut self, tx: &mut Tx<'_>, subject: &Subject<'_>, now: Time) -> Result<(&Coverage, bool)> {
        let interest = match self.accounts.get(subject.account) {
            Some(known) => *known,
            None => {
                *self.accounts.entry(subject.account.clone()).or_insert(interest(tx, subject.account, now)?)
            }
        };
        if !self.coverages.contains_key(subject.number) {
            let coverage = if interest.has_webhooks { covering(tx, subject)? } else { Coverage::default() };
            self.coverages.insert(subject.number.clone(), coverage);
        }
        Ok((&self.coverages[subject.number], interest.is_followed))
    }

    /// Stores what was emitted; answers the deliveries to begin once the unit is committed.
    pub fn store(self, tx: &mut Tx<'_>, ids: &Ids, now: Time) -> Result<Vec<Begun>> {
        insert(tx, &self.events)?;
        if self.deliveries.is_empty() {
            return Ok(Vec::new());
        }
        deliveries::insert_all(tx, &self.drafts())?;
        let jobs = self.jobs(tx, now)?;
        let slots = self.slots(tx, &jobs)?;
        let me = self.direct.as_ref().map(|direct| &direct.me);
        let drafts: Vec<_> =
            jobs.iter().zip(&slots).map(|(job, slot)| (job, me.filter(|_| slot.is_some()))).collect();
        let claimed = queue::enqueue_all(tx, ids, now, &drafts)?;
        let begun = self.deliveries.into_iter().zip(claimed).zip(slots);
        Ok(begun
            .filter_map(|((due, job), slot)| Some(Begun { delivery: due.id, job: job?, slot: slot? }))
            .collect())
    }

    fn drafts(&self) -> Vec<deliveries::Draft<'_>> {
        let told = self.deliveries.iter().map(|due| (due, &self.events[due.event]));
        told.map(|(due, told)| deliveries::Draft {
            id: &due.id,
            account: &told.account,
            event: &told.id,
            webhook: &due.webhook,
            message: told.message.as_ref(),
            kind: due.kind,
            channel: due.channel.as_str(),
            payload: None,
            test: false,
            now: told.at,
        })
        .collect()
    }

    /// The jobs of the deliveries, each with its place in the order of its endpoint and conversation.
    fn jobs(&self, tx: &mut Tx<'_>, now: Time) -> Result<Vec<queue::Draft>> {
        let conversation = |due: &Due| &self.events[due.event].conversation;
        let places = conversations::next_seqs(tx, self.deliveries.iter().map(conversation))?;
        let jobs = self.deliveries.iter().zip(places).map(|(due, seq)| queue::Draft {
            lane: queue::hook_lane(&due.webhook),
            task: Task::DeliverWebhook(due.id.clone()),
            unique_key: Some(deliveries::job_key(&due.id)),
            order: Some(Order { key: format!("{}/{}", due.webhook, conversation(due)), seq }),
            run_at: due.wait_until.unwrap_or(now),
            origin: None,
        });
        Ok(jobs.collect())
    }

    /// Places to begin deliveries at once: for the first of its order, if nothing is left that comes before.
    fn slots(&self, tx: &mut Tx<'_>, jobs: &[queue::Draft]) -> Result<Vec<Option<Slot>>> {
        let Some(Direct { me, room }) = &self.direct else { return Ok(jobs.iter().map(|_| None).collect()) };
        let keys = jobs.iter().filter_map(|job| job.order.as_ref()).map(|order| &order.key);
        let mut taken: HashSet<String> = queue::orders_left(tx, keys)?;
        let slots: Vec<Option<Slot>> = jobs
            .iter()
            .zip(&self.deliveries)
            .map(|(job, due)| {
                let is_first = job.order.as_ref().is_some_and(|order| taken.insert(order.key.clone()));
                if is_first && due.wait_until.is_none() { room.direct(&job.lane.name) } else { None }
            })
            .collect();
        if slots.iter().any(Option::is_some) {
            tx.stay_alive(me)?;
        }
        Ok(slots)
    }
}

fn insert(tx: &mut Tx<'_>, events: &[NewEvent]) -> Result<()> {
    let rows: Vec<_> = events.iter().map(NewEvent::row).collect();
    tx.insert(
        "INSERT INTO events (id, account_id, kind, message_id, conversation_id, number_id, at, data)",
        &rows,
        "",
    )?;
    Ok(())
}

impl NewEvent {
    /// As [`insert`] names its columns.
    fn row(&self) -> Vec<Value<'_>> {
        vec![
            self.id.value(),
            self.account.value(),
            self.kind.value(),
            self.message.value(),
            self.conversation.value(),
            self.number.value(),
            self.at.value(),
            self.told.value(),
        ]
    }
}

fn interest(tx: &mut Tx<'_>, account: &AccountId, now: Time) -> Result<Interest> {
    tx.one(
        "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM (
                     SELECT 1 FROM webhooks WHERE account_id = ?1 AND url IS NOT NULL LIMIT 1) AS set_up),
                (SELECT CAST(COUNT(*) AS BIGINT) FROM (
                     SELECT 1 FROM listeners WHERE account_id = ?1 AND until > ?2 LIMIT 1) AS open)",
        &[account, &now],
        |row| Ok(Interest { has_webhooks: row.get(0)?, is_followed: row.get(1)? }),
    )
}

fn covering(tx: &mut Tx<'_>, subject: &Subject<'_>) -> Result<Coverage> {
    let agent: Option<AgentId> = tx
        .optional("SELECT agent_id FROM numbers WHERE id = ?1", &[subject.number], |row| row.get(0))?
        .flatten();
    webhooks::covering(tx, subject.account, agent.as_ref(), subject.number)
}

fn is_group(tx: &mut Tx<'_>, conversation: &ConversationId) -> Result<bool> {
    tx.exists("SELECT 1 FROM conversations WHERE id = ?1 AND group_members IS NOT NULL", &[conversation])
}
