//! A message that came: stored once however often its carrier offers it, with its conversation, meter row, event
//! and attachments in one unit. Several images become several messages.

use super::accept::{self, Desk};
use super::send::{Draft, Recipient, Sender};
use super::{Direction, Status};
use crate::address::Address;
use crate::channel::{Channel, PICTURES};
use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{AccountId, AgentId, ConversationId, GroupId, Ids, MessageId, NumberId};
use crate::phone::conversations::{self, Conversation, Member, Touch, Touched};
use crate::phone::events::{Emitter, Kind, Subject};
use crate::phone::lines::Lines;
use crate::phone::{consent, media, messages, reaches, usage};
use crate::text;

/// Longest inbound text that is kept, in characters.
const CHARACTERS: usize = 10_000;

/// What arrived, with the ids that it will have, made before so that the unit can run again.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Names the text once and for all, as its carrier does.
    pub provider_id: String,
    pub from: String,
    pub to: String,
    pub group: Option<ArrivedGroup>,
    pub channel: Channel,
    pub body: String,
    pub media_urls: Vec<String>,
    pub reply_to: Option<String>,
    /// How long the event waits for the attachments.
    pub media_deadline: Time,
}

#[derive(Clone, Debug)]
pub struct ArrivedGroup {
    pub provider_id: String,
    pub name: Option<String>,
    pub members: Vec<Member>,
}

/// Our number that it came to.
pub struct Line {
    pub id: NumberId,
    pub account: AccountId,
    agent: Option<AgentId>,
    echo: bool,
}

/// Stores what arrived; answers our id of it (the first one), or `None` when the number is nobody's.
pub fn receive(
    tx: &mut Tx<'_>,
    ids: &Ids,
    lines: &Lines,
    emitter: &mut Emitter,
    now: Time,
    arrived: &Arrived,
) -> Result<Option<MessageId>> {
    let Some(line) = line(tx, &arrived.to)? else { return Ok(None) };
    if let Some(id) = known(tx, &line.id, &arrived.provider_id)? {
        return Ok(Some(id));
    }
    let conversation = match &arrived.group {
        Some(group) => Some(group_conversation(tx, ids, &line, group, now)?),
        None => None,
    };
    let pictures = if arrived.media_urls.is_empty() {
        vec![None]
    } else {
        arrived.media_urls.iter().take(PICTURES).map(Some).collect()
    };
    if arrived.channel == Channel::Imessage && conversation.is_none() {
        on_imessage(tx, &line, &arrived.from, now)?;
    }
    let mut first = None;
    for (position, picture) in pictures.into_iter().enumerate() {
        let id = store(tx, ids, emitter, now, &line, arrived, conversation.as_ref(), position, picture)?;
        first.get_or_insert(id);
    }
    if let (Some(id), true) = (&first, line.echo) {
        echo(tx, ids, lines, emitter, now, &line, arrived, id)?;
    }
    Ok(first)
}

/// The number in service that is spelled so.
pub fn line(tx: &mut Tx<'_>, e164: &str) -> Result<Option<Line>> {
    tx.optional(
        "SELECT id, account_id, agent_id, echo FROM numbers WHERE e164 = ?1 AND status <> 'released'",
        &[&e164],
        |row| Ok(Line { id: row.get(0)?, account: row.get(1)?, agent: row.get(2)?, echo: row.get(3)? }),
    )
}

fn known(tx: &mut Tx<'_>, number: &NumberId, provider_id: &str) -> Result<Option<MessageId>> {
    let sql = "SELECT id FROM messages WHERE number_id = ?1 AND provider_id = ?2";
    tx.optional(sql, &[number, &provider_id], |row| row.get(0))
}

