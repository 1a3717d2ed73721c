//! Chat backgrounds: one a conversation, told apart by URL and by bytes, each change of picture with a version one
//! higher. The counter outlives a removal. A background goes out as an act; it is shown from the moment it was asked
//! for, until its carrier refuses it.

use crate::clock::Time;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ActId, BackgroundId, ConversationId, Ids, Incarnation};
use crate::phone::acts::{self, Act, Kind};
use crate::phone::conversations::Conversation;

/// The background of a conversation; without `picture` there is none.
#[derive(Clone, Debug)]
pub struct Background {
    pub picture: Option<Picture>,
    /// Changes of picture so far.
    pub version: i64,
}

#[derive(Clone, Debug)]
pub struct Picture {
    pub id: BackgroundId,
    pub url: String,
    /// Of its bytes.
    pub hash: String,
}

/// The background as it is, or as it was last asked for.
pub fn of(tx: &mut Tx<'_>, conversation: &ConversationId) -> Result<Background> {
    if let Some(act) = acts::under_way(tx, conversation, Kind::Background)? {
        let id = BackgroundId::from_text(act.id.as_str());
        let picture = act.value.map(|url| Picture { id, url, hash: act.hash.unwrap_or_default() });
        return Ok(Background { picture, version: act.version.unwrap_or(0) });
    }
    tx.one(
        "SELECT background_id, background_url, background_hash, background_version FROM conversations WHERE id = ?1",
        &[conversation],
        |row| {
            let (id, url): (Option<BackgroundId>, Option<String>) = (row.get(0)?, row.get(1)?);
            let hash = row.get::<Option<String>>(2)?.unwrap_or_default();
            let picture = id.zip(url).map(|(id, url)| Picture { id, url, hash });
            Ok(Background { picture, version: row.get(3)? })
        },
    )
}

/// Sets the picture as an act and answers what it will be, or, with `false`, what it is already.
pub fn set(
    tx: &mut Tx<'_>,
    ids: &Ids,
    me: Option<&Incarnation>,
    conversation: &Conversation,
    picture: &Picture,
    now: Time,
) -> Result<(Background, bool)> {
    let before = of(tx, &conversation.id)?;
    let same = |shown: &Picture| shown.url == picture.url || shown.hash == picture.hash;
    if before.picture.as_ref().is_some_and(same) {
        return Ok((before, false));
    }
    let version = before.version + 1;
    let act = acts::Draft {
        id: ActId::from_text(picture.id.as_str()),
        kind: Kind::Background,
        message_id: None,
        value: Some(picture.url.clone()),
        hash: Some(picture.hash.clone()),
        version: Some(version),
        now,
    };
    acts::accept(tx, ids, me, conversation, &act)?;
    Ok((Background { picture: Some(picture.clone()), version }, true))
}

/// Takes the picture away as an act; `false` if there is none.
pub fn remove(
    tx: &mut Tx<'_>,
    ids: &Ids,
    me: Option<&Incarnation>,
    conversation: &Conversation,
    id: &ActId,
    now: Time,
) -> Result<bool> {
    let before = of(tx, &conversation.id)?;
    if before.picture.is_none() {
        return Ok(false);
    }
    let act = acts::Draft {
        id: id.clone(),
        kind: Kind::Background,
        message_id: None,
        value: None,
        hash: None,
        version: Some(before.version),
        now,
    };
    acts::accept(tx, ids, me, conversation, &act)?;
    Ok(true)
}

/// The carrier has it, or may have it.
pub fn stands(tx: &mut Tx<'_>, act: &Act) -> Result<()> {
    let id = act.value.as_ref().map(|_| act.id.as_str().to_owned());
    tx.execute(
        "UPDATE conversations SET background_id = ?2, background_url = ?3, background_hash = ?4,
             background_version = ?5
         WHERE id = ?1",
        &[&act.conversation_id, &id, &act.value, &act.hash, &act.version.unwrap_or(0)],
    )?;
    Ok(())
}
