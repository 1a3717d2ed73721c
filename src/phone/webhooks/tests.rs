use super::*;
use crate::db::Db;
use crate::id::Ids;
use crate::testing;

fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        context_limit: 10,
        timeout: Duration::from_secs(30),
        events: USUAL.to_vec(),
    }
}

async fn put(
    db: &Db,
    ids: &Ids,
    account: &AccountId,
    owner: &Owner,
    url: &str,
    keep_secret: bool,
) -> Webhook {
    let draft = Draft { id: WebhookId::new(ids), secret: Secret::new(ids), keep_secret, now: testing::START };
    let (account, owner, to) = (account.clone(), owner.clone(), settings(url));
    db.write(move |tx| set(tx, &account, &owner, &to, &draft)).await.unwrap()
}

async fn remove(db: &Db, account: &AccountId, owner: &Owner) {
    let (account, owner) = (account.clone(), owner.clone());
    db.write(move |tx| delete(tx, &account, &owner)).await.unwrap();
}

async fn read_back(db: &Db, account: &AccountId, owner: &Owner) -> Option<Webhook> {
    let (account, owner) = (account.clone(), owner.clone());
    db.read(move |tx| find(tx, &account, &owner)).await.unwrap()
}

#[tokio::test]
async fn a_replaced_secret_signs_for_another_day() {
    let (db, ids, _, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let first = put(&db, &ids, &account, &Owner::Account, "https://a.example", false).await;
    let kept = put(&db, &ids, &account, &Owner::Account, "https://b.example", true).await;
    assert_eq!((&kept.secret, kept.previous_secret.as_ref()), (&first.secret, None));
    let second = put(&db, &ids, &account, &Owner::Account, "https://c.example", false).await;
    assert_eq!(read_back(&db, &account, &Owner::Account).await.as_ref(), Some(&second));
    assert_eq!((&second.id, second.url.as_deref()), (&first.id, Some("https://c.example")));
    let day = Duration::from_hours(24);
    let soon = testing::START + day - Duration::from_millis(1);
    assert_eq!(second.secrets(soon), [second.secret.clone(), first.secret]);
    assert_eq!(second.secrets(testing::START + day), [second.secret]);
}

#[tokio::test]
async fn a_number_keeps_its_secret_without_a_url() {
    let (db, ids, _, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let (number, agent) = (Owner::Number(NumberId::new(&ids)), Owner::Agent(AgentId::new(&ids)));
    let first = put(&db, &ids, &account, &number, "https://n.example", true).await;
    remove(&db, &account, &number).await;
    let without = read_back(&db, &account, &number).await.unwrap();
    assert_eq!((without.url, &without.secret), (None, &first.secret));
    assert_eq!(put(&db, &ids, &account, &number, "https://m.example", true).await.secret, first.secret);

    put(&db, &ids, &account, &agent, "https://g.example", false).await;
    remove(&db, &account, &agent).await;
    assert_eq!(read_back(&db, &account, &agent).await, None);
}

#[tokio::test]
async fn the_agents_webhook_wins_and_the_numbers_is_beside_it() {
    let (db, ids, _, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let (agent, number) = (AgentId::new(&ids), NumberId::new(&ids));
    let covered = async |agent: Option<&AgentId>| {
        let (account, agent, number) = (account.clone(), agent.cloned(), number.clone());
        let coverage = db.read(move |tx| covering(tx, &account, agent.as_ref(), &number)).await.unwrap();
        (coverage.v1.and_then(|it| it.url), coverage.number.and_then(|it| it.url))
    };
    let url = |text: &str| Some(text.to_owned());
    assert_eq!(covered(Some(&agent)).await, (None, None));
    put(&db, &ids, &account, &Owner::Agent(agent.clone()), "https://agent.example", false).await;
    put(&db, &ids, &account, &Owner::Number(number.clone()), "https://number.example", false).await;
    assert_eq!(covered(None).await, (None, url("https://number.example")));
    put(&db, &ids, &account, &Owner::Account, "https://account.example", false).await;
    assert_eq!(covered(Some(&agent)).await, (url("https://agent.example"), url("https://number.example")));
    assert_eq!(covered(Some(&AgentId::new(&ids))).await.0, url("https://account.example"));
    remove(&db, &account, &Owner::Number(number.clone())).await;
    remove(&db, &account, &Owner::Agent(agent.clone())).await;
    assert_eq!(covered(Some(&agent)).await, (url("https://account.example"), None));
}

#[tokio::test]
async fn ten_failures_in_a_row_are_failing() {
    let (db, ids, _, _folder) = testing::db().await;
    let account = testing::account(&db, &ids).await;
    let id = put(&db, &ids, &account, &Owner::Account, "https://a.example", false).await.id;
    let after = async |attempts: &[bool]| {
        for succeeded in attempts.iter().copied() {
            let id = id.clone();
            db.write(move |tx| note_attempts(tx, std::iter::once((&id, succeeded)))).await.unwrap();
        }
        read_back(&db, &account, &Owner::Account).await.unwrap().status()
    };
    assert_eq!(after(&[false; 9]).await, WebhookStatus::Active);
    assert_eq!(after(&[false]).await, WebhookStatus::Failing);
    assert_eq!(after(&[true]).await, WebhookStatus::Active);
}

#[test]
fn texts_are_always_subscribed_to() {
    use Subscription::{AgentMessage, MessageRead, MessageSent};
    assert_eq!(subscribed(None), USUAL);
    assert_eq!(subscribed(Some(Vec::new())), [AgentMessage]);
    assert_eq!(subscribed(Some(vec![MessageSent, AgentMessage, MessageSent])), [MessageSent, AgentMessage]);
    assert_eq!(subscribed(Some(vec![MessageRead])), [AgentMessage, MessageRead]);
}
