//! Rule 7, batches: units that share a commit share nothing else. On PostgreSQL every unit is a transaction of its
//! own; what callers may rely on is the same.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use agentphone::db::{APPENDERS, Db, Tx};
use agentphone::error::{Code, Error, Result, Storage};
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use crate::place::{Place, postgres_url};
use crate::wait::until_true;

/// A unit that stays inside until it is let go.
type Inside = Box<dyn Fn(&mut Tx<'_>) -> Result<()> + Send>;

/// Holds threads of the database inside a unit each until they are let go: what comes meanwhile waits, and on SQLite goes
/// into one batch.
pub struct Held {
    go: mpsc::Sender<()>,
    holding: JoinSet<()>,
}

impl Held {
    /// Holds one thread.
    pub async fn new(db: &Db) -> Self {
        Self::held(1, |unit| {
            let db = db.clone();
            Box::pin(async move { db.write(unit).await })
        })
        .await
    }

    /// Holds all threads that store messages, on SQLite the only one.
    pub async fn messages(db: &Db) -> Self {
        let threads = if postgres_url().is_some() { APPENDERS } else { 1 };
        Self::held(threads, |unit| {
            let db = db.clone();
            Box::pin(async move { db.append(unit).await })
        })
        .await
    }

    async fn held(threads: usize, run: impl Fn(Inside) -> BoxFuture<'static, Result<()>>) -> Self {
        let (go, gone) = mpsc::channel::<()>();
        let (inside, mut is_inside) = tokio::sync::mpsc::unbounded_channel();
        let gone = Arc::new(Mutex::new(gone));
        let mut holding = JoinSet::new();
        for _ in 0..threads {
            let (inside, gone) = (inside.clone(), Arc::clone(&gone));
            let unit = move |_: &mut Tx<'_>| {
                // A batch may run again, when nobody listens any more.
                let _ = inside.send(());
                // The sender is dropped when the unit shall end.
                let _ = gone.lock().unwrap().recv();
                Ok(())
            };
            let running = run(Box::new(unit));
            holding.spawn(async move { running.await.unwrap() });
            // One after the other: those who wait together may share a thread.
            is_inside.recv().await.unwrap();
        }
        Self { go, holding }
    }

    pub async fn let_go(self) {
        self.open().join_all().await;
    }

    /// Lets it go; its own answer comes with the commit of its batch.
    fn open(self) -> JoinSet<()> {
        drop(self.go);
        self.holding
    }
}

fn insert(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.execute("INSERT INTO accounts (id, name, created_at) VALUES (?1, ?1, 1)", &[&name])
}

async fn stored(db: &Db) -> Vec<String> {
    db.read(|tx| tx.query("SELECT id FROM accounts ORDER BY id", &[], |row| row.get(0))).await.unwrap()
}

/// Runs `unit` between two good ones; on SQLite all three are in one batch. Answers what each was answered.
async fn between_neighbours<F>(db: &Db, unit: F) -> [Result<()>; 3]
where
    F: Fn(&mut Tx<'_>) -> Result<()> + Send + 'static,
{
    let held = Held::new(db).await;
    let answers = tokio::join!(
        db.write(|tx| insert(tx, "before")),
        db.write(unit),
        db.write(|tx| insert(tx, "behind")),
        held.let_go(),
    );
    [answers.0, answers.1, answers.2]
}

async fn neighbours_are_stored(db: &Db, [before, _, behind]: &[Result<()>; 3]) {
    assert!(before.is_ok() && behind.is_ok(), "{before:?} {behind:?}");
    assert_eq!(stored(db).await, ["before", "behind"], "each once, and nothing of the other");
    db.close();
}

#[tokio::test]
async fn a_failing_unit_rolls_back_alone() {
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, |tx| {
        insert(tx, "failing")?;
        Err(Error::refused(Code::NotFound, "no"))
    })
    .await;
    assert!(matches!(&answers[1], Err(Error::Refused { code: Code::NotFound, .. })), "{answers:?}");
    neighbours_are_stored(&db, &answers).await;
}

#[tokio::test]
async fn a_violated_constraint_is_the_failing_units_alone() {
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, |tx| {
        insert(tx, "twice")?;
        insert(tx, "twice")
    })
    .await;
    // PostgreSQL cannot tell it from a lost race, and says so only after trying again.
    assert!(answers[1].is_err(), "{answers:?}");
    neighbours_are_stored(&db, &answers).await;
}

