use std::time::Duration;

use super::*;
use crate::db::Db;
use crate::id::Ids;
use crate::phone::attempts::{Ended, Outcome, end_all};
use crate::phone::statistics;
use crate::testing;

/// Stores a delivery that ended so at that time.
async fn delivery(
    db: &Db,
    ids: &Ids,
    to: (&AccountId, &WebhookId),
    at: Time,
    status: DeliveryStatus,
) -> DeliveryId {
    let (id, event) = (DeliveryId::new(ids), EventId::new(ids));
    let (account, webhook, stored) = (to.0.clone(), to.1.clone(), id.clone());
    db.write(move |tx| {
        let draft = Draft {
            id: &stored,
            account: &account,
            event: &event,
            webhook: &webhook,
            message: None,
            kind: Kind::AgentMessage,
            channel: "sms",
            payload: None,
            test: false,
            now: at,
        };
        insert_all(tx, &[draft])?;
        tx.execute("UPDATE deliveries SET status = ?2 WHERE id = ?1", &[&stored, &status])?;
        Ok(())
    })
    .await
    .unwrap();
    id
}

#[tokio::test]
async fn lists_are_newest_first_and_ones_own() {
    let (db, ids, clock, _folder) = testing::db().await;
    let (mine, other) = (testing::account(&db, &ids).await, testing::account(&db, &ids).await);
    let (hook, another) = (WebhookId::new(&ids), WebhookId::new(&ids));
    let hour = Duration::from_hours(1);
    let old = delivery(&db, &ids, (&mine, &hook), clock.now() - hour * 3, DeliveryStatus::Success).await;
    let new = delivery(&db, &ids, (&mine, &another), clock.now(), DeliveryStatus::Pending).await;
    let newest = delivery(&db, &ids, (&mine, &hook), clock.now(), DeliveryStatus::Failed).await;
    delivery(&db, &ids, (&other, &hook), clock.now() - hour * 4, DeliveryStatus::Failed).await;
    let page = async |since: Time, limit, offset| {
        let account = mine.clone();
        let (page, total) = db.read(move |tx| list(tx, &account, since, limit, offset)).await.unwrap();
        (page.into_iter().map(|it| it.id).collect::<Vec<_>>(), total)
    };
    assert_eq!(page(Time::default(), 2, 0).await, (vec![newest.clone(), new.clone()], 3));
    assert_eq!(page(Time::default(), 2, 2).await, (vec![old.clone()], 3));
    assert_eq!(page(clock.now() - hour, 9, 0).await, (vec![newest.clone(), new.clone()], 2));
    let webhook = hook.clone();
    let of_hook = db.read(move |tx| of_webhook(tx, &webhook, testing::START, 9, 0)).await.unwrap();
    assert_eq!(of_hook.into_iter().map(|it| it.id).collect::<Vec<_>>(), [newest]);
    let (account, id) = (mine.clone(), old.clone());
    assert_eq!(db.read(move |tx| find(tx, &account, &id)).await.unwrap().id, old);
    let error = db.read(move |tx| find(tx, &other, &old)).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test]
async fn hours_add_up_to_the_total() {
    let (db, ids, clock, _folder) = testing::db().await;
    let (account, hook) = (testing::account(&db, &ids).await, WebhookId::new(&ids));
    let to = (&account, &hook);
    clock.advance(Duration::from_mins(30));
    let hour = Duration::from_hours(1);
    for (age, status) in [
        (Duration::ZERO, DeliveryStatus::Success),
        (hour, DeliveryStatus::Success),
        (hour * 2, DeliveryStatus::Failed),
        (hour * 2 + Duration::from_millis(1), DeliveryStatus::Failed),
    ] {
        delivery(&db, &ids, to, clock.now() - age, status).await;
    }
    let (owner, now) = (account.clone(), clock.now());
    let recent = db.read(move |tx| statistics::recent(tx, &owner, 2, now)).await.unwrap();
    assert_eq!(
        (recent.total, recent.counts.failed, format!("{:?}", recent.success_rate)),
        (3, 1, "66.7".to_owned())
    );
    let hours: Vec<_> =
        recent.by_hour.iter().map(|it| (it.hour.to_string(), it.counts.success, it.counts.failed)).collect();
    let expected = [("07", 0, 1), ("08", 1, 0), ("09", 1, 0)];
    assert_eq!(
        hours,
        expected.map(|(hour, success, failed)| (format!("2026-03-02T{hour}:00:00.000Z"), success, failed))
    );
    assert_eq!(recent.by_event_type["agent.message"], recent.counts);
    let all = db.read(move |tx| statistics::all_time(tx, &account)).await.unwrap();
    assert_eq!(
        (all.total, all.success, all.failed, format!("{:?}", all.success_rate)),
        (4, 2, 2, "50.0".to_owned())
    );
}

