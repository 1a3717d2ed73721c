//! Chat backgrounds and the typing sign on /v1: what a conversation shows besides its messages.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use utoipa::ToSchema;

use crate::app::App;
use crate::channel::Channel;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::http::acting::{self, Accepted};
use crate::http::answer::Errors;
use crate::http::extract::{Caller, Path, Snake};
use crate::id::{AccountId, ActId, BackgroundId, ConversationId};
use crate::media_type;
use crate::phone::acts::{self, Kind};
use crate::phone::backgrounds::{self, Background, Picture};
use crate::phone::conversations::{self, Conversation};

/// So large may the picture of a background be.
const LARGEST: usize = 10 << 20;

/// A picture to put behind a conversation.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SetBackground {
    /// A public https URL of a JPEG, PNG, GIF, WebP or HEIC picture of 10 MB at most.
    #[schema(max_length = 2083)]
    image_url: String,
}

/// The background of a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackgroundView {
    conversation_id: String,
    #[schema(inline)]
    channel: Channel,
    has_background: bool,
    #[schema(required)]
    background_id: Option<String>,
    #[schema(required)]
    background_version: Option<i64>,
    changed: bool,
}

impl BackgroundView {
    fn of(conversation: &Conversation, background: Background, changed: bool) -> Self {
        let id = background.picture.map(|picture| picture.id.to_string());
        Self {
            conversation_id: conversation.id.to_string(),
            channel: Channel::Imessage,
            has_background: id.is_some(),
            background_version: id.as_ref().map(|_| background.version),
            background_id: id,
            changed,
        }
    }

    /// On SMS there are no backgrounds.
    fn without_effect(conversation: &Conversation) -> Self {
        Self {
            conversation_id: conversation.id.to_string(),
            channel: conversation.channel,
            has_background: false,
            background_id: None,
            background_version: None,
            changed: false,
        }
    }
}

/// Set a conversation's background
#[utoipa::path(post, path = "/v1/conversations/{id}/background", tag = "conversations", request_body = SetBackground,
    params(("id" = String, Path)), responses((status = 200, body = BackgroundView), Errors))]
pub async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Snake(SetBackground { image_url }): Snake<SetBackground>,
) -> Result<Json<BackgroundView>> {
    let url = app.net.guard().check_url(&image_url);
    let url = url.map_err(|problem| Error::field("image_url", "value", format!("image_url: {problem}")))?;
    let conversation = conversation(&app, caller.account, id).await?;
    if !acting::is_on_imessage(&app, &conversation) {
        return Ok(Json(BackgroundView::without_effect(&conversation)));
    }
    check(&app, &conversation)?;
    let shown = current(&app, &conversation).await?;
    if shown.picture.as_ref().is_some_and(|picture| picture.url == image_url) {
        return Ok(Json(BackgroundView::of(&conversation, shown, false)));
    }
    let bytes = fetch(&app, &url).await?;
    let hash = hex::encode(Sha256::digest(&bytes));
    let picture = Picture { id: BackgroundId::new(&app.ids), url: image_url, hash };
    let (background, changed) = put(&app, conversation.clone(), picture).await?;
    Ok(Json(BackgroundView::of(&conversation, background, changed)))
}

/// Get a conversation's background
#[utoipa::path(get, path = "/v1/conversations/{id}/background", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = BackgroundView), Errors))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<BackgroundView>> {
    let conversation = conversation(&app, caller.account, id).await?;
    if !acting::is_on_imessage(&app, &conversation) {
        return Ok(Json(BackgroundView::without_effect(&conversation)));
    }
    let shown = current(&app, &conversation).await?;
    Ok(Json(BackgroundView::of(&conversation, shown, false)))
}

/// Remove a conversation's background
#[utoipa::path(delete, path = "/v1/conversations/{id}/background", tag = "conversations",
    params(("id" = String, Path)), responses((status = 204, description = "There is none any more"), Errors))]
