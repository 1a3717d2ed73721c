//! What a carrier cannot do is refused, or left out, before anything is handed over.

use std::collections::HashMap;

use agentphone::address::Address;
use agentphone::channel::Channel;
use agentphone::error::{Code, Error};
use agentphone::id::{ActId, ConversationId, GroupId, Ids, MessageId, NumberId};
use agentphone::phone::lines::{Ability, DailyLimits, Lines};
use agentphone::phone::messages::Effect;
use agentphone::phone::messages::accept;
use agentphone::phone::messages::send::{Accepted, Draft, Recipient, Sender};
use agentphone::phone::reactions;
use serde_json::Value;
use tokio::sync::watch;

use super::{blue, text};
use crate::server::{ADA, BOB, Line, TestServer};

/// A carrier of iMessages and of nothing beside the text.
fn plain() -> Ability {
    Ability {
        sms: true,
        mms: true,
        imessage: true,
        reactions: false,
        emoji_reactions: false,
        replies: false,
        effects: false,
        backgrounds: false,
        groups: false,
        typing: false,
        exclusive: false,
        daily: DailyLimits::default(),
        up: watch::channel(true).1,
    }
}

fn lines(able: Ability) -> Lines {
    Lines::new(HashMap::from([("simulated".to_owned(), able)]))
}

async fn accept(
    server: &TestServer,
    line: &Line,
    sent: &Value,
    to: Recipient,
    able: Ability,
) -> Result<Accepted, Code> {
    let ids = Ids::from_seed(server.setting.clock.clone(), 79);
    let account = server.message(&text(sent, "id")).await.account_id;
    let draft = Draft {
        id: MessageId::new(&ids),
        conversation_id: ConversationId::new(&ids),
        account,
        sender: Sender { number_id: Some(NumberId::from_text(&line.id)), ..Sender::default() },
        to,
        body: "!".to_owned(),
        media_urls: Vec::new(),
        reply_to: Some(MessageId::from_text(text(sent, "id"))),
        effect: Some(Effect::Slam),
        cellular_only: false,
        answers: None,
        now: server.app.clock.now(),
    };
    let lines = lines(able);
    let unit = move |tx: &mut agentphone::db::Tx<'_>| {
        accept::accept(tx, &accept::Desk { ids: &ids, lines: &lines, me: None }, &draft)
    };
    server.app.db.write(unit).await.map_err(|error| error.code())
}

#[tokio::test]
async fn effects_and_replies_are_left_out() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Hello").await;
    let ada = Recipient::One(Address::from_stored(ADA));
    let accepted = accept(&server, &line, &sent, ada, plain()).await.unwrap();
    assert_eq!((accepted.channel, accepted.reply_unresolved), (Channel::Imessage, Some(true)));
    assert_eq!(server.message(accepted.id.as_str()).await.effect, None);
}

#[tokio::test]
async fn groups_are_refused() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Hello").await;
    let ids = Ids::from_seed(server.setting.clock.clone(), 80);
    let people = vec![Address::from_stored(ADA), Address::from_stored(BOB)];
    let group = Recipient::NewGroup(GroupId::new(&ids), people);
    let refused = accept(&server, &line, &sent, group, plain()).await.unwrap_err();
    assert_eq!(refused, Code::ChannelNotSupported);
}

#[tokio::test]
async fn reactions_and_emoji_are_refused_where_there_are_none() {
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Hello").await;
    let message = server.message(&text(&sent, "id")).await;
    let words = Ability { reactions: true, ..plain() };
    let all = Ability { emoji_reactions: true, ..words.clone() };
    for (able, reaction, is_taken) in
        [(plain(), "love", false), (words.clone(), "love", true), (words, "🎉", false), (all, "🎉", true)]
    {
        let ids = Ids::from_seed(server.setting.clock.clone(), 81);
        let draft = reactions::Draft {
            id: ActId::new(&ids),
            account: message.account_id.clone(),
            message: message.id.clone(),
            reaction: Some(reaction.to_owned()),
            now: server.app.clock.now(),
        };
        let lines = lines(able);
        let unit = move |tx: &mut agentphone::db::Tx<'_>| {
            let taken = reactions::react(tx, &ids, &lines, None, &draft);
            match taken {
                // Only looked at: the unit comes to nothing.
                Ok(_) => Err(Error::refused(Code::NotFound, "taken")),
                Err(error) => Err::<(), _>(error),
            }
        };
        let code = server.app.db.write(unit).await.unwrap_err().code();
        let expected = if is_taken { Code::NotFound } else { Code::ReactionNotSupported };
        assert_eq!(code, expected, "{reaction}");
    }
    assert!(server.column("SELECT id FROM acts").await.is_empty());
}
