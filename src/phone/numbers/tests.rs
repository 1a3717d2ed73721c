use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::db::Db;
use crate::id::WebhookId;
use crate::phone::agents::Agent;
use crate::phone::profile::Profile;
use crate::phone::webhooks::Owner;
use crate::signature::Secret;
use crate::testing;

fn number(ids: &Ids, account: &AccountId, e164: &str) -> Number {
    Number {
        id: NumberId::new(ids),
        account_id: account.clone(),
        agent_id: None,
        e164: E164::from_stored(e164),
        country: "US".to_owned(),
        kind: NumberKind::Sms,
        status: NumberStatus::Active,
        carrier: "simulated".to_owned(),
        external_id: None,
        expires_at: None,
        echo: false,
        attached_at: None,
        created_at: testing::START,
    }
}

async fn store(db: &Db, ids: &Ids, number: &Number, quota: i64) -> Result<bool> {
    let secret = Secret::new(ids);
    let webhook = webhooks::of_new_number(
        WebhookId::new(ids),
        &number.account_id,
        &number.id,
        secret,
        number.created_at,
    );
    let (ids, number) = (ids.clone(), number.clone());
    db.write(move |tx| create(tx, &ids, &number, &webhook, quota)).await
}

async fn agent(db: &Db, ids: &Ids, account: &AccountId, clock: &Clock) -> AgentId {
    let (id, account) = (AgentId::new(ids), account.clone());
    let agent = Agent {
        id: id.clone(),
        name: "A".to_owned(),
        profile: Profile::default(),
        created_at: clock.now(),
        numbers: Vec::new(),
    };
    db.write(move |tx| agents::create(tx, &account, &agent)).await.unwrap();
    id
}

