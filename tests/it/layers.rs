//! Who may use whom: reads the `crate::…` paths of the program and fails on an arrow that is not on the map.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::house::{is_for_tests, program, sources};

/// What knows nothing of the rest; leaves may use each other.
const LEAVES: &[&str] = &[
    "address",
    "channel",
    "clock",
    "error",
    "id",
    "json",
    "media_type",
    "net",
    "patch",
    "signature",
    "text",
    "words",
];

/// Each module with what it may use besides the leaves. The edges (`main`, `server`, `cli`) may use everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("media_store", &[]),
    ("db", &[]),
    // Plain data and streams in and out, and the settings that say who answers.
    ("voice", &["config"]),
    ("queue", &["db"]),
    ("phone", &["db", "queue"]),
    // A carrier and the network it speaks to share plain data: the link one way, the carrier seam the other.
    ("carriers", &["network"]),
    ("network", &["carriers"]),
    // Everything a handler or a job may reach, held together; it calls none of it.
    (
        "app",
        &["carriers", "config", "db", "http", "jobs", "media_store", "network", "phone", "queue", "voice"],
    ),
    ("stock", &["app", "carriers", "db", "phone"]),
    ("reach", &["app", "carriers", "db", "phone"]),
    ("jobs", &["app", "carriers", "db", "phone", "queue", "stock"]),
    (
        "http",
        &[
            "app",
            "carriers",
            "config",
            "dashboard",
            "db",
            "jobs",
            "network",
            "phone",
            "queue",
            "reach",
            "stock",
            "voice",
        ],
    ),
    ("dashboard", &["app", "config", "db", "http", "jobs", "network", "phone", "stock", "voice"]),
];

const EDGES: &[&str] = &["main", "lib", "server", "cli"];

/// Narrower than the map: only these files may go along these arrows, or only to these names.
fn exception(path: &Path, to: &str, rest: &str) -> Result<(), &'static str> {
    let path = path.to_str().unwrap_or_default();
    let among = |files: &[&str]| files.iter().any(|file| path.ends_with(file));
    match (path.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs"), to) {
        ("http", "network") if !among(&["http/sim.rs"]) => Err("only http/sim.rs speaks of the network"),
        ("http", "carriers") if !among(&["http/mod.rs", "http/sim.rs", "http/inbound.rs"]) => {
            Err("handlers do not know carriers")
        }
        ("http", "dashboard") if !among(&["http/mod.rs"]) => Err("only the router mounts the dashboard"),
        ("dashboard", "jobs") if !rest.starts_with("test_webhook") => {
            Err("a page may try an endpoint out, and runs no other job")
        }
        ("carriers", "network") if !among(&["simulated.rs"]) && !path.contains("carriers/simulated/") => {
            Err("only the simulated carrier knows the simulated network")
        }
        ("app", "http") if !rest.starts_with("idempotency::Live") && !rest.starts_with("totals::Totals") => {
            Err("the app holds two small stores of http and nothing else of it")
        }
        ("app", "jobs")
            if !["settler::Settler", "accepter::Accepter", "recorder::Recorder", "meter::Meter"]
                .iter()
                .any(|held| rest.starts_with(held)) =>
        {
            Err("the app holds the accepter, the settler, the recorder, the meter and no other job")
        }
        ("app", "phone") if !rest.starts_with("lines::Lines") => {
            Err("the app holds the lines and no other noun")
        }
        ("app", "queue")
            if !rest
                .trim_matches(['{', '}', ';'])
                .split(", ")
                .all(|held| ["Limits", "Room", "Slot"].contains(&held)) =>
        {
            Err("the app holds how much room there is and nothing else")
        }
        _ => Ok(()),
    }
}

/// The modules that a text names as `crate::module`, also in groups (`use crate::{a, b::C}`), each with what
/// follows.
fn named(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (start, _) in line.match_indices("crate::") {
            if line[..start].ends_with(|it: char| it.is_alphanumeric() || it == '_' || it == '$') {
                continue;
            }
            let rest = &line[start + "crate::".len()..];
            let parts: Vec<&str> = match rest.strip_prefix('{') {
                Some(group) => group.split(['}', ',']).collect(),
                None => vec![rest],
            };
            for part in parts {
                let part = part.trim();
                let end = part.find(|it: char| !(it.is_alphanumeric() || it == '_')).unwrap_or(part.len());
                if end > 0 && !part.starts_with(';') {
                    found.push((part[..end].to_owned(), part[end..].trim_start_matches("::").to_owned()));
                }
            }
        }
    }
    found
}

/// The module a file of `src/` belongs to.
fn module(path: &Path) -> String {
    let name = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    name.trim_end_matches(".rs").to_owned()
}

#[test]
fn arrows_go_one_way() {
    let map: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources("src").iter().filter(|(path, _)| !is_for_tests(path)) {
        let from = module(path);
        if EDGES.contains(&from.as_str()) {
            continue;
        }
        let allowed: BTreeSet<&str> = match map.get(from.as_str()) {
            Some(allowed) => allowed.iter().copied().collect(),
            None if LEAVES.contains(&from.as_str()) => BTreeSet::new(),
            None => panic!("src/{from} is not on the map; say in tests/it/layers.rs whom it may use"),
        };
        for (to, rest) in named(program(text)) {
            if to == from || LEAVES.contains(&to.as_str()) {
                continue;
            }
            if !allowed.contains(to.as_str()) {
                wrong.push(format!("{} uses {to}: {from} may not", path.display()));
            } else if let Err(why) = exception(path, &to, &rest) {
                wrong.push(format!("{} uses {to}: {why}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_reader_of_arrows_sees_them() {
    let text = "use crate::db::Tx;\nuse crate::{http, net::Client};\n    crate::jobs::start(app);\n// crate::cli\n$crate::id::X";
    let seen: Vec<_> = named(text).into_iter().map(|(module, _)| module).collect();
    assert_eq!(seen, ["db", "http", "net", "jobs"]);
}
