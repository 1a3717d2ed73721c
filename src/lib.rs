//! AgentPhone: a phone carrier for AI agents, in one program.
//!
//! Nouns and edges: `phone/` is what the phone knows, everything around it is an edge. Arrows go one way; a test
//! reads the `use` lines and fails on a wrong one (ARCHITECTURE.md has the map).

#![forbid(unsafe_code)]

// The edges.
pub mod cli;
pub mod dashboard;
pub mod http;
pub mod jobs;
pub mod server;

// Everything a handler or a job may reach.
pub mod app;
pub mod config;
pub mod media_store;
pub mod reach;
pub mod stock;

// The nouns, and how messages leave and arrive.
pub mod carriers;
pub mod network;
pub mod phone;
pub mod voice;

// What the nouns stand on.
pub mod db;
pub mod queue;

// The leaves.
pub mod address;
pub mod channel;
pub mod clock;
pub mod error;
pub mod id;
pub mod json;
pub mod media_type;
pub mod net;
pub mod patch;
pub mod signature;
#[cfg(test)]
mod testing;
pub mod text;
