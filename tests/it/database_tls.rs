//! A PostgreSQL that is reached by TLS: `sslmode` and `sslrootcert` of the database's URL, against a server with a
//! certificate of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentphone::clock::Clock;
use agentphone::db::{Db, Location};
use agentphone::id::Ids;

use crate::place::{START, postgres_url};

/// A private PostgreSQL with TLS; gone with the test.
struct Server {
    folder: PathBuf,
    url: String,
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn script() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("script/postgres"))
}

impl Server {
    fn start() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("agentphone-tls-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let url = run(script().arg("start").arg(&folder).arg("tls")).trim().to_owned();
        Self { folder, url }
    }

    /// A certificate that this server does not have.
    fn foreign(&self) -> String {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let certificate = file("foreign.crt");
        let request =
            ["req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"];
        run(Command::new("openssl").args(request).args([
            "-keyout",
            &file("foreign.key"),
            "-out",
            &certificate,
        ]));
        certificate
    }

    /// Whether a connection by this URL is inside TLS; else why there is none.
    async fn is_encrypted(&self, url: &str) -> Result<bool, String> {
        let location = Location::Postgres { url: url.to_owned(), connections: 1 };
        let opened = Db::open_beside(location, Ids::from_seed(Clock::manual(START), 1)).await;
        let db = opened.map_err(|error| format!("{error:#}"))?;
        let sql = "SELECT CASE WHEN ssl THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END FROM pg_stat_ssl
                   WHERE pid = pg_backend_pid()";
        let is_encrypted = db.read(move |tx| tx.one(sql, &[], |row| row.get::<i64>(0))).await.unwrap();
        db.close();
        Ok(is_encrypted == 1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = script().arg("stop").arg(&self.folder).output();
    }
}

#[tokio::test]
async fn the_url_says_how_far_the_database_is_trusted() {
    if postgres_url().is_none() {
        return; // It takes a PostgreSQL on this machine.
    }
    let server = Server::start();
    let (own, foreign) = (server.folder.join("server.crt").display().to_string(), server.foreign());
    let by = |query: &str| format!("{}?{query}", server.url);
    for (query, is_encrypted) in [
        ("sslmode=disable".to_owned(), false),
        ("sslmode=prefer".to_owned(), true),
        ("application_name=agentphone".to_owned(), true),
        ("sslmode=require".to_owned(), true),
        (format!("sslmode=verify-ca&sslrootcert={own}"), true),
        (format!("sslmode=verify-full&sslrootcert={own}"), true),
    ] {
        assert_eq!(server.is_encrypted(&by(&query)).await, Ok(is_encrypted), "{query}");
    }
    for (query, why) in [
        (format!("sslmode=verify-full&sslrootcert={foreign}"), "invalid peer certificate: UnknownIssuer"),
        (format!("sslmode=verify-ca&sslrootcert={foreign}"), "invalid peer certificate: UnknownIssuer"),
        (format!("sslmode=require&sslrootcert={foreign}"), "invalid peer certificate: UnknownIssuer"),
        ("sslmode=verify-full".to_owned(), "invalid peer certificate: "),
        ("sslmode=verify-ca".to_owned(), "needs sslrootcert"),
    ] {
        let error = server.is_encrypted(&by(&query)).await.expect_err(&query);
        assert!(error.contains("connecting to PostgreSQL") && error.contains(why), "{query}: {error}");
    }
    let elsewhere = server.url.replace("@127.0.0.1:", "@db.example:");
    let at = |mode: &str| format!("{elsewhere}?hostaddr=127.0.0.1&sslmode={mode}&sslrootcert={own}");
    assert_eq!(server.is_encrypted(&at("verify-ca")).await, Ok(true), "whatever its name");
    let error = server.is_encrypted(&at("verify-full")).await.expect_err("it is made out to localhost");
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn all_connections_of_a_server_are_inside() {
    if postgres_url().is_none() {
        return; // It takes a PostgreSQL on this machine.
    }
    let server = Server::start();
    let url = format!(
        "{}?sslmode=verify-full&sslrootcert={}",
        server.url,
        server.folder.join("server.crt").display()
    );
    let db = Db::open(Location::Postgres { url, connections: 2 }, Ids::from_seed(Clock::manual(START), 1))
        .await
        .unwrap();
    let sql = "SELECT CASE WHEN ssl THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END FROM pg_stat_ssl s
               JOIN pg_stat_activity a ON a.pid = s.pid WHERE a.usename = 'agentphone' AND a.client_port IS NOT NULL";
    let all = db.read(move |tx| tx.query(sql, &[], |row| row.get::<i64>(0))).await.unwrap();
    assert!(all.len() >= 2 && all.iter().all(|one| *one == 1), "units and the lock of this process: {all:?}");
    db.close();
}
