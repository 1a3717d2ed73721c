//! The command line: what each command does, on top of the library. It decides nothing that the server decides.

pub mod accounts;
pub mod api;
pub mod doctor;
pub mod listen;
pub mod models;
mod sse;
pub mod starter;
pub mod trigger;
