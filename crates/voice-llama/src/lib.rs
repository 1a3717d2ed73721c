//! Chat with GGUF models, on llama.cpp: the model's own template, grammars made of JSON schemas, tools, and several
//! answers at a time on one thread that advances all of them together. Every call is synchronous; what is made is
//! handed to a closure as it comes, and the closure may stop it. No HTTP, no async.

mod chat;
mod error;
mod load;
mod options;
mod sampler;
mod sequence;
mod stops;
mod template;
mod tools;
mod worker;

pub use chat::{Answer, Delta, Ending, Question};
pub use error::Error;
pub use load::{Llama, Settings};
pub use options::Options;
pub use tools::Call;
pub use worker::{Token, Usage};