/// PostgreSQL hears of what a unit writes with its next question, or with the commit.
#[tokio::test]
async fn a_violated_constraint_is_told_to_who_asks_after_it() {
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, |tx| {
        insert(tx, "twice")?;
        insert(tx, "twice")?;
        tx.exists("SELECT 1 FROM accounts", &[]).map(drop)
    })
    .await;
    assert!(answers[1].is_err(), "{answers:?}");
    neighbours_are_stored(&db, &answers).await;
}

#[tokio::test]
async fn a_unit_sees_what_it_has_written_itself() {
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let seen = db.write(|tx| {
        insert(tx, "one")?;
        insert(tx, "two")?;
        let changed = tx.execute_counted("UPDATE accounts SET created_at = 2 WHERE id <> 'none'", &[])?;
        insert(tx, "three")?;
        let names: Vec<String> = tx.query("SELECT id FROM accounts ORDER BY id", &[], |row| row.get(0))?;
        Ok((changed, names))
    });
    assert_eq!(seen.await.unwrap(), (2, ["one", "three", "two"].map(str::to_owned).to_vec()));
    assert_eq!(stored(&db).await, ["one", "three", "two"]);
    db.close();
}

#[tokio::test]
async fn a_panic_in_a_unit_is_an_error_for_it_alone() {
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, |tx| {
        insert(tx, "panicking")?;
        panic!("as a test")
    })
    .await;
    assert!(matches!(&answers[1], Err(Error::Internal(_))), "{answers:?}");
    neighbours_are_stored(&db, &answers).await;
}

#[tokio::test]
async fn neighbours_of_a_unit_that_breaks_the_transaction_run_again() {
    if postgres_url().is_some() {
        return; // There are no batches to break.
    }
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, |tx| {
        insert(tx, "breaking")?;
        tx.execute("ROLLBACK", &[])?;
        Err(anyhow::anyhow!("the transaction is gone").into())
    })
    .await;
    assert!(answers[1].is_err());
    neighbours_are_stored(&db, &answers).await;
}

#[tokio::test]
async fn a_unit_that_hides_that_it_broke_the_transaction_is_not_answered_ok() {
    if postgres_url().is_some() {
        return; // There are no batches to break.
    }
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, |tx| {
        insert(tx, "breaking")?;
        tx.execute("ROLLBACK", &[])
    })
    .await;
    assert!(answers[1].is_err());
    neighbours_are_stored(&db, &answers).await;
}

#[tokio::test]
async fn a_unit_that_hides_that_a_statement_failed_is_not_answered_ok() {
    if postgres_url().is_none() {
        return; // A statement that fails leaves the transaction as it was.
    }
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, |tx| {
        insert(tx, "hiding")?;
        let _ = tx.exists("SELECT 1 / (created_at - created_at) FROM accounts WHERE id = 'hiding'", &[]);
        Ok(())
    })
    .await;
    assert!(answers[1].is_err(), "{answers:?}");
    neighbours_are_stored(&db, &answers).await;
}

/// SQLite gets no more pages than it has now.
pub fn fill_up(tx: &mut Tx<'_>) -> Result<()> {
    tx.query("PRAGMA max_page_count = 1", &[], |_| Ok(())).map(drop)
}

/// There is room again.
pub fn free(tx: &mut Tx<'_>) -> Result<()> {
    tx.query("PRAGMA max_page_count = 1000000000", &[], |_| Ok(())).map(drop)
}

/// Needs many pages.
pub fn insert_large(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    let large = "x".repeat(300_000);
    tx.execute("INSERT INTO accounts (id, name, created_at) VALUES (?1, ?2, 1)", &[&name, &large])
}

#[tokio::test]
async fn a_full_disk_is_the_trouble_of_the_unit_that_needs_room() {
    if postgres_url().is_some() {
        return; // A full disk of PostgreSQL is a matter of `script/bench faults`.
    }
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    db.write(fill_up).await.unwrap();
    let answers = between_neighbours(&db, |tx| insert_large(tx, "large")).await;
    assert!(matches!(&answers[1], Err(Error::Storage(Storage::Unavailable(_)))), "{answers:?}");
    neighbours_are_stored(&db, &answers).await;
}

/// Breaks a foreign key in a way that only the commit sees.
fn break_at_commit(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute("PRAGMA defer_foreign_keys = ON", &[])?;
    tx.execute(
        "INSERT INTO api_keys (id, account_id, name, hash, hint, created_at) VALUES ('key_1', 'nobody', '', '', '', 1)",
        &[],
    )?;
    Ok(())
}

