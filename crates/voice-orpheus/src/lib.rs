//! What is particular about Orpheus, a language model that answers a text with tokens for sound: how it is asked
//! ([`prompt`]), how long texts are cut ([`pieces`]), what its tokens mean ([`Frames`]), and with the feature `snac` the
//! decoder that makes sound of them. Who runs the language model is not said here. No weights of Orpheus or SNAC have
//! ever been at hand where this was written: it follows their published description.

mod fade;
mod frames;
mod prompt;
#[cfg(feature = "snac")]
mod snac;
mod text;

pub use fade::Fade;
pub use frames::{Frames, Window};
pub use prompt::{END_OF_SPEECH, prompt};
#[cfg(feature = "snac")]
pub use snac::Snac;
pub use text::pieces;

/// Samples a second.
pub const RATE: u32 = 24_000;
/// Samples of one frame.
pub const FRAME: usize = 2_048;
/// Tokens of one frame.
pub const TOKENS: usize = 7;
