//! Accepting messages, many in one unit: who sends, by which channel, whether it may; then conversations, messages
//! and jobs are written. Where nothing stands in a message's way the unit itself marks it `sending` and hands back
//! what the carrier needs, so that the hand-over can begin right after the flush.

use std::collections::HashSet;
use std::time::Duration;

use super::send::{Accepted, CELLULAR_CHARACTERS, Draft, Handover, Recipient, Target};
use super::senders::{Line, Senders};
use super::{Direction, Effect, Route, Status};
use crate::address::Address;
use crate::channel::Channel;
use crate::db::{ToValue, Tx, Value};
use crate::error::{Code, Error, Result};
use crate::id::{AgentId, ConversationId, Ids, Incarnation, MessageId};
use crate::phone::conversations::{self, Standing, Touch, Touched};
use crate::phone::lines::{Ability, Lines};
use crate::phone::{messages, new_contacts};
use crate::queue::{self, Job, Order, Task};
use crate::text;

/// A message that is older cannot be quoted by a reply.
const QUOTABLE: Duration = Duration::from_hours(30 * 24);

/// What accepting needs to know besides the drafts.
pub struct Desk<'a> {
    pub ids: &'a Ids,
    pub lines: &'a Lines,
    /// This process, if it may hand messages over directly.
    pub me: Option<&'a Incarnation>,
}

/// Accepts one message.
pub fn accept(tx: &mut Tx<'_>, desk: &Desk<'_>, draft: &Draft) -> Result<Accepted> {
    accept_all(tx, desk, &[draft])?.pop().expect("one draft has one outcome")
}

/// Accepts each of `drafts`, or refuses it; in their order. An error concerns all of them.
pub fn accept_all(tx: &mut Tx<'_>, desk: &Desk<'_>, drafts: &[&Draft]) -> Result<Vec<Result<Accepted>>> {
    if let Some(me) = desk.me {
        tx.stay_alive(me)?;
    }
    let now = drafts.iter().map(|draft| draft.now).max().unwrap_or_default();
    let senders = Senders::find(tx, desk.me, now, drafts.iter().map(|draft| &draft.sender))?;
    let mut outcomes: Vec<Option<Result<Accepted>>> = drafts.iter().map(|_| None).collect();
    let mut plans = Vec::with_capacity(drafts.len());
    for (place, draft) in drafts.iter().enumerate() {
        match senders.line(&draft.account, &draft.sender) {
            Ok(line) => plans.push(Plan::new(place, draft, line)),
            Err(refusal) => outcomes[place] = Some(Err(refusal)),
        }
    }
    while !plans.is_empty() {
        let mut seen = HashSet::new();
        // Each conversation once: a second message of it builds on what the first has made of it.
        let (round, rest) = plans
            .into_iter()
            .partition(|plan: &Plan<'_>| seen.insert((&plan.line.id, plan.participant.clone())));
        plans = rest;
        accept_round(tx, desk, round, &mut outcomes)?;
    }
    Ok(outcomes.into_iter().map(|outcome| outcome.expect("every draft was accepted or refused")).collect())
}

/// A draft whose sender is known.
struct Plan<'a> {
    place: usize,
    draft: &'a Draft,
    line: &'a Line,
    participant: String,
}

impl<'a> Plan<'a> {
    fn new(place: usize, draft: &'a Draft, line: &'a Line) -> Self {
        let participant = match &draft.to {
            Recipient::One(address) => address.as_str().to_owned(),
            Recipient::NewGroup(group, _) => group.to_string(),
        };
        Self { place, draft, line, participant }
    }
}

