//! The schema's history: one folder of numbered files, compiled in, applied in the same order to `SQLite` and
//! `PostgreSQL`, each in one transaction, with a checksum so that an applied file is never edited unnoticed. Where
//! the databases differ in more than a word, a file says so in sections (`migrations/README.md`).

use anyhow::{Context, ensure};

/// Every migration, oldest first.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V0001__core", include_str!("../../migrations/V0001__core.sql")),
    ("V0002__imessage", include_str!("../../migrations/V0002__imessage.sql")),
    ("V0003__search", include_str!("../../migrations/V0003__search.sql")),
    ("V0004__dashboard", include_str!("../../migrations/V0004__dashboard.sql")),
    ("V0005__voice", include_str!("../../migrations/V0005__voice.sql")),
    ("V0006__lists", include_str!("../../migrations/V0006__lists.sql")),
    ("V0007__look_ups", include_str!("../../migrations/V0007__look_ups.sql")),
    ("V0008__provider_ids", include_str!("../../migrations/V0008__provider_ids.sql")),
    ("V0009__places", include_str!("../../migrations/V0009__places.sql")),
    ("V0010__room_on_pages", include_str!("../../migrations/V0010__room_on_pages.sql")),
];

const HISTORY: &str =
    "CREATE TABLE IF NOT EXISTS schema_history (name TEXT PRIMARY KEY, checksum TEXT NOT NULL)";

/// Brings a `SQLite` file up to date.
pub fn sqlite(connection: &mut rusqlite::Connection) -> anyhow::Result<()> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    tx.execute_batch(HISTORY)?;
    for (name, text) in MIGRATIONS {
        let known: Option<String> = {
            let mut statement = tx.prepare("SELECT checksum FROM schema_history WHERE name = ?1")?;
            let mut rows = statement.query([name])?;
            rows.next()?.map(|row| row.get(0)).transpose()?
        };
        if is_new(name, text, known.as_deref())? {
            tx.execute_batch(&section(text, "--@sqlite")).with_context(|| format!("applying {name}"))?;
            tx.execute("INSERT INTO schema_history VALUES (?1, ?2)", [*name, &checksum(text)])?;
        }
    }
    tx.commit()?;
    Ok(())
}

/// Brings a `PostgreSQL` database up to date; processes that start together take turns.
pub fn postgres(client: &mut postgres::Client) -> anyhow::Result<()> {
    let mut tx = client.transaction()?;
    tx.execute("SELECT pg_advisory_xact_lock(4706920917)", &[])?;
    tx.batch_execute(HISTORY)?;
    for (name, text) in MIGRATIONS {
        let known = tx.query_opt("SELECT checksum FROM schema_history WHERE name = $1", &[name])?;
        let known: Option<String> = known.map(|row| row.get(0));
        if is_new(name, text, known.as_deref())? {
            tx.batch_execute(&section(text, "--@postgres")).with_context(|| format!("applying {name}"))?;
            tx.execute("INSERT INTO schema_history VALUES ($1, $2)", &[name, &checksum(text)])?;
        }
    }
    tx.commit()?;
    Ok(())
}

/// How many migrations a database lacks that has `applied` these, each with its checksum.
pub fn lacking(applied: &[(String, String)]) -> anyhow::Result<usize> {
    let mut lacking = 0;
    for (name, text) in MIGRATIONS {
        let known = applied.iter().find(|(known, _)| known == name).map(|(_, checksum)| checksum.as_str());
        lacking += usize::from(is_new(name, text, known)?);
    }
    Ok(lacking)
}

fn is_new(name: &str, text: &str, known: Option<&str>) -> anyhow::Result<bool> {
    let Some(known) = known else { return Ok(true) };
    ensure!(
        known == checksum(text),
        "migration {name} was applied with another text; add a new file instead"
    );
    Ok(false)
}

/// What of a file is for the database whose sections begin with `mark`: everything up to the first mark and after
/// `--@both`, and its own.
fn section(text: &str, mark: &str) -> String {
    let mut is_meant = true;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if line.starts_with("--@") {
            is_meant = line == "--@both" || line == mark;
        } else if is_meant {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn a_section_is_for_its_database_only() {
        let text = "a\n--@sqlite\nb\n--@postgres\nc\n--@both\nd\n";
        assert_eq!(section(text, "--@sqlite"), "a\nb\nd\n");
        assert_eq!(section(text, "--@postgres"), "a\nc\nd\n");
    }
}
