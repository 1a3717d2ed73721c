//! Text becomes speech with a Piper voice, in pure Rust: an ONNX file run by `rten`, phonemes from `misaki-rs`. One
//! synchronous call that gives the sound out as it comes into being. It knows no files but the voice's two, no network
//! and no clock.
//!
//! The way of a text: [`normal`] writes out what a dictionary can not read (dates, times, phone numbers, addresses),
//! [`sentences`] cuts it, [`phonemes`] tells the sounds of one sentence as the voice was taught them, [`synthesis`] runs
//! the model: the whole sentence up to its last stage, then that stage piece by piece, so that the first sound is there
//! long before the last one.

mod convolution;
mod decoder;
mod flow;
mod graph;
mod inference;
mod kernel;
mod letters;
#[cfg(test)]
mod made_up;
mod normal;
mod numbers;
mod phonemes;
mod points;
mod rows;
mod sentences;
mod stages;
mod synthesis;
mod voice;

pub use voice::Voice;