fn accept_round(
    tx: &mut Tx<'_>,
    desk: &Desk<'_>,
    round: Vec<Plan<'_>>,
    outcomes: &mut [Option<Result<Accepted>>],
) -> Result<()> {
    let wanted: Vec<_> = round.iter().map(|plan| (&plan.line.id, plan.participant.as_str())).collect();
    let known = conversations::standing(tx, &wanted)?;
    let mut decided = Vec::with_capacity(round.len());
    for plan in round {
        let standing = known.get(&(plan.line.id.clone(), plan.participant.clone()));
        let place = plan.place;
        match decide(tx, desk, plan, standing) {
            Ok(one) => decided.push(one),
            Err(error @ (Error::Storage(_) | Error::Internal(_))) => return Err(error),
            Err(refusal) => outcomes[place] = Some(Err(refusal)),
        }
    }
    let touches: Vec<Touch<'_>> = decided.iter().map(Decided::touch).collect();
    let touches: Vec<_> = touches.iter().zip(&decided).map(|(touch, one)| (touch, &one.touched)).collect();
    conversations::touch_all(tx, &touches)?;
    insert(tx, &decided)?;
    let jobs = enqueue(tx, desk, &decided)?;
    for (one, job) in decided.into_iter().zip(jobs) {
        let place = one.plan.place;
        outcomes[place] = Some(Ok(one.accepted(job)));
    }
    Ok(())
}

/// A draft that will be a message.
struct Decided<'a> {
    plan: Plan<'a>,
    channel: Channel,
    route: Route,
    agent_id: Option<AgentId>,
    /// The quoted message's carrier ids if it can be threaded, and what to say of it.
    reply: Reply,
    effect: Option<Effect>,
    members: Option<Vec<String>>,
    group_provider_id: Option<String>,
    touched: Touched,
    is_moving: bool,
    is_direct: bool,
    size: text::Segments,
    media: String,
}

fn decide<'a>(
    tx: &mut Tx<'_>,
    desk: &Desk<'_>,
    plan: Plan<'a>,
    standing: Option<&Standing>,
) -> Result<Decided<'a>> {
    let Plan { draft, line, .. } = plan;
    let able = desk.lines.get(&line.carrier);
    let (channel, is_over) = admitted(tx, draft, line, able, standing)?;
    let reply = resolve_reply(tx, draft, channel, able, standing.map(|known| &known.id))?;
    let members = match &draft.to {
        Recipient::NewGroup(_, members) => {
            Some(members.iter().map(|member| member.as_str().to_owned()).collect())
        }
        Recipient::One(_) => None,
    };
    let is_moving = able.is_some_and(Ability::is_up) && standing.is_none_or(|known| !known.is_waiting);
    let is_ours_to_send = line.is_ours || able.is_some_and(|able| !able.exclusive);
    let mut decided = Decided {
        channel,
        route: if is_over { Route::NewContactLimit } else { route(draft, line, channel, standing) },
        agent_id: draft.sender.agent_id.clone().or(line.agent_id.clone()),
        reply,
        effect: draft.effect.filter(|_| able.is_some_and(|able| able.effects)),
        members,
        group_provider_id: standing.and_then(|known| known.group_provider_id.clone()),
        touched: Touched { id: draft.conversation_id.clone(), at: draft.now, seq: 1 },
        is_moving,
        is_direct: is_moving && is_ours_to_send && desk.me.is_some(),
        size: text::segments(&draft.body),
        media: serde_json::to_string(&draft.media_urls).unwrap_or_else(|_| "[]".to_owned()),
        plan,
    };
    decided.touched = decided.touch().after(standing);
    Ok(decided)
}

/// By which channel it may go, and whether that is because of the limit of new contacts.
fn admitted(
    tx: &mut Tx<'_>,
    draft: &Draft,
    line: &Line,
    able: Option<&Ability>,
    standing: Option<&Standing>,
) -> Result<(Channel, bool)> {
    let imessage = line.is_imessage
        && able.is_some_and(|able| able.imessage)
        && !draft.cellular_only
        && standing.is_none_or(|known| known.may_be_on_imessage(draft.now));
    let channel = choose_channel(draft, imessage, able)?;
    if let (Recipient::One(Address::Group(group)), None) = (&draft.to, standing) {
        return Err(Error::missing(Code::GroupNotFound, "group", group));
    }
    // Consent, registration and allowances (contract 14 and 19) are asked here and nowhere else.
    let daily = able.filter(|_| channel == Channel::Imessage).map(|able| able.daily).unwrap_or_default();
    if new_contacts::admit(tx, daily, &line.id, &people(&draft.to), draft.now)? {
        return Ok((channel, false));
    }
    let other = choose_channel(draft, false, None).map_err(|_| new_contacts::over(draft.now))?;
    Ok((other, true))
}

