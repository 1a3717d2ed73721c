//! What the tests against Node share: a seeded generator and a program that answers line for line.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

/// A generator from `AGENTPHONE_TEST_SEED`, or from a fresh seed; the seed is printed either way.
pub fn generator() -> StdRng {
    let seed = match std::env::var("AGENTPHONE_TEST_SEED") {
        Ok(text) => text.parse().expect("AGENTPHONE_TEST_SEED is a number"),
        Err(_) => StdRng::try_from_rng(&mut SysRng).expect("the system has randomness").next_u64(),
    };
    println!("seed: AGENTPHONE_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Runs Node with `arguments` in `folder`, feeds it `lines` and returns its answers, one for each.
pub fn node(folder: &Path, arguments: &[&str], lines: &[String]) -> Vec<String> {
    let mut child = Command::new("node")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is installed");
    let mut input = child.stdin.take().expect("stdin is piped");
    let text = lines.join("\n");
    let feeder = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("node can be waited for");
    feeder.join().expect("feeding does not panic").expect("node reads its input");
    assert!(output.status.success(), "node failed: {}", output.status);
    let answers: Vec<String> =
        String::from_utf8(output.stdout).expect("node answers in UTF-8").lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "one answer a line");
    answers
}
