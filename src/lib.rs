//! AgentPhone: a phone carrier for AI agents, in one program.

#![forbid(unsafe_code)]

pub mod carriers;
pub mod channel;
pub mod clock;
pub mod id;
pub mod network;
