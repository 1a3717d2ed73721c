//! Reactions: one of a side on a message, a new one in place of the old. A person's is stored as it comes; ours goes
//! out as an act and stands once its carrier has it, but is shown from the moment it was asked for.

use std::collections::HashMap;

use serde_json::json;

use crate::channel::Channel;
use crate::clock::Time;
use crate::db::{Row, Tx};
use crate::error::{Code, Error, Result};
use crate::id::{AccountId, ActId, Ids, Incarnation, MessageId, ReactionId};
use crate::phone::acts::{self, Act, Kind as ActKind};
use crate::phone::conversations;
use crate::phone::events::{Emitter, Kind, Subject};
use crate::phone::lines::{Ability, Lines};
use crate::phone::messages::receive::{self, ArrivedGroup};
use crate::phone::messages::{self, Direction, Message, Status};
use crate::text;
use crate::words;

words! {
    /// The six that every line has.
    Word {
        Love = "love",
        Like = "like",
        Dislike = "dislike",
        Laugh = "laugh",
        Emphasize = "emphasize",
        Question = "question",
    }
}

/// A reaction as lists show it.
#[derive(Clone, Debug)]
pub struct Reaction {
    pub id: ReactionId,
    pub message_id: MessageId,
    /// The word or emoji.
    pub word: String,
    pub from: String,
    pub direction: Direction,
    pub created_at: Time,
    /// Ours, and its carrier may not have it.
    is_unconfirmed: bool,
}

/// So long may a person's reaction be, in characters.
const CHARACTERS: usize = 64;

fn read(row: Row<'_>) -> Result<Reaction> {
    Ok(Reaction {
        id: row.get(0)?,
        message_id: row.get(1)?,
        word: row.get(2)?,
        from: row.get(3)?,
        direction: row.get(4)?,
        created_at: row.get(5)?,
        is_unconfirmed: row.get::<Status>(6)? == Status::Unconfirmed,
    })
}

/// The reactions on these messages, oldest first.
pub fn on(tx: &mut Tx<'_>, messages: &[&MessageId]) -> Result<HashMap<MessageId, Vec<Reaction>>> {
    let mut found: HashMap<MessageId, Vec<Reaction>> = HashMap::new();
    let stand = "SELECT id, message_id, reaction, from_address, direction, created_at, status FROM reactions
         WHERE message_id IN ({list}) AND status <> 'removed' ORDER BY created_at, id";
    for reaction in tx.query_listed(stand, &[], messages.iter().copied(), read)? {
        found.entry(reaction.message_id.clone()).or_default().push(reaction);
    }
    let under_way =
        "SELECT a.id, a.message_id, COALESCE(a.value, ''), n.e164, 'outbound', a.created_at, a.status
         FROM acts a JOIN numbers n ON n.id = a.number_id
         WHERE a.message_id IN ({list}) AND a.status IN ('queued', 'sending') ORDER BY a.seq";
    for ours in tx.query_listed(under_way, &[], messages.iter().copied(), read)? {
        let shown = found.entry(ours.message_id.clone()).or_default();
        shown.retain(|other| other.direction != Direction::Outbound);
        if !ours.word.is_empty() {
            shown.push(ours);
        }
    }
    Ok(found)
}

/// A reaction of ours to accept; `None` takes ours back.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: ActId,
    pub account: AccountId,
    pub message: MessageId,
    pub reaction: Option<String>,
    pub now: Time,
}

/// What a wish to react came to.
pub enum Asked {
    /// The same stands already: nothing goes out.
    Stands(Reaction),
    /// There is none to take back: nothing goes out.
    Nothing,
    /// It is stored as an act.
    UnderWay,
}

