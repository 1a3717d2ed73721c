//! A voice: its two files read, its parts put together.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use misaki_rs::Language;
use serde::Deserialize;

use crate::normal::normal;
use crate::phonemes::Phonemes;
use crate::sentences::sentences;
use crate::synthesis::{Manner, Synthesis};

/// How much of the `.onnx.json` beside a voice is of interest here.
#[derive(Deserialize)]
struct Description {
    audio: Audio,
    espeak: Espeak,
    inference: Inference,
    phoneme_id_map: HashMap<String, Vec<i32>>,
    #[serde(default)]
    num_speakers: usize,
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

#[derive(Deserialize)]
struct Espeak {
    voice: String,
}

#[derive(Deserialize)]
struct Inference {
    noise_scale: f32,
    length_scale: f32,
    noise_w: f32,
}

/// A voice that can speak; may be used by several threads at a time.
pub struct Voice {
    rate: u32,
    manner: Manner,
    phonemes: Phonemes,
    synthesis: Synthesis,
}

impl Voice {
    /// Reads the ONNX file and the `.json` beside it. No more than `threads` threads compute at a time, whoever asks.
    pub fn load(model: &Path, threads: usize) -> Result<Self> {
        let beside = format!("{}.json", model.display());
        let text = std::fs::read_to_string(&beside).with_context(|| format!("{beside} can not be read"))?;
        let description: Description =
            serde_json::from_str(&text).with_context(|| format!("{beside} describes no Piper voice"))?;
        let language = match description.espeak.voice.as_str() {
            "en-us" | "en" => Language::EnglishUS,
            "en-gb" | "en-gb-x-rp" => Language::EnglishGB,
            other => bail!("{beside}: the voice speaks {other:?}, and only English can be read aloud here"),
        };
        ensure!(description.audio.sample_rate > 0, "{beside}: the voice has no sample rate");
        let Inference { noise_scale, length_scale, noise_w } = description.inference;
        Ok(Self {
            rate: description.audio.sample_rate,
            manner: Manner { noise: noise_scale, length: length_scale, noise_of_lengths: noise_w },
            phonemes: Phonemes::new(language, description.phoneme_id_map).with_context(|| beside.clone())?,
            synthesis: Synthesis::load(model, threads, description.num_speakers > 1)
                .with_context(|| format!("{} can not be loaded", model.display()))?,
        })
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Says the text: gives out mono samples in order, until they end or `give` returns false. 1 is the speed the voice
    /// has by nature.
    pub fn speak(&self, text: &str, speed: f32, give: &mut dyn FnMut(&[i16]) -> bool) -> Result<()> {
        let manner = Manner { length: self.manner.length / speed.clamp(0.1, 10.0), ..self.manner };
        for sentence in sentences(&normal(text)) {
            let ids = self.phonemes.ids(&sentence)?;
            if ids.is_empty() {
                continue;
            }
            if !self.synthesis.run(&ids, manner, give)? {
                break;
            }
        }
        Ok(())
    }

    /// The sounds of a text, as the voice's letters: to see what will be said.
    pub fn sounds(&self, text: &str) -> Result<String> {
        let parts: Result<Vec<String>> =
            sentences(&normal(text)).iter().map(|sentence| self.phonemes.letters(sentence)).collect();
        Ok(parts?.join(" | "))
    }
}
