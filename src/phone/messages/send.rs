//! Accepting a message: who sends, by which channel, whether it may; then message, conversation and job are
//! written in one unit. Where nothing stands in its way the unit itself marks it `sending` and hands back what
//! the carrier needs, so that the hand-over can begin right after the flush.

use super::{Direction, Effect, Route, Status, urls};
use crate::address::{Address, E164};
use crate::channel::Channel;
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, AgentId, ConversationId, GroupId, Ids, Incarnation, MessageId, NumberId};
use crate::phone::conversations::{self, Conversation, Touch};
use crate::phone::lines::Lines;
use crate::phone::messages;
use crate::queue::{self, Job, Order, Task};
use crate::text;

/// Longest body by SMS and MMS, in characters.
pub const CELLULAR_CHARACTERS: usize = 1_600;
/// Longest body by any channel.
pub const CHARACTERS: usize = 10_000;

/// Which of an account's numbers sends; the first one given decides.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    pub from_number: Option<E164>,
    pub number_id: Option<NumberId>,
    pub agent_id: Option<AgentId>,
}

#[derive(Clone, Debug)]
pub enum Recipient {
    One(Address),
    /// A new group of these people, to be known by this id.
    NewGroup(GroupId, Vec<Address>),
}

/// A message to accept. Everything random or timed was made before, so that the unit can run again.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: MessageId,
    /// The conversation's id, should it be a new one.
    pub conversation_id: ConversationId,
    pub account: AccountId,
    pub sender: Sender,
    pub to: Recipient,
    pub body: String,
    pub media_urls: Vec<String>,
    pub reply_to: Option<MessageId>,
    pub effect: Option<Effect>,
    /// SMS and MMS only, never iMessage.
    pub cellular_only: bool,
    /// The inbound message that this one answers inline: at most one does.
    pub answers: Option<MessageId>,
    pub now: Time,
}

/// What a carrier needs to know of a message, as plain data.
#[derive(Clone, Debug)]
pub struct Handover {
    pub message_id: MessageId,
    pub carrier: String,
    pub attempt: i64,
    pub from: String,
    pub to: Target,
    pub channel: Channel,
    pub body: String,
    pub media_urls: Vec<String>,
    pub effect: Option<Effect>,
    pub reply_to: Option<(MessageId, Option<String>)>,
}

/// To whom, as the carrier sees it.
#[derive(Clone, Debug)]
pub enum Target {
    Person(String),
    Group { group_id: String, provider_id: Option<String> },
    NewGroup { group_id: String, members: Vec<String> },
}

/// An accepted message.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub status: Status,
    pub channel: Channel,
    pub from: String,
    pub to: String,
    pub media_urls: Vec<String>,
    pub reply_to: Option<MessageId>,
    pub reply_unresolved: Option<bool>,
    /// Marked `sending` by this very unit: hand it over now.
    pub direct: Option<(Job, Handover)>,
    /// Nothing stands before it, so that waiting for the carrier's answer makes sense.
    pub is_moving: bool,
}

/// The number a message leaves from.
struct Line {
    id: NumberId,
    e164: String,
    is_imessage: bool,
    carrier: String,
    agent_id: Option<AgentId>,
}

