use super::*;
use crate::address::Region;
use crate::db::Db;
use crate::id::Ids;
use crate::net::{Guard, Policy};
use crate::testing;
use serde_json::{Value, json};

fn rules() -> Rules {
    Rules { region: Region::US, guard: Guard::new(Policy::default()) }
}

fn fields(value: Value) -> AgentFields {
    serde_json::from_value(value).unwrap()
}

async fn stored(db: &Db, ids: &Ids, account: &AccountId, name: &str) -> Agent {
    let agent = draft(AgentId::new(ids), fields(json!({"name": name})), testing::START, &rules()).unwrap();
    let (account, made) = (account.clone(), agent.clone());
    db.write(move |tx| create(tx, &account, &made)).await.unwrap();
    agent
}

/// A conversation of the agent, last active at that time.
async fn conversation(db: &Db, ids: &Ids, account: &AccountId, agent: &AgentId, at: i64) -> ConversationId {
    let (id, number) = (ConversationId::new(ids), NumberId::new(ids));
    let (account, agent, made) = (account.clone(), agent.clone(), id.clone());
    db.write(move |tx| {
        tx.execute(
            "INSERT INTO conversations (id, account_id, number_id, agent_id, participant, channel, last_message_at,
                                        last_message_preview, message_count, next_seq, created_at)
             VALUES (?1, ?2, ?3, ?4, '+14155550142', 'sms', ?5, '', 0, 0, ?5)",
            &[&made, &account, &number, &agent, &at],
        )?;
        Ok(())
    })
    .await
    .unwrap();
    id
}

async fn with_agent(db: &Db) -> Vec<ConversationId> {
    let sql = "SELECT id FROM conversations WHERE agent_id IS NOT NULL ORDER BY id";
    db.read(move |tx| tx.query(sql, &[], |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn pages_are_newest_first_and_ones_own() {
    let (db, ids, _, _folder) = testing::db().await;
    let (mine, other) = (testing::account(&db, &ids).await, testing::account(&db, &ids).await);
    let first = stored(&db, &ids, &mine, "first").await;
    let second = stored(&db, &ids, &mine, "second").await;
    let foreign = stored(&db, &ids, &other, "foreign").await;
    let account = mine.clone();
    let (page, total) = db.read(move |tx| list(tx, &account, 1, 1)).await.unwrap();
    assert_eq!((page, total), (vec![first.clone()], 2));
    let (account, id) = (mine.clone(), foreign.id);
    assert_eq!(db.read(move |tx| get(tx, &account, &id)).await.unwrap_err().code(), Code::AgentNotFound);
    let id = second.id.clone();
    assert_eq!(db.read(move |tx| get(tx, &mine, &id)).await.unwrap(), second);
}

#[tokio::test]
async fn a_change_is_stored_and_a_bad_one_is_not() {
    let (db, ids, _, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let id = stored(&db, &ids, &account, "before").await.id;
    let change = async |value: Value| {
        let (account, id, fields) = (account.clone(), id.clone(), fields(value));
        db.write(move |tx| update(tx, &account, &id, &fields, &rules())).await
    };
    change(json!({"name": "after", "systemPrompt": "Be kind"})).await.unwrap();
    assert!(change(json!({"name": "bad", "voiceSpeed": 3})).await.is_err());
    let hosted = change(json!({"voiceMode": "hosted"})).await.unwrap();
    assert_eq!((hosted.name.as_str(), hosted.profile.system_prompt.as_deref()), ("after", Some("Be kind")));
    let keys: Vec<String> =
        serde_json::to_value(&hosted).unwrap().as_object().unwrap().keys().cloned().collect();
    let expected = "id name description voiceMode enableMessaging modelTier systemPrompt beginMessage voice transferNumber
        customTools voicemailMessage callScreeningIdentity callScreeningPurpose sttMode ambientSound denoisingMode
        maxSilenceMs voiceSpeed interruptionSensitivity enableBackchannel language createdAt numbers";
    assert_eq!(keys, expected.split_whitespace().collect::<Vec<_>>());
}

#[tokio::test]
async fn conversations_outlive_their_agent() {
    let (db, ids, _, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let (gone, stays) =
        (stored(&db, &ids, &account, "gone").await.id, stored(&db, &ids, &account, "stays").await.id);
    // More than a batch, with many at one moment.
    for count in 0..650 {
        conversation(&db, &ids, &account, &gone, 1 + count / 400).await;
    }
    let kept = conversation(&db, &ids, &account, &stays, 2).await;
    let mut place = None;
    let mut units = 0;
    loop {
        let (owner, id) = (account.clone(), gone.clone());
        place = db.write(move |tx| forget_some(tx, &owner, &id, place.as_ref())).await.unwrap();
        units += 1;
        if place.is_none() {
            break;
        }
    }
    assert_eq!((units, with_agent(&db).await), (3, vec![kept.clone()]));
    conversation(&db, &ids, &account, &gone, 1000).await;
    let (owner, id) = (account.clone(), gone.clone());
    let name = db.write(move |tx| delete(tx, &owner, &id, Time::from_millis(900))).await.unwrap();
    assert_eq!((name.as_str(), with_agent(&db).await), ("gone", vec![kept]));
    let error = db.write(move |tx| delete(tx, &account, &gone, Time::default())).await.unwrap_err();
    assert_eq!(error.code(), Code::AgentNotFound);
}
