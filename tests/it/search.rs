//! `GET /v1/messages?query=`: what is found, in which order, by whom; and that indexing misses nothing.

use agentphone::clock::Time;
use agentphone::db::Tx;
use agentphone::error::Result;
use serde_json::{Value, json};

use crate::client::Request;
use crate::server::{ADA, BOB, Line, TestServer};
use crate::wait::until;

fn path(query: &str, rest: &str) -> String {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    format!("/v1/messages?query={query}{rest}")
}

fn bodies(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|row| row["body"].as_str().unwrap().to_owned()).collect()
}

impl TestServer {
    async fn search(&self, query: &str) -> Value {
        self.get(&path(query, "")).await
    }

    /// The page, once so many messages in all are found.
    pub async fn finds(&self, query: &str, total: i64) -> Value {
        let what = format!("{total} messages with {query}");
        until(&what, async || Some(self.search(query).await).filter(|page| page["total"] == total)).await
    }
}

/// Stores messages past the doors, as a load would.
pub fn store(tx: &mut Tx<'_>, line: &Line, rows: &[(String, i64, String)], conversation: &str) -> Result<()> {
    let account: String =
        tx.one("SELECT account_id FROM numbers WHERE id = ?1", &[&line.id], |row| row.get(0))?;
    for (id, at, body) in rows {
        tx.execute(
            "INSERT INTO messages (id, account_id, conversation_id, number_id, direction, channel, status, from_address,
                 to_address, body, media_urls, received_at, segments, attempt)
             VALUES (?1, ?2, ?3, ?4, 'inbound', 'sms', 'received', ?5, ?6, ?7, '[]', ?8, 1, 0)",
            &[id, &account, &conversation, &line.id, &ADA, &line.number, body, &Time::from_millis(*at)],
        )?;
    }
    Ok(())
}

#[tokio::test]
async fn messages_in_and_out_are_found_by_their_words_newest_first() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let sent = server.send(&line, ADA, "Your bike is ready").await;
    server.advance(std::time::Duration::from_secs(1));
    server.person_texts(BOB, &line, "Is my BIKE ready, or the other one?").await;
    let page = server.finds("bike ready", 2).await;
    assert_eq!(bodies(&page), ["Is my BIKE ready, or the other one?", "Your bike is ready"]);
    assert_eq!(page["hasMore"], false);
    let row = &page["data"][1];
    let listed = server.get(&format!("/v1/numbers/{}/messages", line.id)).await;
    let same = listed["data"].as_array().unwrap().iter().find(|other| other["id"] == sent["id"]).unwrap();
    assert_eq!(row, same);
    assert_eq!((&row["to"], &row["conversationId"]), (&json!(ADA), &sent["conversation_id"]));

    assert_eq!(server.search("bike other").await["total"], 1);
    assert_eq!(server.search("\"bike is\"").await["total"], 1);
    assert_eq!(server.search("\"is bike\"").await["total"], 0);
    assert_eq!(server.search("bik*").await["total"], 2);
    assert_eq!(server.search("bik").await["total"], 0);
    assert_eq!(server.search("bike -ready").await["total"], 2);
    let first = server.get(&path("bike", "&limit=1")).await;
    assert_eq!((bodies(&first).len(), &first["hasMore"], &first["total"]), (1, &json!(true), &json!(2)));
    let second = server.get(&path("bike", "&limit=1&offset=1")).await;
    assert_eq!((&second["data"][0]["id"], &second["hasMore"]), (&sent["id"], &json!(false)));
    let beyond = server.get(&path("bike", "&offset=5")).await;
    assert_eq!((bodies(&beyond).len(), &beyond["hasMore"], &beyond["total"]), (0, &json!(false), &json!(2)));
}

#[tokio::test]
async fn any_script_is_found() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let texts = [
        "東京タワーで会いましょう",
        "Привет, как дела?",
        "مرحبا، كيف حالُك؟",
        "שלום, מה נשמע?",
        "สวัสดีครับ ยินดีที่ได้รู้จัก",
        "Crème brûlée à la carte 👍🏽",
        "\u{202e}txet neddih\u{202c} a\u{200b}b",
        "<script>alert('x')</script>",
        "?!",
    ];
    for text in texts {
        server.person_texts(ADA, &line, text).await;
    }
    let cases = [
        ("タワー", 0),
        ("会いま", 0),
        ("ПРИВЕТ", 1),
        ("дел*", 1),
        ("حالك", 2),
        ("نشمع OR", 99),
        ("שלום", 3),
        ("ยินดี", 4),
        ("creme", 5),
        ("BRÛLÉE", 5),
        ("👍", 5),
        ("ab", 6),
        ("neddih", 6),
        ("alert", 7),
        ("script", 7),
    ];
    for (query, index) in cases {
        let page = server.finds(query, i64::from(index < texts.len())).await;
        let expected: Vec<&str> = texts.get(index).into_iter().copied().collect();
        assert_eq!(bodies(&page), expected, "{query}");
    }
}

