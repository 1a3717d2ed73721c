//! The rules of the house that a machine can check: sizes, `unwrap`, `#[allow]`, a word on top of each file.

use std::path::{Path, PathBuf};

/// No file is longer.
const LINES: usize = 500;

/// All files that pages load weigh no more together.
const ASSET_BYTES: u64 = 150_000;

/// Every Rust file under `folder` with its path from the root of the project.
pub fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut files) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Whether the whole file is for tests.
pub fn is_for_tests(path: &Path) -> bool {
    matches!(path.file_name().and_then(|name| name.to_str()), Some("tests.rs" | "testing.rs"))
        || path.components().any(|part| part.as_os_str() == "tests")
}

/// The part of a file that is in the program: what is before its unit tests.
pub fn program(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |tests| &text[..tests])
}

#[test]
fn no_file_is_too_long() {
    let files = sources("src").into_iter().chain(sources("tests"));
    let long: Vec<_> =
        files.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > LINES).collect();
    assert!(long.is_empty(), "longer than {LINES} lines: {long:?}");
}

#[test]
fn the_program_neither_unwraps_nor_allows() {
    let mut found = Vec::new();
    for (path, text) in sources("src") {
        if is_for_tests(&path) {
            continue;
        }
        for (number, line) in program(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if [".unwrap()", "#[allow(", "#![allow(", "todo!(", "unimplemented!("]
                .iter()
                .any(|it| code.contains(it))
            {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> = sources("src")
        .into_iter()
        .chain(sources("tests"))
        .filter(|(path, text)| !text.starts_with("//! ") && !path.ends_with("tests.rs"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no `//!` on top: {silent:?}");
}

#[test]
fn the_files_of_all_pages_together_are_light() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/assets");
    let (mut folders, mut weight) = (vec![root], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                weight += entry.metadata().unwrap().len();
            }
        }
    }
    assert!((1..=ASSET_BYTES).contains(&weight), "{weight} bytes");
}