/// Whom a message is written to anew. A group that is there already is nobody's first contact.
fn people(to: &Recipient) -> Vec<&str> {
    match to {
        Recipient::One(Address::Group(_)) => Vec::new(),
        Recipient::One(person) => vec![person.as_str()],
        Recipient::NewGroup(_, people) => people.iter().map(Address::as_str).collect(),
    }
}

/// Contract 6.2.
fn choose_channel(draft: &Draft, imessage: bool, able: Option<&Ability>) -> Result<Channel> {
    let can = match &draft.to {
        Recipient::One(Address::ShortCode(_)) => false,
        Recipient::NewGroup(..) | Recipient::One(Address::Group(_)) => able.is_some_and(|able| able.groups),
        Recipient::One(Address::Phone(_) | Address::Email(_)) => true,
    };
    if imessage && can {
        return Ok(Channel::Imessage);
    }
    let refused = |what| {
        Err(Error::refused(Code::ChannelNotSupported, format!("{what} needs a number that can do iMessage")))
    };
    match &draft.to {
        Recipient::NewGroup(..) | Recipient::One(Address::Group(_)) => return refused("A group"),
        Recipient::One(Address::Email(_)) => return refused("An e-mail address as recipient"),
        Recipient::One(Address::Phone(_) | Address::ShortCode(_)) => {}
    }
    if draft.body.chars().count() > CELLULAR_CHARACTERS {
        let message = format!("By SMS and MMS a body may have {CELLULAR_CHARACTERS} characters at most");
        return Err(Error::refused(Code::BodyTooLong, message));
    }
    Ok(Channel::cellular(!draft.media_urls.is_empty()))
}

/// Why it goes by `channel`, for whoever reads its story.
fn route(draft: &Draft, line: &Line, channel: Channel, known: Option<&Standing>) -> Route {
    if channel == Channel::Imessage {
        Route::Imessage
    } else if !line.is_imessage {
        Route::SmsNumber
    } else if draft.cellular_only {
        Route::Asked
    } else if known.is_some_and(|known| !known.may_be_on_imessage(draft.now)) {
        Route::NotOnImessage
    } else {
        Route::NoImessage
    }
}

type Reply = (Option<(MessageId, Option<String>)>, Option<bool>);

fn resolve_reply(
    tx: &mut Tx<'_>,
    draft: &Draft,
    channel: Channel,
    able: Option<&Ability>,
    thread: Option<&ConversationId>,
) -> Result<Reply> {
    let Some(parent) = &draft.reply_to else { return Ok((None, None)) };
    if channel != Channel::Imessage || !able.is_some_and(|able| able.replies) {
        return Ok((None, Some(true)));
    }
    let found = messages::find(tx, parent)?.filter(|found| {
        Some(&found.conversation_id) == thread
            && found.channel == Channel::Imessage
            && found.status != Status::Failed
            && found.received_at + QUOTABLE > draft.now
    });
    Ok(match found {
        Some(found) => (Some((found.id, found.provider_id)), Some(false)),
        None => (None, Some(true)),
    })
}

