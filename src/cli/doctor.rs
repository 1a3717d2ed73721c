//! `agentphone doctor`: measures what the server stands on and says what to do about it, one line for each thing.
//! It changes nothing that stays.

use std::fmt;

use anyhow::ensure;

use crate::config::Config;

mod machine;
mod surroundings;

/// How something was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    pub verdict: Verdict,
    pub what: &'static str,
    /// What was measured, and what to do where it is not good.
    pub text: String,
}

impl Finding {
    pub fn new(verdict: Verdict, what: &'static str, text: impl Into<String>) -> Self {
        Self { verdict, what, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4}  {:<9}  {}", self.verdict, self.what, self.text)
    }
}

/// Looks at everything and prints it; an error if anything would keep the server from working.
pub async fn run(config: &Config) -> anyhow::Result<()> {
    let mut failed = 0;
    let mut tell = |findings: Vec<Finding>| {
        for finding in findings {
            println!("{finding}");
            failed += usize::from(finding.verdict == Verdict::Fail);
        }
    };
    let data = config.data.clone();
    tell(tokio::task::spawn_blocking(move || machine::data_folder(&data)).await?);
    tell(vec![tokio::task::spawn_blocking(machine::clock).await?]);
    tell(vec![surroundings::database(config).await]);
    let address = surroundings::address(config).await;
    // A running server tells of its carriers itself.
    let told = address.iter().any(|finding| finding.what == surroundings::CARRIER);
    tell(address);
    if !(told && config.carriers.is_empty()) {
        tell(surroundings::carriers(config).await);
    }
    ensure!(failed == 0, "{failed} of these must be mended before AgentPhone can work");
    Ok(())
}
