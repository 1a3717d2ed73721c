//! Text becomes speech with a Piper voice, in pure Rust: an ONNX file run by `rten`, phonemes from `misaki-rs`. One
//! synchronous call that gives the sound out as it comes into being. It knows no files but the voice's two, no network
//! and no clock.
//!
//! The way of a text: [`normal`] writes out what a dictionary can not read (dates, times, phone numbers, addresses),
//! [`sentences`] cuts it, [`phonemes`] tells the sounds of one sentence as the voice was taught them, [`synthesis`] runs
//! the model: the whole sentence up to its last stage, then that stage piece by piece, so that the first sound is there
//! long before the last one.
//!
//! Most of the work of a model is done here and not by `rten` ([`stages`]): [`flow`] and [`decoder`], built of
//! [`convolution`]s over [`rows`], with weights from the file itself ([`graph`]). A voice that is built otherwise is left
//! to `rten`.

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
