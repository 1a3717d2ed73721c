//! Migrations stay within the portable dialect of `migrations/README.md`.

use std::path::Path;

use crate::place::Place;

/// Words that one of the two databases does not know, or knows differently.
const FORBIDDEN: &[&str] = &[
    "BOOLEAN",
    "BOOL",
    "INTEGER",
    "INT",
    "SERIAL",
    "BIGSERIAL",
    "REAL",
    "DOUBLE",
    "NUMERIC",
    "BLOB",
    "BYTEA",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "DATE",
    "NOW",
    "CURRENT_TIMESTAMP",
    "AUTOINCREMENT",
    "ILIKE",
    "JSON",
    "JSONB",
    "ARRAY",
    "ANY",
    "UUID",
    "VARCHAR",
    "TRUE",
    "FALSE",
    "WITHOUT",
    "STRICT",
    "PRAGMA",
    "USING",
];

fn migrations() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The statements for both databases, without comments and strings.
fn bare(text: &str) -> String {
    let mut both = true;
    let shared = text.lines().filter(|line| {
        both = if line.starts_with("--@") { *line == "--@both" } else { both };
        both
    });
    let text = shared.collect::<Vec<_>>().join("\n");
    let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join("\n");
    code.split('\'').step_by(2).collect::<Vec<_>>().join("''")
}

#[test]
fn no_word_is_used_that_one_database_does_not_know() {
    for (name, text) in migrations() {
        let code = bare(&text).to_uppercase();
        let words: Vec<_> = code.split(|it: char| !(it.is_alphanumeric() || it == '_')).collect();
        let found: Vec<_> = FORBIDDEN.iter().filter(|word| words.contains(word)).collect();
        assert!(found.is_empty(), "{name} uses {found:?}; see migrations/README.md");
        assert!(!code.contains("[]") && !code.contains("->"), "{name} uses arrays or JSON operators");
    }
}

#[tokio::test]
async fn every_file_is_applied() {
    let place = Place::new().await;
    let (db, ..) = place.open(1).await;
    let sql = "SELECT name FROM schema_history ORDER BY name";
    let applied: Vec<String> = db.read(move |tx| tx.query(sql, &[], |row| row.get(0))).await.unwrap();
    let files: Vec<String> =
        migrations().into_iter().map(|(name, _)| name.trim_end_matches(".sql").to_owned()).collect();
    assert_eq!(applied, files, "src/db/migrate.rs names them all");
    db.close();
}

#[test]
fn files_are_numbered_without_gaps() {
    for (index, (name, _)) in migrations().iter().enumerate() {
        assert!(name.starts_with(&format!("V{:04}__", index + 1)), "{name} is out of order");
    }
}
