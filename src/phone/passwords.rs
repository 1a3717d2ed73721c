//! Passwords of the dashboard, one per account: the rules for choosing one, its argon2id hash, and how often a wrong
//! one may be tried. Hashing takes a while on purpose: do it outside of units of work.

use std::time::Duration;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sha2::{Digest, Sha256};

use crate::clock::Time;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::id::AccountId;
use crate::phone::accounts;

/// In characters.
pub const SHORTEST: usize = 10;
pub const LONGEST: usize = 200;
/// Wrong passwords in a row before somebody has to wait.
const FREE: i64 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// Failures are forgotten so long after the last one.
const REMEMBERED: Duration = Duration::from_hours(1);
/// Names whose hash begins with the same [`SHARED`] digits and that are remembered at a time: with 4,096 beginnings, made-up
/// names fill 65,536 rows and no more.
const ALIKE: i64 = 16;
const SHARED: usize = 3;
/// Compared with where there is no password, so that the answer takes as long.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$YWdlbnRwaG9uZS1kZWNveQ$7xH4DB6nGe1zrEZpMyQDLqJ1KBOSpC2rsFrCxBnAWFo";

/// Refuses what is too short, too long, or one character over and over.
pub fn check(password: &str) -> Result<()> {
    let refused = |message: String| Err(Error::field("password", "value", message));
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return refused(format!("A password has {SHORTEST} to {LONGEST} characters"));
    }
    let first = password.chars().next();
    if password.chars().all(|character| Some(character) == first) {
        return refused("A password needs more than one character over and over".to_owned());
    }
    Ok(())
}

/// The hash under which `password` is stored. Slow.
pub fn hash(password: &str, salt: [u8; 16]) -> Result<String> {
    let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hashed.map_err(|problem| anyhow!("hashing a password: {problem}"))?.to_string())
}

/// Whether `password` is the one that was stored as `hash`. As slow where there is none.
pub fn is_right(password: &str, hash: Option<&str>) -> bool {
    let known = PasswordHash::new(hash.unwrap_or(DECOY));
    let fits =
        known.is_ok_and(|known| Argon2::default().verify_password(password.as_bytes(), &known).is_ok());
    fits && hash.is_some()
}

/// The stored hash, if the account has a password.
pub fn of(tx: &mut Tx<'_>, account: &AccountId) -> Result<Option<String>> {
    tx.optional("SELECT hash FROM passwords WHERE account_id = ?1", &[account], |row| row.get(0))
}

/// Stores the account's password, instead of the one before.
pub fn set(tx: &mut Tx<'_>, account: &AccountId, hash: &str, now: Time) -> Result<()> {
    tx.execute(
        "INSERT INTO passwords (account_id, hash, changed_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (account_id) DO UPDATE SET hash = EXCLUDED.hash, changed_at = EXCLUDED.changed_at",
        &[account, &hash, &now],
    )?;
    Ok(())
}