/// An attempt that the endpoint answered with 500.
fn refused(delivery: &DeliveryId, webhook: &WebhookId, number: i64, now: Time) -> Ended {
    Ended {
        delivery: delivery.clone(),
        webhook: webhook.clone(),
        number,
        url: "https://a.example".to_owned(),
        request_headers: "{}".to_owned(),
        response_headers: None,
        http_status: Some(500),
        response_body: None,
        error: Some("The endpoint answered 500".to_owned()),
        at: now,
        now,
        millis: 3,
        next_retry_at: None,
    }
}

async fn end(db: &Db, all: Vec<Ended>) {
    let unit = move |tx: &mut crate::db::Tx<'_>| {
        let outcome = |ended| Outcome { ended, reply: None, reply_error: None };
        end_all(tx, &all.iter().map(outcome).collect::<Vec<_>>())
    };
    db.write(unit).await.unwrap();
}

#[tokio::test]
async fn a_failure_does_not_undo_the_success_of_another_attempt() {
    let (db, ids, clock, _folder) = testing::db().await;
    let (account, hook) = (testing::account(&db, &ids).await, WebhookId::new(&ids));
    let id = delivery(&db, &ids, (&account, &hook), clock.now(), DeliveryStatus::Pending).await;
    let first = Ended { error: None, http_status: Some(200), ..refused(&id, &hook, 1, clock.now()) };
    let second = Ended { next_retry_at: Some(clock.now()), ..refused(&id, &hook, 2, clock.now()) };
    end(&db, vec![first]).await;
    end(&db, vec![second]).await;
    let asked = id.clone();
    let stands = db.read(move |tx| find(tx, &account, &asked)).await.unwrap();
    assert_eq!(
        (stands.status, stands.http_status, stands.next_retry_at, stands.error_message),
        (DeliveryStatus::Success, Some(200), None, None)
    );
    assert_eq!(db.read(move |tx| attempts(tx, &id)).await.unwrap().len(), 2, "both are shown");
}

#[tokio::test]
async fn the_latest_attempts_are_kept() {
    let (db, ids, clock, _folder) = testing::db().await;
    let (account, hook) = (testing::account(&db, &ids).await, WebhookId::new(&ids));
    let id = delivery(&db, &ids, (&account, &hook), clock.now(), DeliveryStatus::Pending).await;
    for number in 1..=60 {
        end(&db, vec![refused(&id, &hook, number, clock.now())]).await;
    }
    let kept = db.read(move |tx| attempts(tx, &id)).await.unwrap();
    assert_eq!(kept.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), (11..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn attempts_come_back_in_order() {
    let (db, ids, clock, _folder) = testing::db().await;
    let (account, hook) = (testing::account(&db, &ids).await, WebhookId::new(&ids));
    let id = delivery(&db, &ids, (&account, &hook), clock.now(), DeliveryStatus::Pending).await;
    end(&db, [2, 1].map(|number| refused(&id, &hook, number, clock.now())).into()).await;
    let found = db.read(move |tx| attempts(tx, &id)).await.unwrap();
    let shown: Vec<_> = found.iter().map(|it| (it.number, it.http_status, it.response_millis)).collect();
    assert_eq!(shown, [(1, Some(500), 3), (2, Some(500), 3)]);
}
