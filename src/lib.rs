//! AgentPhone: a phone carrier for AI agents, in one program.

#![forbid(unsafe_code)]

pub mod address;
pub mod app;
pub mod carriers;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod error;
pub mod http;
pub mod id;
pub mod jobs;
pub mod json;
pub mod media_store;
pub mod net;
pub mod network;
pub mod phone;
pub mod queue;
pub mod server;
pub mod signature;
pub mod text;