/// Counts an attempt for `project`, known or not, before the password is looked at, so that attempts made at the same
/// time count too. Refuses it while a pause lasts, and where too many names are remembered to count another one.
/// Answers whose password is meant: what an account is called in two ways, by name and by id, is counted as one.
pub fn begin(tx: &mut Tx<'_>, project: &str, now: Time) -> Result<Option<AccountId>> {
    let account = accounts::named(tx, project)?;
    let subject = subject(account.as_ref().map_or(project, AccountId::as_str));
    let known: Option<(i64, Time)> = tx.optional(
        "SELECT failures, blocked_until FROM sign_in_failures WHERE subject = ?1 AND expires_at > ?2",
        &[&subject, &now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let (failures, blocked_until) = match known {
        Some(known) => known,
        None => (0, room(tx, &subject, now)?.unwrap_or_default()),
    };
    if blocked_until > now {
        return Err(too_many(blocked_until, now));
    }
    let until = if failures + 1 >= FREE { now + pause(failures + 1) } else { now };
    tx.execute(
        "INSERT INTO sign_in_failures (subject, failures, blocked_until, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (subject) DO UPDATE SET failures = EXCLUDED.failures, blocked_until = EXCLUDED.blocked_until,
             expires_at = EXCLUDED.expires_at",
        &[&subject, &(failures + 1), &until, &(now + REMEMBERED)],
    )?;
    Ok(account)
}

/// When there is room for another name, if there is none now. Known and unknown names share the room, so that a refusal
/// does not tell them apart.
fn room(tx: &mut Tx<'_>, subject: &str, now: Time) -> Result<Option<Time>> {
    let first = &subject[..SHARED];
    let last = format!("{first}g");
    let (count, earliest): (i64, Option<Time>) = tx.one(
        "SELECT COUNT(*), MIN(expires_at) FROM sign_in_failures WHERE subject >= ?1 AND subject < ?2 AND expires_at > ?3",
        &[&first, &last, &now],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(earliest.filter(|_| count >= ALIKE))
}

/// Deletes what is forgotten, some hundred at a time; whether any are left.
pub fn prune(tx: &mut Tx<'_>, now: Time) -> Result<bool> {
    let deleted = tx.execute_counted(
        "DELETE FROM sign_in_failures WHERE subject IN
             (SELECT subject FROM sign_in_failures WHERE expires_at <= ?1 LIMIT 500)",
        &[&now],
    )?;
    Ok(deleted == 500)
}

/// The password was right: what came before counts no more.
pub fn succeeded(tx: &mut Tx<'_>, account: &AccountId) -> Result<()> {
    tx.execute("DELETE FROM sign_in_failures WHERE subject = ?1", &[&subject(account.as_str())])?;
    Ok(())
}

/// Under which an account's id is counted, or a name that is none's.
fn subject(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn pause(failures: i64) -> Duration {
    let doublings = u32::try_from(failures - FREE).unwrap_or(0).min(10);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

fn too_many(until: Time, now: Time) -> Error {
    let seconds = u64::try_from((until.millis() - now.millis()).max(0)).unwrap_or(0).div_ceil(1000).max(1);
    Error::Later {
        code: Code::RateLimitExceeded,
        message: format!("Too many wrong passwords; try again in {seconds} s, or use a sign-in link"),
        seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn rules_have_two_ends() {
        for good in ["abcdefghij", "🔑 and a door", &"ab".repeat(100)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "abcdefghi", &"ab".repeat(101), "aaaaaaaaaaaa"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_right_password_fits_its_hash() {
        let stored = hash("a good password", [7; 16]).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(is_right("a good password", Some(&stored)));
        assert!(!is_right("a good passwort", Some(&stored)));
        assert!(!is_right("a good password", None) && !is_right("a good password", Some("nonsense")));
        assert_ne!(stored, hash("a good password", [8; 16]).unwrap(), "salted");
        assert!(PasswordHash::new(DECOY).is_ok(), "the decoy takes as long as a real one");
    }

    #[tokio::test]
    async fn made_up_names_fill_no_more_than_their_room_and_are_pruned() {
        let (db, _ids, clock, _folder) = testing::db().await;
        let alike: Vec<String> = (0..)
            .map(|one| format!("name {one}"))
            .filter(|name| subject(name).starts_with("abc"))
            .take(17)
            .collect();
        let start = clock.now();
        let attempt = |name: &str, now: Time| {
            let name = name.to_owned();
            db.write(move |tx| begin(tx, &name, now))
        };
        let rows =
            || db.read(|tx| tx.one("SELECT COUNT(*) FROM sign_in_failures", &[], |row| row.get::<i64>(0)));
        for name in &alike[..16] {
            attempt(name, start).await.unwrap();
        }
        assert!(matches!(attempt(&alike[16], start).await, Err(Error::Later { seconds: 3600, .. })));
        attempt(&alike[0], start).await.unwrap();
        attempt("another name", start).await.unwrap();
        assert_eq!(rows().await.unwrap(), 17);
        let later = start + REMEMBERED;
        attempt(&alike[16], later).await.unwrap();
        assert!(!db.write(move |tx| prune(tx, later)).await.unwrap());
        assert_eq!(rows().await.unwrap(), 1, "only what is remembered is kept");
    }

    #[tokio::test]
    async fn after_five_failures_each_attempt_has_to_wait_longer() {
        let (db, ids, clock, _folder) = testing::db().await;
        let attempt = |project: &'static str| {
            let now = clock.now();
            db.write(move |tx| begin(tx, project, now))
        };
        for _ in 0..FREE {
            attempt("Acme").await.unwrap();
        }
        assert!(matches!(attempt("Acme").await, Err(Error::Later { seconds: 30, .. })));
        attempt("Another").await.unwrap();
        clock.advance(FIRST_PAUSE);
        attempt("Acme").await.unwrap();
        assert!(matches!(attempt("Acme").await, Err(Error::Later { seconds: 60, .. })));
        clock.advance(REMEMBERED);
        attempt("Acme").await.unwrap();
        let account = testing::account(&db, &ids).await;
        assert_eq!(attempt("Test").await.unwrap().as_ref(), Some(&account));
        db.write(move |tx| succeeded(tx, &account)).await.unwrap();
        for _ in 0..FREE {
            attempt("Test").await.unwrap();
        }
        assert!(attempt("Test").await.is_err());
    }

    #[tokio::test]
    async fn name_and_id_of_an_account_are_counted_as_one() {
        let (db, ids, clock, _folder) = testing::db().await;
        let id = testing::account(&db, &ids).await.to_string();
        for attempt in 0..=FREE {
            let (now, typed) = (clock.now(), if attempt % 2 == 0 { "Test".to_owned() } else { id.clone() });
            let begun = db.write(move |tx| begin(tx, &typed, now)).await;
            assert_eq!(begun.is_err(), attempt == FREE, "attempt {attempt}");
        }
        let shared = testing::account(&db, &ids).await;
        let now = clock.now();
        assert_eq!(
            db.write(move |tx| begin(tx, "Test", now)).await.unwrap(),
            None,
            "a name that two share is none's"
        );
        assert!(db.write(move |tx| begin(tx, shared.as_str(), now)).await.unwrap().is_some());
    }
}