/// Accepts `draft`. `me` is this process, if it may hand messages over directly.
pub fn accept(
    tx: &mut Tx<'_>,
    ids: &Ids,
    lines: &Lines,
    me: Option<&Incarnation>,
    draft: &Draft,
) -> Result<Accepted> {
    let line = sending_line(tx, draft)?;
    let able = lines.get(&line.carrier);
    let participant = match &draft.to {
        Recipient::One(address) => address.as_str().to_owned(),
        Recipient::NewGroup(group, _) => group.to_string(),
    };
    let known =
        if line.is_imessage { conversations::of_participant(tx, &line.id, &participant)? } else { None };
    let imessage = line.is_imessage
        && able.is_some_and(|able| able.imessage)
        && !draft.cellular_only
        && known.as_ref().is_none_or(|known| known.may_be_on_imessage(draft.now));
    let channel = choose_channel(draft, imessage)?;
    let route = route(draft, &line, channel, known.as_ref());
    if let Recipient::One(Address::Group(group)) = &draft.to
        && known.is_none()
    {
        return Err(Error::missing(Code::GroupNotFound, "group", group));
    }
    // Consent, registration and allowances (contract 14 and 19) are asked here and nowhere else.
    let (reply_to, reply_unresolved) =
        resolve_reply(tx, draft, channel, known.as_ref().map(|known| &known.id))?;

    let agent_id = draft.sender.agent_id.clone().or(line.agent_id.clone());
    let members = match &draft.to {
        Recipient::NewGroup(_, members) => {
            Some(members.iter().map(|member| member.as_str().to_owned()).collect::<Vec<_>>())
        }
        Recipient::One(_) => None,
    };
    let touched = conversations::touch(
        tx,
        &Touch {
            id: &draft.conversation_id,
            account: &draft.account,
            number: &line.id,
            agent: agent_id.as_ref(),
            participant: &participant,
            channel,
            body: &draft.body,
            now: draft.now,
            new_group: members.as_deref(),
        },
    )?;
    let order = Order { key: conversations::order_key(&touched.id), seq: touched.seq };
    let is_moving = able.is_some_and(super::super::lines::Ability::is_up) && !touched.is_waiting;
    let direct = match me {
        Some(me) if is_moving && queue::store::holds_lane(tx, line.id.as_str(), me, draft.now)? => Some(me),
        Some(_) | None => None,
    };
    let status = if direct.is_some() { Status::Sending } else { Status::Queued };
    let row = NewRow {
        draft,
        line: &line,
        agent_id,
        channel,
        route,
        status,
        reply_unresolved,
        participant: &participant,
    };
    row.insert(tx, &touched)?;
    let job = queue::Draft {
        lane: queue::send_lane(&line.id),
        task: Task::SendMessage(draft.id.clone()),
        unique_key: None,
        order: Some(order),
        run_at: draft.now,
        origin: me.cloned(),
    };
    let direct = if let Some(me) = direct {
        let job = queue::enqueue_claimed(tx, ids, draft.now, &job, me)?;
        let target = target_of(draft, &participant, &touched);
        Some((job, handover(draft, &line, channel, target, reply_to)))
    } else {
        queue::enqueue(tx, ids, draft.now, &job)?;
        None
    };
    Ok(Accepted {
        id: draft.id.clone(),
        conversation_id: touched.id,
        status,
        channel,
        from: line.e164,
        to: participant,
        media_urls: draft.media_urls.clone(),
        reply_to: draft.reply_to.clone(),
        reply_unresolved,
        direct,
        is_moving,
    })
}

