//! How the models in this process are, for the dashboard in the other one.

use serde::{Deserialize, Serialize};

use crate::config::voice::EngineKind;

/// What `GET /health` says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Health {
    pub models: Vec<ModelHealth>,
    /// What the process holds in memory.
    pub memory_bytes: u64,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ModelHealth {
    pub name: String,
    pub engine: EngineKind,
    pub loaded: bool,
    /// Requests in the line, being worked at, and served since the start.
    pub waiting: usize,
    pub working: usize,
    pub done: u64,
    /// Of the last request: seconds of sound a second, or tokens a second.
    pub speed: f64,
}

/// What this process holds in memory, if the system tells.
pub(super) fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
