//! AgentPhone: a phone carrier for AI agents, in one program.

#![forbid(unsafe_code)]

pub mod address;
pub mod app;
pub mod carriers;
pub mod channel;
pub mod clock;
pub mod config;
pub mod db;
pub mod error;
pub mod http;
pub mod id;
pub mod json;
pub mod net;
pub mod patch;
pub mod phone;
pub mod queue;
pub mod signature;
pub mod stock;
#[cfg(test)]
mod testing;
pub mod text;
