//! What comes in from outside: every crate from crates.io, under a licence that a user of this program can live with,
//! and none that nobody uses. Known holes in crates are not looked up here: that needs a database from elsewhere.

use std::process::Command;

use serde_json::Value;

use crate::house::sources;

/// Licences that ask for no more than a notice, and the MPL, which asks for changes to its own files.
const LICENCES: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that name a file instead of a licence, after somebody has read it.
const READ: [(&str, &str); 1] = [("language-tokenizer", "WTFPL 2")];

/// Named in Cargo.toml for its features only.
const NOT_CALLED: [&str; 1] = ["flate2"];

/// Every package of a build with all features, as `cargo metadata` tells of it.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--all-features", "--format-version=1", "--filter-platform"])
        .arg("x86_64-unknown-linux-gnu")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Whether an SPDX expression leaves a choice that is allowed: all parts of an `AND`, one of an `OR`.
fn allows(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

#[test]
fn every_crate_has_a_licence_that_is_allowed_and_comes_from_the_registry() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let is_allowed =
            package["license"].as_str().map_or_else(|| READ.iter().any(|(read, _)| *read == name), allows);
        let is_ours = package["source"].is_null();
        if !is_allowed
            || !(is_ours || package["source"] == "registry+https://github.com/rust-lang/crates.io-index")
        {
            wrong.push(format!("{name}: {} from {}", package["license"], package["source"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_licence_with_a_choice_is_allowed_by_the_choice() {
    for allowed in ["MIT", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0/MIT"] {
        assert!(allows(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "", "AGPL-3.0 OR SSPL-1.0"] {
        assert!(!allows(refused), "{refused}");
    }
}

#[test]
fn every_dependency_is_used() {
    let ours = packages().into_iter().find(|package| package["name"] == "agentphone").unwrap();
    let text: String = sources("src").into_iter().chain(sources("tests")).map(|(_, text)| text).collect();
    let names = ours["dependencies"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
    let unused: Vec<&str> = names
        .filter(|name| !NOT_CALLED.contains(name))
        .filter(|name| {
            let path = name.replace('-', "_");
            !text.contains(&format!("{path}::")) && !text.contains(&format!("use {path};"))
        })
        .collect();
    assert!(unused.is_empty(), "in Cargo.toml, and named nowhere: {unused:?}");
}
