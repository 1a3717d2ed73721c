//! What carriers bring in, in shapes that the simulated network never sends: receipts that name nothing but the
//! carrier's own id or another channel, characters that a database cannot hold, acts on what is gone meanwhile.

use std::sync::Arc;

use agentphone::channel::Channel;
use agentphone::clock::Time;
use agentphone::error::{Code, Error};
use agentphone::id::{ActId, ConversationId, Ids, MessageId};
use agentphone::phone::acts;
use agentphone::phone::conversations::{self, Member};
use agentphone::phone::events::Emitter;
use agentphone::phone::messages::Status;
use agentphone::phone::messages::receive::{self, Arrived, ArrivedGroup};
use agentphone::phone::messages::settle::{self, Receipt, Report};
use serde_json::json;

use crate::server::{ADA, BOB, Line, TestServer};

fn receipt(carrier: &str, message_id: Option<&str>, provider_id: Option<&str>, at: Time) -> Receipt {
    Receipt {
        carrier: Arc::from(carrier),
        message_id: message_id.map(MessageId::from_text),
        provider_id: provider_id.map(str::to_owned),
        report: Report::Delivered,
        channel: Some(Channel::Sms),
        at,
    }
}

impl TestServer {
    /// Two iMessages of which the carrier has said nothing since it took them, the first as `theirs_1`.
    async fn two_sent(&self, line: &Line) -> [String; 2] {
        let mut ids = [String::new(), String::new()];
        for (id, person) in ids.iter_mut().zip([ADA, BOB]) {
            self.sim("PUT", &format!("/sim/handsets/{person}"), Some(&json!({"imessage": true}))).await;
            self.send(line, person, "Hello").await["id"].as_str().unwrap().clone_into(id);
            self.becomes(id, Status::Delivered).await;
        }
        self.write(|tx| {
            tx.execute(
                "UPDATE messages SET status = 'sent', delivered_at = NULL, delivered_channel = NULL",
                &[],
            )
        })
        .await;
        let first = ids[0].clone();
        self.write(move |tx| {
            tx.execute("UPDATE messages SET provider_id = 'theirs_1' WHERE id = ?1", &[&first])
        })
        .await;
        ids
    }

    async fn report(&self, receipts: Vec<Receipt>) {
        let (ids, now) = (Ids::from_seed(self.setting.clock.clone(), 79), self.app.clock.now());
        let unit = move |tx: &mut agentphone::db::Tx<'_>| {
            let receipts: Vec<&Receipt> = receipts.iter().collect();
            settle::report_all(tx, &ids, &mut Emitter::default(), now, &receipts)
        };
        self.write(unit).await;
    }
}

#[tokio::test]
async fn a_receipt_by_the_carriers_own_id_counts_for_its_own_messages_only() {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    let [id, _] = server.two_sent(&line).await;
    let at = server.app.clock.now();
    server.report(vec![receipt("elsewhere", None, Some("theirs_1"), at)]).await;
    assert_eq!(server.message(&id).await.status, Status::Sent, "another carrier's names are its own");
    server.report(vec![receipt("simulated", None, Some("theirs_2"), at)]).await;
    assert_eq!(server.message(&id).await.status, Status::Sent);
    server.report(vec![receipt("simulated", None, Some("theirs_1"), at)]).await;
    assert_eq!(server.message(&id).await.status, Status::Delivered);
}

#[tokio::test]
async fn receipts_that_come_together_say_each_by_which_channel() {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    let [one, two] = server.two_sent(&line).await;
    let at = server.app.clock.now();
    let silent = Receipt { channel: None, ..receipt("simulated", Some(&two), None, at) };
    server.report(vec![receipt("simulated", Some(&one), None, at), silent]).await;
    let channel = async |id: &str| server.message(id).await.delivered_channel;
    assert_eq!(channel(&one).await, Some(Channel::Sms), "as the receipt says");
    assert_eq!(channel(&two).await, Some(Channel::Imessage), "as it was sent");
}

#[tokio::test]
async fn no_character_of_an_arrival_keeps_it_from_being_stored() {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    let nul = |text: &str| format!("{text}\0");
    let member = Member { identifier: ADA.to_owned(), name: Some(nul("Ada")) };
    let arrived = Arrived {
        provider_id: nul("in_1"),
        from: nul("ada@example.com"),
        to: line.number.clone(),
        group: Some(ArrivedGroup {
            provider_id: nul("chat7"),
            name: Some(nul("Ride")),
            members: vec![member],
        }),
        channel: Channel::Imessage,
        body: nul("Hello"),
        media_urls: vec![nul("https://example.com/a.png")],
        reply_to: Some(nul("in_0")),
        media_deadline: server.app.clock.now(),
    };
    for _ in 0..2 {
        let (ids, lines) = (Ids::from_seed(server.setting.clock.clone(), 80), server.app.lines.clone());
        let (now, arrived) = (server.app.clock.now(), arrived.clone());
        let unit = move |tx: &mut agentphone::db::Tx<'_>| {
            receive::receive(tx, &ids, &lines, &mut Emitter::default(), now, &arrived)
        };
        assert!(server.write(unit).await.is_some());
    }
    let page = server.get(&format!("/v1/numbers/{}/messages", line.id)).await;
    let rows = page["data"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "it is known again by its name: {page}");
    assert_eq!(rows[0]["body"], "Hello\u{fffd}");
    assert_eq!(rows[0]["senderIdentifier"], "ada@example.com\u{fffd}");
}

#[tokio::test]
async fn an_act_is_judged_by_the_number_as_it_is_when_it_is_stored() {
    let server = TestServer::start().await;
    let line = server.buy_number("imessage").await;
    server.two_sent(&line).await;
    let listed = server.get("/v1/conversations").await;
    let id = ConversationId::from_text(listed["data"][0]["id"].as_str().unwrap());
    let seen = server.write(move |tx| conversations::find(tx, &id)).await.unwrap();
    server.delete(&format!("/v1/numbers/{}", line.id), 200).await;
    let ids = Ids::from_seed(server.setting.clock.clone(), 81);
    let draft = acts::Draft {
        id: ActId::new(&ids),
        kind: acts::Kind::Typing,
        message_id: None,
        value: None,
        hash: None,
        version: None,
        now: server.app.clock.now(),
    };
    let unit = move |tx: &mut agentphone::db::Tx<'_>| acts::accept(tx, &ids, None, &seen, &draft);
    let answer = server.app.db.write(unit).await;
    assert!(matches!(answer, Err(Error::Refused { code: Code::NoSendingNumber, .. })), "{answer:?}");
}