#[tokio::test]
async fn a_failing_commit_is_answered_with_an_error_and_neighbours_run_again() {
    if postgres_url().is_some() {
        return; // Foreign keys are not deferrable there.
    }
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let answers = between_neighbours(&db, break_at_commit).await;
    assert!(answers[1].is_err(), "nothing of it is stored");
    neighbours_are_stored(&db, &answers).await;
}

#[tokio::test]
async fn a_commit_that_fails_for_all_answers_everyone_with_an_error() {
    if postgres_url().is_some() {
        return; // Foreign keys are not deferrable there.
    }
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let held = Held::new(&db).await;
    let unit = |name: &'static str| {
        db.write(move |tx| {
            insert(tx, name)?;
            break_at_commit(tx)
        })
    };
    let (a, b, c, ()) = tokio::join!(unit("a"), unit("b"), unit("c"), held.let_go());
    assert!(a.is_err() && b.is_err() && c.is_err(), "{a:?} {b:?} {c:?}");
    assert_eq!(stored(&db).await, [""; 0]);
    db.write(|tx| insert(tx, "later")).await.unwrap();
    assert_eq!(stored(&db).await, ["later"], "the database goes on");
    db.close();
}

#[tokio::test]
async fn nothing_is_answered_said_or_seen_before_the_commit() {
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let said = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&said);
    db.subscribe(move |topic| hear.lock().unwrap().push(topic.to_owned()));
    let (inside, mut is_inside) = tokio::sync::mpsc::unbounded_channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let speak = |tx: &mut Tx<'_>| {
        insert(tx, "one")?;
        tx.say("one is stored".to_owned());
        Ok(())
    };
    let mut tasks = JoinSet::new();
    let held = Held::new(&db).await;
    if postgres_url().is_none() {
        // In one batch: the first is done but not committed while the second stays inside.
        let first = db.clone();
        tasks.spawn(async move { first.write(speak).await });
    }
    let second = db.clone();
    let unit = move |tx: &mut Tx<'_>| {
        insert(tx, "two")?;
        tx.say("two is stored".to_owned());
        inside.send(()).unwrap();
        let _ = gone.lock().unwrap().recv();
        Ok(())
    };
    tasks.spawn(async move { second.write(unit).await });
    // Both wait in the intake once they have been polled.
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    let held = held.open();
    is_inside.recv().await.unwrap();
    assert_eq!(stored(&db).await, [""; 0], "not seen");
    assert_eq!(*said.lock().unwrap(), [""; 0], "not said");
    assert!(tasks.try_join_next().is_none(), "not answered");
    drop(go);
    let answers = tasks.join_all().await;
    held.join_all().await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let expected = if postgres_url().is_none() { vec!["one", "two"] } else { vec!["two"] };
    assert_eq!(stored(&db).await, expected);
    assert_eq!(said.lock().unwrap().len(), expected.len());
    db.close();
}

#[tokio::test]
async fn a_unit_that_failed_says_nothing() {
    let place = Place::new().await;
    let (db, ..) = place.open(2).await;
    let said = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&said);
    db.subscribe(move |topic| hear.lock().unwrap().push(topic.to_owned()));
    let unit = |tx: &mut Tx<'_>| -> Result<()> {
        tx.say("never".to_owned());
        tx.announce("never, to nobody".to_owned());
        Err(Error::refused(Code::NotFound, "no"))
    };
    db.write(unit).await.unwrap_err();
    db.write(|tx| {
        tx.announce("now".to_owned());
        Ok(())
    })
    .await
    .unwrap();
    until_true("the good one to be heard", async || !said.lock().unwrap().is_empty()).await;
    assert!(said.lock().unwrap().iter().all(|topic| topic == "now"));
    db.close();
}

#[tokio::test]
async fn reading_and_then_writing_loses_no_update() {
    let place = Place::new().await;
    let (db, ..) = place.open(4).await;
    db.write(|tx| insert(tx, "counter")).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        let db = db.clone();
        tasks.spawn(async move {
            let count = |tx: &mut Tx<'_>| {
                let sql = "SELECT created_at FROM accounts WHERE id = 'counter'";
                let seen: i64 = tx.one(sql, &[], |row| row.get(0))?;
                tx.execute("UPDATE accounts SET created_at = ?1 WHERE id = 'counter'", &[&(seen + 1)])
            };
            db.write(count).await.unwrap();
        });
    }
    tokio::time::timeout(Duration::from_secs(30), tasks.join_all()).await.unwrap();
    let sql = "SELECT created_at FROM accounts WHERE id = 'counter'";
    let counted: i64 = db.read(move |tx| tx.one(sql, &[], |row| row.get(0))).await.unwrap();
    assert_eq!(counted, 41);
    db.close();
}
