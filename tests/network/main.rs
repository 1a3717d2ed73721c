//! The simulated network as servers, people and tests meet it: over HTTP, and over both kinds of link.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod faults;
mod imessage;
mod link;
mod requests;
mod throughput;
mod world;