/// The thread of a group, made when first seen, with its roster as last seen.
fn group_conversation(
    tx: &mut Tx<'_>,
    ids: &Ids,
    line: &Line,
    group: &ArrivedGroup,
    now: Time,
) -> Result<Conversation> {
    if conversations::of_group(tx, &line.id, &group.provider_id)?.is_none() {
        let ours = group.provider_id.starts_with(GroupId::PREFIX);
        // Not a random one: of two processes that hear of the group at once, one has to see the other's thread.
        let participant = if ours {
            group.provider_id.clone()
        } else {
            GroupId::of(&line.id, &group.provider_id).to_string()
        };
        conversations::open_group(
            tx,
            &ConversationId::new(ids),
            &line.account,
            &line.id,
            line.agent.as_ref(),
            &participant,
            now,
        )?;
        let opened = conversations::of_participant(tx, &line.id, &participant)?;
        if let Some(opened) = &opened {
            conversations::group_seen(
                tx,
                &opened.id,
                &group.provider_id,
                group.name.as_deref(),
                &group.members,
            )?;
        }
    }
    let found = conversations::of_group(tx, &line.id, &group.provider_id)?;
    let found = found.ok_or_else(|| anyhow::anyhow!("a group's conversation was just opened"))?;
    conversations::group_seen(tx, &found.id, &group.provider_id, group.name.as_deref(), &group.members)?;
    Ok(found)
}

/// The person writes by iMessage: so they are answered there, whatever was found out before.
fn on_imessage(tx: &mut Tx<'_>, line: &Line, person: &str, now: Time) -> Result<()> {
    reaches::seen(tx, &line.account, person, true, now)?;
    tx.execute(
        "UPDATE conversations SET no_imessage_until = NULL
         WHERE number_id = ?1 AND participant = ?2 AND no_imessage_until IS NOT NULL",
        &[&line.id, &person],
    )?;
    Ok(())
}

/// A group that our number was added to, or whose roster or name changed.
pub fn group_changed(tx: &mut Tx<'_>, ids: &Ids, now: Time, to: &str, group: &ArrivedGroup) -> Result<()> {
    let Some(line) = line(tx, to)? else { return Ok(()) };
    group_conversation(tx, ids, &line, group, now)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one row with all it refers to")]
fn store(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    line: &Line,
    arrived: &Arrived,
    group: Option<&Conversation>,
    position: usize,
    picture: Option<&String>,
) -> Result<MessageId> {
    let id = MessageId::new(ids);
    let body: String =
        if position == 0 { arrived.body.chars().take(CHARACTERS).collect() } else { String::new() };
    let channel = match arrived.channel {
        Channel::Sms | Channel::Mms => Channel::cellular(picture.is_some()),
        Channel::Imessage => Channel::Imessage,
    };
    let participant = group.map_or(arrived.from.as_str(), |group| group.participant.as_str());
    let touched = conversations::touch(
        tx,
        &Touch {
            id: &ConversationId::new(ids),
            account: &line.account,
            number: &line.id,
            agent: line.agent.as_ref(),
            participant,
            channel,
            body: &body,
            now,
            new_group: None,
        },
    )?;
    let size = text::segments(&body);
    let segments = if channel == Channel::Sms { size.count } else { 0 };
    let sender = group.map(|_| arrived.from.clone());
    let row =
        Row { id: &id, line, arrived, touched: &touched, channel, size: &size, sender, position, segments };
    insert(tx, &row, &body)?;
    count_and_tell(tx, ids, emitter, now, &row, picture)?;
    Ok(id)
}

/// What a message's row is made of.
struct Row<'a> {
    id: &'a MessageId,
    line: &'a Line,
    arrived: &'a Arrived,
    touched: &'a Touched,
    channel: Channel,
    size: &'a text::Segments,
    /// Who of a group wrote it.
    sender: Option<String>,
    /// Which picture of several it is.
    position: usize,
    segments: i64,
}

