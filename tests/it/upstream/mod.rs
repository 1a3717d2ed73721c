//! The engine `openai` against an upstream that behaves as it is told (`tests/peers/upstream`).

mod breaking;
mod choosing;
mod erring;
mod leaving;
pub mod peer;
mod sound;
mod talking;
