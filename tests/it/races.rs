//! Two processes that decide the same at the same moment, neither of which sees the other: the database lets one of
//! them decide again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use agentphone::db::{Db, Location, Tx};
use agentphone::error::Result;
use agentphone::id::{Ids, NumberId};
use agentphone::phone::conversations::Member;
use agentphone::phone::lines::DailyLimits;
use agentphone::phone::messages::receive::{self, ArrivedGroup};
use agentphone::phone::new_contacts;

use crate::place::postgres_url;
use crate::server::{ADA, BOB, TestServer};
use crate::wait::PATIENCE;

/// One end of a meeting: says that it is there, and waits for the other.
struct End(Sender<()>, Mutex<Receiver<()>>);

impl End {
    fn arrive(&self) {
        // The other may be done already.
        let _ = self.0.send(());
    }

    fn wait(&self) {
        self.1.lock().unwrap().recv_timeout(PATIENCE).expect("the other comes");
    }
}

fn meeting() -> (End, End) {
    let ((to_second, from_first), (to_first, from_second)) = (channel(), channel());
    (End(to_second, Mutex::new(from_second)), End(to_first, Mutex::new(from_first)))
}

/// Runs `act` in a transaction of each process: the second begins to look when the first has acted, and the first is
/// committed when the second has begun to look. Answers what came of both, and how often they acted.
async fn at_once<T: Send + 'static>(
    first: &Db,
    second: &Db,
    act: impl Fn(&mut Tx<'_>, usize) -> Result<T> + Send + Sync + 'static,
) -> ([T; 2], usize) {
    let (act, count) = (Arc::new(act), Arc::new(AtomicUsize::new(0)));
    let (one, other) = meeting();
    let (act_first, count_first) = (Arc::clone(&act), Arc::clone(&count));
    let begun = first.append(move |tx| {
        count_first.fetch_add(1, Ordering::Relaxed);
        let done = act_first(tx, 0)?;
        one.arrive();
        one.wait();
        Ok(done)
    });
    let (count_second, is_again) = (Arc::clone(&count), AtomicUsize::new(0));
    let joined = second.append(move |tx| {
        count_second.fetch_add(1, Ordering::Relaxed);
        if is_again.fetch_add(1, Ordering::Relaxed) == 0 {
            other.wait();
            tx.exists("SELECT 1 FROM accounts", &[])?;
            other.arrive();
        }
        act(tx, 1)
    });
    let (begun, joined) = tokio::join!(begun, joined);
    ([begun.unwrap(), joined.unwrap()], count.load(Ordering::Relaxed))
}

/// The database as another process has it.
async fn second(server: &TestServer) -> Db {
    let location = Location::Postgres { url: server.setting.place.url(), connections: 2 };
    Db::open(location, Ids::from_seed(server.setting.clock.clone(), 99)).await.unwrap()
}

#[tokio::test]
async fn the_last_new_contact_of_a_day_is_one() {
    if postgres_url().is_none() {
        return; // There is never a second process on SQLite.
    }
    let server = TestServer::start().await;
    let (other, clock) = (second(&server).await, server.setting.clock.clone());
    let line = NumberId::from_text(server.buy_number("imessage").await.id);
    let limits = DailyLimits { strangers: Some(1), callers: Some(1) };
    let admit = move |tx: &mut Tx<'_>, index: usize| {
        new_contacts::admit(tx, limits, &line, &[[ADA, BOB][index]], clock.now())
    };
    let (admitted, acted) = at_once(&server.app.db, &other, admit.clone()).await;
    assert_eq!((admitted, acted), ([true, false], 3), "the second counted again");
    assert_eq!(server.column("SELECT participant FROM new_contacts").await, [ADA]);
    let known = move |tx: &mut Tx<'_>, _: usize| admit(tx, 0);
    let (admitted, acted) = at_once(&server.app.db, &other, known).await;
    assert_eq!((admitted, acted), ([true, true], 2), "whoever is counted already costs nobody a second try");
    other.close();
}

#[tokio::test]
async fn a_group_that_two_processes_hear_of_has_one_thread() {
    if postgres_url().is_none() {
        return; // There is never a second process on SQLite.
    }
    let server = TestServer::start().await;
    let (other, clock) = (second(&server).await, server.setting.clock.clone());
    let number = server.buy_number("imessage").await.number;
    let ids = server.app.ids.clone();
    let hear = move |tx: &mut Tx<'_>, _: usize| {
        let members = [ADA, BOB].map(|person| Member { identifier: person.to_owned(), name: None }).to_vec();
        let group = ArrivedGroup { provider_id: "chat42".to_owned(), name: None, members };
        receive::group_changed(tx, &ids, clock.now(), &number, &group)
    };
    at_once(&server.app.db, &other, hear).await;
    let threads = "SELECT participant FROM conversations WHERE group_provider_id = 'chat42'";
    let threads = server.column(threads).await;
    assert!(threads.len() == 1 && threads[0].starts_with("grp_"), "{threads:?}");
    other.close();
}