fn insert(tx: &mut Tx<'_>, row: &Row<'_>, body: &str) -> Result<()> {
    let Row { id, line, arrived, touched, channel, size, sender, position, segments } = row;
    let reply_to = quoted(tx, &line.id, arrived.reply_to.as_deref())?;
    let keyword = if sender.is_none() && *position == 0 { consent::keyword(body) } else { None };
    tx.execute(
        "INSERT INTO messages (id, account_id, conversation_id, number_id, agent_id, direction, channel, status,
             from_address, to_address, body, media_urls, received_at, encoding, segments, sender, reply_to,
             reply_unresolved, provider_id, keyword)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, '[]', ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        &[
            *id,
            &line.account,
            &touched.id,
            &line.id,
            &line.agent,
            &Direction::Inbound,
            channel,
            &Status::Received,
            &arrived.from,
            &arrived.to,
            &body,
            &touched.at,
            &size.encoding,
            segments,
            sender,
            &reply_to,
            &reply_to.as_ref().map(|_| false),
            &picture_name(&arrived.provider_id, *position),
            &keyword,
        ],
    )?;
    Ok(())
}

/// The meter counts the message, and whoever wants to know of it is told, once its picture is fetched.
fn count_and_tell(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    row: &Row<'_>,
    picture: Option<&String>,
) -> Result<()> {
    let Row { id, line, arrived, touched, channel, segments, .. } = *row;
    let (account, number, direction) = (&line.account, &line.id, Direction::Inbound);
    usage::count(
        tx,
        &usage::Counted { account, number, message: id, direction, channel, segments, at: now },
    )?;
    let mut wait_until = None;
    if let Some(url) = picture {
        media::expect(tx, ids, now, account, id, url)?;
        wait_until = Some(arrived.media_deadline);
    }
    let subject = Subject { account, number, conversation: &touched.id, message: Some(id), channel };
    emitter.emit(tx, ids, now, Kind::AgentMessage, &subject, wait_until)
}

/// What names one picture of several that came together: the first has the carrier's name of the whole.
fn picture_name(provider_id: &str, position: usize) -> String {
    if position == 0 { provider_id.to_owned() } else { format!("{provider_id}#{position}") }
}

/// The carrier's name of the whole, and which picture of it `name` is.
pub fn picture_of(name: &str) -> (&str, u32) {
    let split = name.rsplit_once('#').and_then(|(whole, part)| Some((whole, part.parse().ok()?)));
    split.unwrap_or((name, 0))
}

/// Our id of the message that a person quotes or reacts to, by ours or the carrier's.
pub fn quoted(tx: &mut Tx<'_>, number: &NumberId, parent: Option<&str>) -> Result<Option<MessageId>> {
    let Some(parent) = parent else { return Ok(None) };
    if let Some(message) = messages::find(tx, &MessageId::from_text(parent))?
        && message.number_id == *number
    {
        return Ok(Some(message.id));
    }
    known(tx, number, parent)
}

/// A starter number answers with what it was sent until a webhook covers it.
#[expect(clippy::too_many_arguments, reason = "a reply needs what an arrival has")]
fn echo(
    tx: &mut Tx<'_>,
    ids: &Ids,
    lines: &Lines,
    emitter: &mut Emitter,
    now: Time,
    line: &Line,
    arrived: &Arrived,
    id: &MessageId,
) -> Result<()> {
    let Some(message) = messages::find(tx, id)? else { return Ok(()) };
    let subject = Subject {
        account: &line.account,
        number: &line.id,
        conversation: &message.conversation_id,
        message: Some(id),
        channel: message.channel,
    };
    if message.keyword.is_some() || arrived.body.is_empty() || emitter.is_covered(tx, &subject, now)? {
        return Ok(());
    }
    let participant = conversations::find(tx, &message.conversation_id)?.map(|found| found.participant);
    let draft = Draft {
        id: MessageId::new(ids),
        conversation_id: ConversationId::new(ids),
        account: line.account.clone(),
        sender: Sender { number_id: Some(line.id.clone()), ..Sender::default() },
        to: Recipient::One(Address::from_stored(participant.unwrap_or_else(|| arrived.from.clone()))),
        body: format!("Echo: {}", message.body.chars().take(1_500).collect::<String>()),
        media_urls: Vec::new(),
        reply_to: None,
        effect: None,
        cellular_only: message.channel != Channel::Imessage,
        answers: Some(id.clone()),
        now,
    };
    match accept::accept(tx, &Desk { ids, lines, me: None }, &draft) {
        // A person who cannot be answered has still been heard.
        Ok(_) | Err(Error::Refused { .. } | Error::Later { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
