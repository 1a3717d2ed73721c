//! The nouns: what the phone knows. One file each with its type, its SQL and its operations, all as plain
//! functions over a [`crate::db::Tx`]. They know no HTTP, no carrier, and never wait.

pub mod accounts;
pub mod acts;
pub mod agents;
pub mod attempts;
pub mod backgrounds;
pub mod consent;
pub mod conversations;
pub mod deliveries;
pub mod erase;
pub mod events;
pub mod idempotency;
pub mod keys;
pub mod language;
pub mod lines;
pub mod listeners;
pub mod media;
pub mod messages;
pub mod new_contacts;
pub mod numbers;
pub mod passwords;
pub mod payloads;
pub mod profile;
pub mod reaches;
pub mod reactions;
pub mod search;
pub mod sign_ins;
pub mod statistics;
pub mod tools;
pub mod usage;
pub mod voice_usage;
pub mod webhooks;