/// When the number's expiry job runs.
async fn planned(db: &Db, id: &NumberId) -> Option<Time> {
    let key = expiry_key(id);
    db.read(move |tx| tx.optional("SELECT run_at FROM jobs WHERE unique_key = ?1", &[&key], |row| row.get(0)))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_number_is_held_by_one_until_released() {
    let (db, ids, _, _folder) = testing::db().await;
    let (mine, other) = (testing::account(&db, &ids).await, testing::account(&db, &ids).await);
    let first = number(&ids, &mine, "+12065550199");
    assert!(store(&db, &ids, &first, 9).await.unwrap());
    assert!(!store(&db, &ids, &number(&ids, &other, "+12065550199"), 9).await.unwrap());

    let (account, id) = (mine.clone(), first.id.clone());
    let (webhook, found, foreign) = db
        .read(move |tx| {
            let webhook = webhooks::find(tx, &account, &Owner::Number(id.clone()))?.unwrap();
            Ok((webhook, by_id(tx, &account, &id)?, by_id(tx, &other, &id)?))
        })
        .await
        .unwrap();
    assert_eq!((webhook.url, webhook.timeout_millis), (None, 10_000));
    assert_eq!((found.unwrap(), foreign), (first.clone(), None));

    let (account, id) = (mine.clone(), first.id.clone());
    let released = db.write(move |tx| release(tx, &account, &id)).await.unwrap();
    assert_eq!(released.status, NumberStatus::Released);
    let again = number(&ids, &mine, "+12065550199");
    assert!(store(&db, &ids, &again, 9).await.unwrap(), "it is free again");
    let (account, id) = (mine.clone(), first.id.clone());
    let error = db.write(move |tx| release(tx, &account, &id)).await.unwrap_err();
    assert_eq!(error.code(), Code::NumberNotFound, "a release is final");
    let (listed, total) = db.read(move |tx| list(tx, &mine, 20, 0)).await.unwrap();
    assert_eq!((listed, total), (vec![again], 1));
}

#[tokio::test]
async fn the_quota_counts_what_is_held() {
    let (db, ids, _, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let first = number(&ids, &account, "+12065550199");
    assert!(store(&db, &ids, &first, 1).await.unwrap());
    let second = number(&ids, &account, "+12065550198");
    assert_eq!(store(&db, &ids, &second, 1).await.unwrap_err().code(), Code::NumberLimit);
    let (owner, id) = (account.clone(), first.id);
    db.write(move |tx| release(tx, &owner, &id)).await.unwrap();
    assert!(store(&db, &ids, &second, 1).await.unwrap());
}

#[tokio::test]
async fn the_first_attached_number_comes_first() {
    let (db, ids, clock, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let (one, two) = (agent(&db, &ids, &account, &clock).await, agent(&db, &ids, &account, &clock).await);
    let (early, late) = (number(&ids, &account, "+12065550199"), number(&ids, &account, "+12065550198"));
    for it in [&early, &late] {
        store(&db, &ids, it, 9).await.unwrap();
    }
    let give = async |agent: &AgentId, number: &Number| {
        clock.advance(Duration::from_millis(1));
        let (account, agent, id, now) = (account.clone(), agent.clone(), number.id.clone(), clock.now());
        db.write(move |tx| attach(tx, &account, &agent, &id, now)).await.unwrap();
    };
    let first = async |agent: &AgentId| {
        let (account, agent) = (account.clone(), agent.clone());
        db.read(move |tx| first_of_agent(tx, &account, &agent)).await.unwrap().map(|number| number.id)
    };
    give(&one, &late).await;
    give(&one, &early).await;
    give(&one, &late).await;
    assert_eq!(first(&one).await, Some(late.id.clone()), "attaching again changes nothing");
    give(&two, &late).await;
    assert_eq!((first(&one).await, first(&two).await), (Some(early.id.clone()), Some(late.id.clone())));
    let (owner, agent, id) = (account.clone(), one.clone(), late.id.clone());
    let error = db.write(move |tx| detach(tx, &owner, &agent, &id)).await.unwrap_err();
    assert_eq!(error.code(), Code::NumberNotFound, "it has gone to the other agent");
    let (owner, agent, id) = (account.clone(), two.clone(), late.id.clone());
    db.write(move |tx| detach(tx, &owner, &agent, &id)).await.unwrap();
    assert_eq!(first(&two).await, None);
}

#[tokio::test]
async fn a_number_expires_when_its_row_says_so() {
    let (db, ids, clock, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let minute = Duration::from_mins(1);
    let bought = Number { expires_at: Some(clock.now() + minute), ..number(&ids, &account, "+12065550199") };
    store(&db, &ids, &bought, 9).await.unwrap();
    assert_eq!(planned(&db, &bought.id).await, bought.expires_at);

    let until = async |expires_at: Change<Time>| {
        let (ids, account, id, now) = (ids.clone(), account.clone(), bought.id.clone(), clock.now());
        let change = Changes { external_id: Change::Keep, expires_at };
        db.write(move |tx| update(tx, &ids, &account, &id, &change, now)).await.unwrap();
    };
    let look = async || {
        let (id, now) = (bought.id.clone(), clock.now());
        db.write(move |tx| release_if_expired(tx, &id, now)).await.unwrap()
    };
    let later = clock.now() + minute * 2;
    until(Change::Set(later)).await;
    assert_eq!(planned(&db, &bought.id).await, Some(later));
    clock.advance(minute);
    assert_eq!(look().await, Expiry::Later(later));
    until(Change::Clear).await;
    assert_eq!((planned(&db, &bought.id).await, look().await), (None, Expiry::Nothing));
    until(Change::Set(later)).await;
    clock.advance(minute);
    assert!(matches!(look().await, Expiry::Released(_)));
    assert_eq!((planned(&db, &bought.id).await, look().await), (None, Expiry::Nothing));
}

#[test]
fn an_end_is_in_the_future() {
    assert!(expiry("2026-03-02T09:00:00.001Z", testing::START).is_ok());
    for text in ["2026-03-02T09:00:00Z", "tomorrow", ""] {
        assert_eq!(expiry(text, testing::START).unwrap_err().field, "expiresAt");
    }
}