/// Accepts `draft` as an act, unless it changes nothing.
pub fn react(
    tx: &mut Tx<'_>,
    ids: &Ids,
    lines: &Lines,
    me: Option<&Incarnation>,
    draft: &Draft,
) -> Result<Asked> {
    let message = messages::get(tx, &draft.account, &draft.message)?;
    if message.channel != Channel::Imessage {
        return Err(Error::refused(Code::ChannelNotSupported, "Only an iMessage can be reacted to"));
    }
    let conversation = conversations::get(tx, &draft.account, &message.conversation_id)?;
    check(lines.get(&conversation.carrier), draft.reaction.as_deref())?;
    let ours = ours_on(tx, &message)?;
    match (&draft.reaction, ours) {
        (None, None) => return Ok(Asked::Nothing),
        (Some(wanted), Some(stands)) if *wanted == stands.word && !stands.is_unconfirmed => {
            return Ok(Asked::Stands(stands));
        }
        (Some(_) | None, Some(_)) | (Some(_), None) => {}
    }
    let act = acts::Draft {
        id: draft.id.clone(),
        kind: ActKind::Reaction,
        message_id: Some(message.id),
        value: draft.reaction.clone(),
        hash: None,
        version: None,
        now: draft.now,
    };
    acts::accept(tx, ids, me, &conversation, &act)?;
    Ok(Asked::UnderWay)
}

/// Whether the line can react so.
fn check(able: Option<&Ability>, reaction: Option<&str>) -> Result<()> {
    let refused = |why: String| Err(Error::refused(Code::ReactionNotSupported, why));
    let Some(able) = able.filter(|able| able.imessage && able.reactions) else {
        return refused("This number's carrier takes no reactions".to_owned());
    };
    let Some(reaction) = reaction else { return Ok(()) };
    if Word::parse(reaction).is_some() {
        return Ok(());
    }
    let words = "love, like, dislike, laugh, emphasize and question";
    if !text::is_emoji(reaction) {
        return refused(format!("A reaction is one of {words}, or a single emoji"));
    }
    if able.emoji_reactions {
        return Ok(());
    }
    refused(format!("This number's carrier takes no other reactions than {words}"))
}

fn ours_on(tx: &mut Tx<'_>, message: &Message) -> Result<Option<Reaction>> {
    let all = on(tx, &[&message.id])?.remove(&message.id).unwrap_or_default();
    Ok(all.into_iter().find(|reaction| reaction.direction == Direction::Outbound))
}

/// The carrier has our reaction, or may have it.
pub fn stands(tx: &mut Tx<'_>, act: &Act) -> Result<()> {
    let Some(message) = &act.message_id else { return Ok(()) };
    let Some(reaction) = &act.value else {
        tx.execute("DELETE FROM reactions WHERE message_id = ?1 AND direction = 'outbound'", &[message])?;
        return Ok(());
    };
    let from: String =
        tx.one("SELECT e164 FROM numbers WHERE id = ?1", &[&act.number_id], |row| row.get(0))?;
    let row = NewRow {
        id: act.id.as_str(),
        account: &act.account_id,
        message,
        direction: Direction::Outbound,
        from: &from,
        reaction,
        status: act.status.as_str(),
        provider_id: None,
        at: act.created_at,
    };
    row.put(tx)
}

struct NewRow<'a> {
    id: &'a str,
    account: &'a AccountId,
    message: &'a MessageId,
    direction: Direction,
    from: &'a str,
    reaction: &'a str,
    status: &'a str,
    provider_id: Option<&'a str>,
    at: Time,
}

impl NewRow<'_> {
    /// In place of what the same side had.
    fn put(&self, tx: &mut Tx<'_>) -> Result<()> {
        tx.execute(
            "INSERT INTO reactions (id, account_id, message_id, direction, from_address, reaction, status, provider_id,
                 created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (message_id, direction, from_address) DO UPDATE SET id = EXCLUDED.id,
                 reaction = EXCLUDED.reaction, status = EXCLUDED.status, provider_id = EXCLUDED.provider_id,
                 created_at = EXCLUDED.created_at",
            &[
                &self.id,
                self.account,
                self.message,
                &self.direction,
                &self.from,
                &self.reaction,
                &self.status,
                &self.provider_id.map(str::to_owned),
                &self.at,
            ],
        )?;
        Ok(())
    }
}