pub async fn remove(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode> {
    let conversation = conversation(&app, caller.account, id).await?;
    if !acting::is_on_imessage(&app, &conversation) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let (carrier, id, now) = (conversation.carrier.clone(), ActId::new(&app.ids), app.clock.now());
    let (here, act) = (app.clone(), id.clone());
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.db.presence().incarnation();
        let goes = backgrounds::remove(tx, &here.ids, me.as_ref(), &conversation, &act, now)?;
        Ok(if goes { Accepted::UnderWay(()) } else { Accepted::Already(()) })
    };
    acting::see_through(&app, &carrier, id, unit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a typing sign came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    conversation_id: String,
    #[schema(inline)]
    channel: Channel,
    status: &'static str,
}

/// Show that somebody is typing
#[utoipa::path(post, path = "/v1/conversations/{id}/typing", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = Typing), Errors))]
pub async fn typing(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Json<Typing>> {
    let conversation = conversation(&app, caller.account, id).await?;
    let conversation_id = conversation.id.to_string();
    let able = app.lines.get(&conversation.carrier).is_some_and(|able| able.typing);
    if !acting::is_on_imessage(&app, &conversation) || !able {
        let channel = match conversation.channel {
            Channel::Imessage => Channel::Imessage,
            Channel::Sms | Channel::Mms => Channel::Sms,
        };
        return Ok(Json(Typing { conversation_id, channel, status: "typing indicator not supported" }));
    }
    let (carrier, id) = (conversation.carrier.clone(), ActId::new(&app.ids));
    let (kind, now) = (Kind::Typing, app.clock.now());
    let draft =
        acts::Draft { id: id.clone(), kind, message_id: None, value: None, hash: None, version: None, now };
    let here = app.clone();
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.db.presence().incarnation();
        acts::accept(tx, &here.ids, me.as_ref(), &conversation, &draft).map(Accepted::UnderWay)
    };
    acting::see_through(&app, &carrier, id, unit).await?;
    Ok(Json(Typing { conversation_id, channel: Channel::Imessage, status: "typing indicator sent" }))
}

async fn conversation(app: &App, account: AccountId, id: String) -> Result<Conversation> {
    let id = ConversationId::from_text(id);
    app.db.read(move |tx| conversations::get(tx, &account, &id)).await
}

async fn current(app: &App, conversation: &Conversation) -> Result<Background> {
    let id = conversation.id.clone();
    app.db.read(move |tx| backgrounds::of(tx, &id)).await
}

/// Refuses where the carrier has no backgrounds.
fn check(app: &App, conversation: &Conversation) -> Result<()> {
    if app.lines.get(&conversation.carrier).is_some_and(|able| able.backgrounds) {
        return Ok(());
    }
    Err(Error::refused(Code::ChannelNotSupported, "This number's carrier takes no backgrounds"))
}

async fn put(app: &App, conversation: Conversation, picture: Picture) -> Result<(Background, bool)> {
    let (carrier, now) = (conversation.carrier.clone(), app.clock.now());
    let (here, id) = (app.clone(), ActId::from_text(picture.id.as_str()));
    let unit = move |tx: &mut Tx<'_>| {
        let me = here.db.presence().incarnation();
        let set = backgrounds::set(tx, &here.ids, me.as_ref(), &conversation, &picture, now)?;
        Ok(if set.1 { Accepted::UnderWay(set) } else { Accepted::Already(set) })
    };
    acting::see_through(app, &carrier, id, unit).await
}

/// The picture, if it can be had and is one.
async fn fetch(app: &App, url: &Url) -> Result<Bytes> {
    let refused = |why: String| Error::refused(Code::MediaNotUsable, format!("image_url: {why}"));
    let wait = Duration::from_secs(app.config.media.wait_seconds);
    let fetched = app.net.get(url, wait, LARGEST).await.map_err(|problem| refused(problem.to_string()))?;
    if !(200..300).contains(&fetched.status) {
        return Err(refused(format!("{url} answered {}", fetched.status)));
    }
    if !is_picture(&fetched.body) {
        return Err(refused("it is not a JPEG, PNG, GIF, WebP or HEIC picture".to_owned()));
    }
    Ok(fetched.body)
}

/// By its first bytes, whatever it says of itself.
fn is_picture(bytes: &[u8]) -> bool {
    const PICTURES: [&str; 5] = ["image/jpeg", "image/png", "image/gif", "image/webp", "image/heic"];
    media_type::of_bytes(bytes).is_some_and(|kind| PICTURES.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::is_picture;

    #[test]
    fn pictures_are_told_by_their_first_bytes() {
        for start in [
            &b"\xff\xd8\xff\xe0\x00\x10JFIF"[..],
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
            b"GIF89a\x01\x00",
            b"RIFF\x24\x00\x00\x00WEBPVP8 ",
            b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00",
        ] {
            assert!(is_picture(start), "{start:?}");
        }
        for start in
            [&b""[..], b"\xff\xd8", b"<svg xmlns", b"RIFF\x24\x00\x00\x00WAVE", b"\x00\x00\x00\x18ftypisom"]
        {
            assert!(!is_picture(start), "{start:?}");
        }
    }
}
