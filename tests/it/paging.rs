//! Property of message lists: whatever the page size, the pages put together are the whole list, and nothing comes
//! twice, backwards with `before` and forwards with `after`.

use agentphone::clock::Time;
use agentphone::db::{Db, Tx};
use agentphone::error::Result;
use agentphone::id::{ConversationId, NumberId};
use agentphone::phone::messages::list::{Of, page};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use crate::place::Place;

/// Stores a message of one number and one conversation at each of these moments; their ids in list order.
fn store(tx: &mut Tx<'_>, name: &str, moments: &[i64]) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for (index, moment) in moments.iter().enumerate() {
        let id = format!("{name}-{index:03}");
        tx.execute(
            "INSERT INTO messages (id, account_id, conversation_id, number_id, direction, channel, status, from_address,
                 to_address, body, media_urls, received_at, segments, attempt)
             VALUES (?1, 'acct', ?2, ?2, 'inbound', 'sms', 'received', 'a', 'b', '', '[]', ?3, 1, 0)",
            &[&id, &name, &Time::from_millis(*moment)],
        )?;
        ids.push((*moment, id));
    }
    ids.sort();
    Ok(ids.into_iter().map(|(_, id)| id).collect())
}

/// Reads page after page; every page says truly whether more remain.
fn walk(tx: &mut Tx<'_>, of: &Of, limit: i64, forwards: bool) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut bound = None;
    loop {
        let (before, after) = match (bound, forwards) {
            (None, true) => (None, Some(Time::from_millis(-1))),
            (bound, true) => (None, bound),
            (bound, false) => (bound, None),
        };
        let (messages, more) = page(tx, of, limit, before, after)?;
        assert!(
            messages.is_sorted_by_key(|message| (message.received_at, message.id.clone())),
            "oldest first"
        );
        let edge = if forwards { messages.last() } else { messages.first() };
        let Some(edge) = edge.map(|message| message.received_at) else {
            assert!(!more, "an empty page is the last");
            return Ok(all);
        };
        let over = messages.len().saturating_sub(usize::try_from(limit).unwrap());
        let of_edge = messages.iter().filter(|message| message.received_at == edge).count();
        assert!(over < of_edge, "only the rest of the last millisecond goes over the limit");
        assert!(!more || messages.len() >= usize::try_from(limit).unwrap(), "a short page is the last");
        let ids = messages.into_iter().map(|message| message.id.to_string());
        if forwards {
            all.extend(ids);
        } else {
            all.splice(0..0, ids.collect::<Vec<_>>());
        }
        if !more {
            return Ok(all);
        }
        bound = Some(edge);
    }
}

fn pages_are_the_list(unique: bool) {
    let runtime = Runtime::new().unwrap();
    let place = runtime.block_on(Place::new());
    let (db, ..) = runtime.block_on(place.open(2));
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() });
    let count = std::cell::Cell::new(0);
    let cases = (prop::collection::vec(0_i64..40, 0..60), 1_i64..15);
    let outcome = runner.run(&cases, |(mut moments, limit)| {
        if unique {
            moments.sort_unstable();
            moments.dedup();
        }
        count.set(count.get() + 1);
        let name = format!("case-{}", count.get());
        let of = if unique {
            Of::Conversation(ConversationId::from_text(&name))
        } else {
            Of::Number(NumberId::from_text(&name))
        };
        let (whole, backwards, forwards) = runtime.block_on(read_all(&db, name, moments, of, limit));
        prop_assert_eq!(&backwards, &whole);
        prop_assert_eq!(&forwards, &whole);
        Ok(())
    });
    db.close();
    outcome.unwrap_or_else(|problem| panic!("{problem}"));
}

async fn read_all(
    db: &Db,
    name: String,
    moments: Vec<i64>,
    of: Of,
    limit: i64,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let unit = move |tx: &mut Tx<'_>| {
        let whole = store(tx, &name, &moments)?;
        Ok((whole, walk(tx, &of, limit, false)?, walk(tx, &of, limit, true)?))
    };
    db.write(unit).await.unwrap()
}

#[test]
fn pages_of_a_conversation_put_together_are_the_whole_list() {
    pages_are_the_list(true);
}

#[test]
fn pages_of_a_number_never_split_a_millisecond_and_put_together_are_the_whole_list() {
    pages_are_the_list(false);
}