/// A person's reaction as it came; `None` takes theirs back.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub provider_id: String,
    pub from: String,
    /// Our number.
    pub to: String,
    pub group: Option<ArrivedGroup>,
    /// Our id or the provider's.
    pub message_id: String,
    pub reaction: Option<String>,
    pub at: Time,
}

/// Stores a person's reaction, with its event if it says something new. One on a message that we do not know, and one
/// that was stored before, change nothing.
pub fn receive(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    arrived: &Arrived,
) -> Result<()> {
    let Some(line) = receive::line(tx, &arrived.to)? else { return Ok(()) };
    if let Some(group) = &arrived.group {
        receive::group_changed(tx, ids, now, &arrived.to, group)?;
    }
    let Some(message) = receive::quoted(tx, &line.id, Some(&arrived.message_id))? else { return Ok(()) };
    let Some(message) = messages::find(tx, &message)? else { return Ok(()) };
    let before = theirs(tx, &message.id, &arrived.from)?;
    if before.as_ref().is_some_and(|before| before.is_newer(arrived)) {
        return Ok(());
    }
    let before = before.and_then(|before| before.word);
    let reaction: Option<String> = arrived.reaction.as_deref().map(kept);
    let id = ReactionId::new(ids);
    let row = NewRow {
        id: id.as_str(),
        account: &line.account,
        message: &message.id,
        direction: Direction::Inbound,
        from: &arrived.from,
        reaction: reaction.as_deref().unwrap_or_default(),
        status: if reaction.is_some() { Status::Received.as_str() } else { "removed" },
        provider_id: Some(&arrived.provider_id),
        at: arrived.at,
    };
    row.put(tx)?;
    match reaction {
        Some(reaction) if before.as_ref() != Some(&reaction) => {
            tell(tx, ids, emitter, now, &message, &reaction, arrived)
        }
        Some(_) | None => Ok(()),
    }
}

/// The last word of a person on a message; `None` where it was taken back.
struct Theirs {
    word: Option<String>,
    provider_id: Option<String>,
    at: Time,
}

impl Theirs {
    /// Whether `arrived` is this very one, or older: a carrier offers again what it does not know to be stored.
    fn is_newer(&self, arrived: &Arrived) -> bool {
        self.provider_id.as_ref() == Some(&arrived.provider_id) || self.at > arrived.at
    }
}

fn theirs(tx: &mut Tx<'_>, message: &MessageId, from: &str) -> Result<Option<Theirs>> {
    tx.optional(
        "SELECT reaction, status, provider_id, created_at FROM reactions
         WHERE message_id = ?1 AND direction = 'inbound' AND from_address = ?2",
        &[message, &from],
        |row| {
            let stands = row.get::<String>(1)? != "removed";
            let word = row.get::<String>(0)?;
            Ok(Theirs { word: stands.then_some(word), provider_id: row.get(2)?, at: row.get(3)? })
        },
    )
}

fn tell(
    tx: &mut Tx<'_>,
    ids: &Ids,
    emitter: &mut Emitter,
    now: Time,
    message: &Message,
    reaction: &str,
    arrived: &Arrived,
) -> Result<()> {
    let subject = Subject {
        account: &message.account_id,
        number: &message.number_id,
        conversation: &message.conversation_id,
        message: Some(&message.id),
        channel: Channel::Imessage,
    };
    let told = json!({ "reactionType": reaction, "fromNumber": arrived.from, "createdAt": arrived.at });
    emitter.emit_with(tx, ids, now, Kind::AgentReaction, &subject, None, Some(&told.to_string()))
}

/// As it is stored: not longer than sensible, and without U+0000, which no `PostgreSQL` text can hold.
fn kept(reaction: &str) -> String {
    reaction.chars().take(CHARACTERS).map(|it| if it == '\0' { '\u{fffd}' } else { it }).collect()
}
