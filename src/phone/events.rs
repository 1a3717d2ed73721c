//! Events: what happened, for whoever asked to be told. An event is stored with its deliveries in the unit of
//! what it tells of; where nobody listens, nothing is stored. What a delivery says is rendered later, in `payloads`.

use std::collections::HashMap;

use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::id::{
    AccountId, AgentId, ConversationId, DeliveryId, EventId, Ids, Incarnation, MessageId, NumberId, WebhookId,
};
use crate::phone::conversations;
use crate::phone::deliveries;
use crate::phone::webhooks::{self, Coverage};
use crate::queue::{self, Job, Order, Room, Slot, Task};
use crate::words;

words! {
    /// Every event there is, by its name on the wire.
    Kind {
        AgentMessage = "agent.message",
        AgentReaction = "agent.reaction",
        AgentCallEnded = "agent.call_ended",
        MessageSent = "message.sent",
        MessageDelivered = "message.delivered",
        MessageFailed = "message.failed",
        MessageRead = "message.read",
        MessageUnconfirmed = "message.unconfirmed",
        /// Of number webhooks.
        MessageInbound = "message.inbound",
    }
}

/// What an event is about.
pub struct Subject<'a> {
    pub account: &'a AccountId,
    pub number: &'a NumberId,
    pub conversation: &'a ConversationId,
    pub message: Option<&'a MessageId>,
    pub channel: Channel,
}

/// Emits the events of one unit of work; who listens is looked up once per account, and per number where an account
/// has webhooks at all.
#[derive(Default)]
pub struct Emitter {
    accounts: HashMap<AccountId, Interest>,
    coverages: HashMap<NumberId, Coverage>,
    direct: Option<Direct>,
    begun: Vec<Begun>,
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

impl Emitter {
    /// One whose deliveries this process begins itself, right after the unit, where there is room and none waits that
    /// comes before.
    pub fn direct(me: Incarnation, room: Room) -> Self {
        Self { direct: Some(Direct { me, room }), ..Self::default() }
    }

    /// The deliveries to begin once the unit is committed.
    pub fn begun(self) -> Vec<Begun> {
        self.begun
    }

    /// Stores the event and a delivery for each endpoint that wants it. `wait_until` holds the first attempt back
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
            coverage.v1.as_ref().filter(|webhook| webhook.wants(kind)).map(|webhook| &webhook.id);
        let is_inbound = kind == Kind::AgentMessage;
        let number_webhook = coverage.number.as_ref().filter(|_| is_inbound).map(|webhook| &webhook.id);
        let number_webhook = match number_webhook {
            // A number's own webhook hears of no groups.
            Some(_) if subject.channel == Channel::Imessage && is_group(tx, subject.conversation)? => None,
            other => other,
        };
        if agent_webhook.is_none() && number_webhook.is_none() && !is_followed {
            return Ok(());
        }
        let event = EventId::new(ids);
        tx.execute(
            "INSERT INTO events (id, account_id, kind, message_id, conversation_id, number_id, at, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                &event,
                subject.account,
                &kind,
                &subject.message.cloned(),
                subject.conversation,
                subject.number,
                &now,
                &told.map(str::to_owned),
            ],
        )?;
        if is_followed {
            tx.announce(format!("event {}", subject.account));
        }
        let due = [(agent_webhook.cloned(), kind), (number_webhook.cloned(), Kind::MessageInbound)];
        for (webhook, kind) in due {
            if let Some(webhook) = &webhook {
                self.deliver(tx, ids, now, &event, webhook, kind, subject, wait_until)?;
            }
        }
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

    #[expect(clippy::too_many_arguments, reason = "one row with all its references")]
    fn deliver(
        &mut self,
        tx: &mut Tx<'_>,
        ids: &Ids,
        now: Time,
        event: &EventId,
        webhook: &WebhookId,
        kind: Kind,
        subject: &Subject<'_>,
        wait_until: Option<Time>,
    ) -> Result<()> {
        let delivery = DeliveryId::new(ids);
        let draft = deliveries::Draft {
            id: &delivery,
            account: subject.account,
            event,
            webhook,
            message: subject.message,
            kind,
            channel: subject.channel.as_str(),
            payload: None,
            test: false,
            now,
        };
        deliveries::insert(tx, &draft)?;
        let order = Order {
            key: format!("{webhook}/{}", subject.conversation),
            seq: conversations::next_seq(tx, subject.conversation)?,
        };
        let lane = queue::hook_lane(webhook);
        let slot = if wait_until.is_none() { self.slot(tx, &lane.name, &order.key)? } else { None };
        let job = queue::Draft {
            lane,
            task: Task::DeliverWebhook(delivery.clone()),
            unique_key: Some(format!("deliver/{delivery}")),
            order: Some(order),
            run_at: wait_until.unwrap_or(now),
            origin: None,
        };
        let me = self.direct.as_ref().filter(|_| slot.is_some()).map(|direct| &direct.me);
        let job = queue::enqueue_all(tx, ids, now, &[(&job, me)])?.pop().flatten();
        self.begun.extend(job.zip(slot).map(|(job, slot)| Begun { delivery, job, slot }));
        Ok(())
    }

    /// A place to begin a delivery at once, if nothing stands before it.
    fn slot(&self, tx: &mut Tx<'_>, lane: &str, order_key: &str) -> Result<Option<Slot>> {
        let Some(Direct { me, room }) = &self.direct else { return Ok(None) };
        let Some(slot) = room.direct(lane) else { return Ok(None) };
        if queue::has_one(tx, order_key)? {
            return Ok(None);
        }
        if self.begun.is_empty() {
            tx.stay_alive(me)?;
        }
        Ok(Some(slot))
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

/// A stored event.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: EventId,
    pub account_id: AccountId,
    pub kind: Kind,
    pub message_id: Option<MessageId>,
    pub at: Time,
    /// What was true then and may change, where the message does not say it all: a JSON object.
    pub told: Option<String>,
}

const SELECT: &str = "SELECT id, account_id, kind, message_id, at, data FROM events";

/// The events of these ids, whoever's they are.
pub fn find_all<'a>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'a EventId>,
) -> Result<HashMap<EventId, Event>> {
    let found = tx.query_listed(&format!("{SELECT} WHERE id IN ({{list}})"), &[], ids, read)?;
    Ok(found.into_iter().map(|event| (event.id.clone(), event)).collect())
}

/// Events of an account after `after`, oldest first, for programs that follow along.
pub fn after(tx: &mut Tx<'_>, account: &AccountId, after: &EventId, limit: i64) -> Result<Vec<Event>> {
    tx.query(
        &format!("{SELECT} WHERE account_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"),
        &[account, after, &limit],
        read,
    )
}

/// Events of an account up to and including `last`, newest first.
pub fn up_to(tx: &mut Tx<'_>, account: &AccountId, last: &EventId, limit: i64) -> Result<Vec<Event>> {
    tx.query(
        &format!("{SELECT} WHERE account_id = ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3"),
        &[account, last, &limit],
        read,
    )
}

fn read(row: Row<'_>) -> Result<Event> {
    Ok(Event {
        id: row.get(0)?,
        account_id: row.get(1)?,
        kind: row.get(2)?,
        message_id: row.get(3)?,
        at: row.get(4)?,
        told: row.get(5)?,
    })
}