/// `from_number`, else `number_id`, else the agent's first number. A given agent must exist even when it loses.
fn sending_line(tx: &mut Tx<'_>, draft: &Draft) -> Result<Line> {
    let Sender { from_number, number_id, agent_id } = &draft.sender;
    if let Some(agent) = agent_id
        && !tx.exists("SELECT 1 FROM agents WHERE id = ?1 AND account_id = ?2", &[agent, &draft.account])?
    {
        return Err(Error::missing(Code::AgentNotFound, "agent", agent));
    }
    let select = "SELECT id, e164, kind, status, carrier, agent_id FROM numbers WHERE account_id = ?1
                  AND status <> 'released' AND";
    let read = |row: crate::db::Row<'_>| {
        let line = Line {
            id: row.get(0)?,
            e164: row.get(1)?,
            is_imessage: row.get::<String>(2)? == "imessage",
            carrier: row.get(4)?,
            agent_id: row.get(5)?,
        };
        Ok((line, row.get::<String>(3)?))
    };
    let found = match (from_number, number_id, agent_id) {
        (Some(from), _, _) => tx
            .optional(&format!("{select} e164 = ?2"), &[&draft.account, &from.as_str()], read)?
            .ok_or_else(|| Error::missing(Code::PhoneNumberNotFound, "number", from)),
        (None, Some(id), _) => tx
            .optional(&format!("{select} id = ?2"), &[&draft.account, id], read)?
            .ok_or_else(|| Error::missing(Code::NumberNotFound, "number", id)),
        (None, None, Some(agent)) => tx
            .optional(
                &format!("{select} agent_id = ?2 ORDER BY attached_at, id LIMIT 1"),
                &[&draft.account, agent],
                read,
            )?
            .ok_or_else(|| {
                Error::refused(Code::NoSendingNumber, format!("Agent {agent} has no number to send from"))
            }),
        (None, None, None) => {
            let message = "one of from_number, number_id and agent_id is required";
            Err(Error::field("from_number", "missing", message))
        }
    };
    let (line, status) = found?;
    match status.as_str() {
        "suspended" => {
            Err(Error::refused(Code::NumberSuspended, format!("Number {} is suspended", line.e164)))
        }
        _ => Ok(line),
    }
}

/// Contract 6.2.
fn choose_channel(draft: &Draft, imessage: bool) -> Result<Channel> {
    if imessage && !matches!(draft.to, Recipient::One(Address::ShortCode(_))) {
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
fn route(draft: &Draft, line: &Line, channel: Channel, known: Option<&Conversation>) -> Route {
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

/// The quoted message's carrier ids if it can be threaded, and what to say of it.
type Reply = (Option<(MessageId, Option<String>)>, Option<bool>);

fn resolve_reply(
    tx: &mut Tx<'_>,
    draft: &Draft,
    channel: Channel,
    thread: Option<&ConversationId>,
) -> Result<Reply> {
    let Some(parent) = &draft.reply_to else { return Ok((None, None)) };
    if channel != Channel::Imessage {
        return Ok((None, Some(true)));
    }
    let found = messages::find(tx, parent)?
        .filter(|found| Some(&found.conversation_id) == thread && found.channel == Channel::Imessage);
    Ok(match found {
        Some(found) => (Some((found.id, found.provider_id)), Some(false)),
        None => (None, Some(true)),
    })
}

fn target_of(draft: &Draft, participant: &str, touched: &conversations::Touched) -> Target {
    let group_id = participant.to_owned();
    match &draft.to {
        Recipient::One(Address::Group(_)) => {
            Target::Group { group_id, provider_id: touched.group_provider_id.clone() }
        }
        Recipient::One(_) => Target::Person(group_id),
        Recipient::NewGroup(_, members) => Target::NewGroup {
            group_id,
            members: members.iter().map(|member| member.as_str().to_owned()).collect(),
        },
    }
}

fn handover(
    draft: &Draft,
    line: &Line,
    channel: Channel,
    to: Target,
    reply_to: Option<(MessageId, Option<String>)>,
) -> Handover {
    Handover {
        message_id: draft.id.clone(),
        carrier: line.carrier.clone(),
        attempt: 1,
        from: line.e164.clone(),
        to,
        channel,
        body: draft.body.clone(),
        media_urls: draft.media_urls.clone(),
        effect: draft.effect.filter(|_| channel == Channel::Imessage),
        reply_to,
    }
}

struct NewRow<'a> {
    draft: &'a Draft,
    line: &'a Line,
    agent_id: Option<AgentId>,
    channel: Channel,
    route: Route,
    status: Status,
    reply_unresolved: Option<bool>,
    participant: &'a str,
}

impl NewRow<'_> {
    fn insert(&self, tx: &mut Tx<'_>, touched: &conversations::Touched) -> Result<()> {
        let draft = self.draft;
        let size = text::segments(&draft.body);
        let segments = if self.channel == Channel::Sms { size.count } else { 0 };
        let media = serde_json::to_string(&draft.media_urls).unwrap_or_else(|_| "[]".to_owned());
        let attempt = i64::from(self.status == Status::Sending);
        tx.execute(
            "INSERT INTO messages (id, account_id, conversation_id, number_id, agent_id, direction, channel, status,
                 from_address, to_address, body, media_urls, received_at, encoding, segments, effect, reply_to,
                 reply_unresolved, answers, attempt, route)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
            &[
                &draft.id,
                &draft.account,
                &touched.id,
                &self.line.id,
                &self.agent_id,
                &Direction::Outbound,
                &self.channel,
                &self.status,
                &self.line.e164,
                &self.participant,
                &draft.body,
                &media,
                &touched.at,
                &size.encoding,
                &segments,
                &draft.effect,
                &draft.reply_to,
                &self.reply_unresolved,
                &draft.answers,
                &attempt,
                &self.route,
            ],
        )?;
        Ok(())
    }
}