impl Decided<'_> {
    fn touch(&self) -> Touch<'_> {
        let Plan { draft, line, participant, .. } = &self.plan;
        Touch {
            id: &draft.conversation_id,
            account: &draft.account,
            number: &line.id,
            agent: self.agent_id.as_ref(),
            participant,
            channel: self.channel,
            body: &draft.body,
            now: draft.now,
            new_group: self.members.as_deref(),
        }
    }

    fn status(&self) -> Status {
        if self.is_direct { Status::Sending } else { Status::Queued }
    }

    /// The message's row, as [`insert`] names its columns.
    fn row(&self) -> Vec<Value<'_>> {
        let Plan { draft, line, participant, .. } = &self.plan;
        let segments = if self.channel == Channel::Sms { self.size.count } else { 0 };
        vec![
            draft.id.value(),
            draft.account.value(),
            self.touched.id.value(),
            line.id.value(),
            self.agent_id.value(),
            Value::Text(Direction::Outbound.as_str()),
            Value::Text(self.channel.as_str()),
            Value::Text(self.status().as_str()),
            line.e164.value(),
            participant.value(),
            draft.body.value(),
            self.media.value(),
            self.touched.at.value(),
            self.size.encoding.value(),
            Value::Int(segments),
            self.effect.value(),
            draft.reply_to.value(),
            self.reply.1.value(),
            draft.answers.value(),
            Value::Int(i64::from(self.is_direct)),
            Value::Text(self.route.as_str()),
        ]
    }

    fn job(&self, origin: Option<&Incarnation>) -> queue::Draft {
        let (line, draft) = (self.plan.line, self.plan.draft);
        let key = conversations::order_key(&self.touched.id);
        queue::Draft {
            lane: queue::send_lane(&line.id),
            task: Task::SendMessage(draft.id.clone()),
            unique_key: None,
            order: Some(Order { key, seq: self.touched.seq }),
            run_at: draft.now,
            origin: origin.cloned(),
        }
    }

    fn accepted(self, job: Option<Job>) -> Accepted {
        let status = self.status();
        let target = self.target();
        let Self {
            plan: Plan { draft, line, participant, .. },
            channel,
            effect,
            reply,
            touched,
            is_moving,
            ..
        } = self;
        let (reply_to, reply_unresolved) = reply;
        let handover = |job| (job, handover(draft, line, channel, target, effect, reply_to));
        Accepted {
            id: draft.id.clone(),
            conversation_id: touched.id,
            status,
            channel,
            from: line.e164.clone(),
            to: participant,
            media_urls: draft.media_urls.clone(),
            reply_to: draft.reply_to.clone(),
            reply_unresolved,
            direct: job.map(handover),
            is_moving,
        }
    }

    fn target(&self) -> Target {
        let group_id = self.plan.participant.clone();
        match (&self.plan.draft.to, &self.members) {
            (Recipient::One(Address::Group(_)), _) => {
                Target::Group { group_id, provider_id: self.group_provider_id.clone() }
            }
            (Recipient::NewGroup(..), Some(members)) => {
                Target::NewGroup { group_id, members: members.clone() }
            }
            (Recipient::NewGroup(..) | Recipient::One(_), _) => Target::Person(group_id),
        }
    }
}

fn insert(tx: &mut Tx<'_>, decided: &[Decided<'_>]) -> Result<()> {
    let rows: Vec<_> = decided.iter().map(Decided::row).collect();
    tx.insert(
        "INSERT INTO messages (id, account_id, conversation_id, number_id, agent_id, direction, channel, status,
             from_address, to_address, body, media_urls, received_at, encoding, segments, effect, reply_to,
             reply_unresolved, answers, attempt, route)",
        &rows,
        "",
    )?;
    Ok(())
}

/// The jobs that send the messages; those that are handed over directly come back, claimed.
fn enqueue(tx: &mut Tx<'_>, desk: &Desk<'_>, decided: &[Decided<'_>]) -> Result<Vec<Option<Job>>> {
    let now = decided.iter().map(|one| one.plan.draft.now).max().unwrap_or_default();
    let drafts: Vec<_> = decided.iter().map(|one| one.job(desk.me)).collect();
    let leases = decided.iter().map(|one| desk.me.filter(|_| one.is_direct));
    queue::enqueue_all(tx, desk.ids, now, &drafts.iter().zip(leases).collect::<Vec<_>>())
}

fn handover(
    draft: &Draft,
    line: &Line,
    channel: Channel,
    to: Target,
    effect: Option<Effect>,
    reply_to: Option<(MessageId, Option<String>)>,
) -> Handover {
    Handover {
        message_id: draft.id.clone(),
        carrier: Some(line.carrier.clone()),
        attempt: 1,
        from: line.e164.clone(),
        to,
        channel,
        body: draft.body.clone(),
        media_urls: draft.media_urls.clone(),
        effect: effect.filter(|_| channel == Channel::Imessage),
        reply_to,
    }
}