#[tokio::test]
async fn what_a_person_types_is_never_syntax() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.person_texts(ADA, &line, "or and not near words rowid it's 100%").await;
    server.finds("words", 1).await;
    let mild = [
        "or",
        "AND",
        "NOT",
        "near words",
        "rowid",
        "it's",
        "100%",
        "words:*",
        "\"words",
        "words\"",
        "-words",
        "^words",
        "{words}",
        "(words",
        "words)",
        "words + rowid",
        "words' OR '1'='1",
        "words & rowid",
        "words | rowid",
        "!words",
        "words <-> rowid",
        "words\\",
        "$1 ?1 words",
        "words\u{0}rowid",
        "“words rowid”",
        "near(words rowid, 2)*",
    ];
    for query in mild {
        let answer =
            server.call(Request { method: "GET", path: &path(query, ""), headers: &[], body: None }).await;
        assert_eq!(answer.status, 200, "{query}: {}", String::from_utf8_lossy(&answer.body));
    }
    for query in ["", "*", "\"\"", "'; --", "\u{202e}", &"a ".repeat(65)] {
        let answer =
            server.call(Request { method: "GET", path: &path(query, ""), headers: &[], body: None }).await;
        assert_eq!(answer.status, 422, "{query}");
        assert_eq!(answer.json()["detail"][0]["loc"], json!(["query", "query"]), "{query}");
    }
    for rest in ["&limit=0", "&limit=101", "&offset=-1", "&limit=x"] {
        let path = path("words", rest);
        let answer = server.call(Request { method: "GET", path: &path, headers: &[], body: None }).await;
        assert_eq!(answer.status, 422, "{rest}");
    }
}

#[tokio::test]
async fn another_account_finds_nothing_of_ours() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    server.person_texts(ADA, &line, "the secret recipe").await;
    server.finds("secret", 1).await;
    let key = server.stranger().await;
    for query in ["secret", "sec*", "\"secret recipe\""] {
        let path = path(query, "");
        let answer =
            server.call_as(&key, Request { method: "GET", path: &path, headers: &[], body: None }).await;
        assert_eq!((answer.status, answer.json()["total"].clone()), (200, json!(0)), "{query}");
    }
}

#[tokio::test]
async fn many_messages_of_one_moment_and_totals_that_stop() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let rows: Vec<_> = (0..2_100)
        .map(|n| {
            let rare = if n % 300 == 0 { "rare" } else { "usual" };
            (format!("msg_{n:05}"), 1_772_442_000_000 + n / 1_050, format!("common {rare} number{n}"))
        })
        .collect();
    let owner = line.clone();
    server.write(move |tx| store(tx, &owner, &rows, "conv_x")).await;
    for number in [0, 500, 1_000, 1_500, 2_099] {
        server.finds(&format!("number{number}"), 1).await;
    }
    let common = server.get(&path("common", "&limit=100")).await;
    assert_eq!((&common["total"], &common["hasMore"]), (&json!(1_000), &json!(true)));
    let newest = bodies(&common);
    assert!(newest.iter().all(|body| {
        let number: i64 = body.rsplit_once("number").unwrap().1.parse().unwrap();
        number >= 1_050
    }));
    let rare = server.search("common rare").await;
    assert_eq!((&rare["total"], &rare["hasMore"]), (&json!(7), &json!(false)));
    assert_eq!(server.search("usual rare").await["total"], 0);
    let mut seen = std::collections::HashSet::new();
    for offset in (0..2_200).step_by(100) {
        let page = server.get(&path("common", &format!("&limit=100&offset={offset}"))).await;
        assert_eq!(page["hasMore"], json!(offset + 100 < 2_100), "{offset}");
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].to_string()));
    }
    assert_eq!(seen.len(), 2_100);
}

#[tokio::test]
async fn a_message_that_is_committed_late_is_found_all_the_same() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let row = |id: &str, body: &str| vec![(id.to_owned(), 1_772_442_000_000, body.to_owned())];
    let (owner, rows) = (line.clone(), row("msg_01m", "punctual"));
    server.write(move |tx| store(tx, &owner, &rows, "conv_x")).await;
    server.finds("punctual", 1).await;
    let (owner, rows) = (line.clone(), row("msg_01f", "tardy"));
    server.write(move |tx| store(tx, &owner, &rows, "conv_y")).await;
    server.finds("tardy", 1).await;
}

#[tokio::test]
async fn what_was_not_indexed_before_a_crash_is_indexed_after_it() {
    let server = TestServer::start().await;
    let line = server.buy_number("sms").await;
    let rows: Vec<_> =
        (0..500).map(|n| (format!("msg_{n:05}"), 1_772_442_000_000 + n, "many words".to_owned())).collect();
    let owner = line.clone();
    server.write(move |tx| store(tx, &owner, &rows, "conv_x")).await;
    let server = server.crash().await.start().await;
    server.finds("many words", 500).await;
    let indexed = server.column("SELECT message_id FROM search_documents").await;
    assert_eq!(indexed.len(), 500);
}