/// A queued message is claimed: marks it `sending` and gathers what its carrier needs. `None` if it needs no
/// hand-over any more.
pub fn begin(tx: &mut Tx<'_>, id: &MessageId) -> Result<Begun> {
    let claimed = tx.optional(
        "UPDATE messages SET status = 'sending', attempt = attempt + 1 WHERE id = ?1 AND status = 'queued'
         RETURNING number_id, conversation_id, attempt, from_address, to_address, channel, body, media_urls, effect,
                   reply_to, reply_unresolved",
        &[id],
        |row| {
            let handover = Handover {
                message_id: id.clone(),
                carrier: String::new(),
                attempt: row.get(2)?,
                from: row.get(3)?,
                to: Target::Person(row.get(4)?),
                channel: row.get(5)?,
                body: row.get(6)?,
                media_urls: urls(&row.get::<String>(7)?),
                effect: row.get(8)?,
                reply_to: row.get::<Option<MessageId>>(9)?.map(|parent| (parent, None)),
            };
            Ok((handover, row.get::<NumberId>(0)?, row.get::<ConversationId>(1)?, row.get::<Option<bool>>(10)?))
        },
    )?;
    let Some((mut handover, number, conversation, reply_unresolved)) = claimed else {
        let message = messages::find(tx, id)?;
        return Ok(match message {
            Some(message) if message.status == Status::Sending => Begun::InDoubt(Box::new(message)),
            Some(_) | None => Begun::Nothing,
        });
    };
    handover.carrier = tx.one("SELECT carrier FROM numbers WHERE id = ?1", &[&number], |row| row.get(0))?;
    if handover.channel == Channel::Imessage {
        thread(tx, &mut handover, &conversation, reply_unresolved)?;
    } else {
        (handover.effect, handover.reply_to) = (None, None);
    }
    Ok(Begun::HandOver(Box::new(handover)))
}

/// Fills in what only iMessage knows: the group and the quoted message.
fn thread(
    tx: &mut Tx<'_>,
    handover: &mut Handover,
    conversation: &ConversationId,
    reply_unresolved: Option<bool>,
) -> Result<()> {
    if let Target::Person(participant) = &handover.to
        && participant.starts_with(GroupId::PREFIX)
    {
        handover.to = conversations::target(tx, conversation, participant)?;
    }
    handover.reply_to = match (handover.reply_to.take(), reply_unresolved) {
        (Some((parent, _)), Some(false)) => {
            let provider_id = messages::find(tx, &parent)?.and_then(|parent| parent.provider_id);
            Some((parent, provider_id))
        }
        _ => None,
    };
    Ok(())
}

/// What a claimed job has to do.
pub enum Begun {
    HandOver(Box<Handover>),
    /// It was `sending` already: it may or may not have gone out. Never hand it over; ask.
    InDoubt(Box<messages::Message>),
    Nothing,
}
