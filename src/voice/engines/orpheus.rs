//! Speech by Orpheus: llama.cpp makes its tokens, SNAC makes sound of them. It has never been run with real weights.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use voice_llama::{Error, Llama, Options, Settings};
use voice_orpheus::{END_OF_SPEECH, Fade, Frames, RATE, Snac, Window, pieces, prompt};

use super::{Fault, Loaded, Ordered, Piece, Taker, Work, together};
use crate::voice::Utterance;

/// A piece of text and a good minute of sound, in tokens.
const CONTEXT: usize = 8_192;
const DECODER: &str = "snac_24khz.safetensors";

pub(super) struct Orpheus {
    name: String,
    model: Llama,
    snac: Snac,
    options: Options,
}

/// Nobody wants the rest, or there is none to be had.
enum Stop {
    Gone,
    Fault(Fault),
}

impl Orpheus {
    /// Opens a folder with one GGUF file and the decoder's weights.
    pub fn open(ordered: &Ordered, threads: usize) -> anyhow::Result<Self> {
        let together = ordered.concurrency.unwrap_or_else(|| together(ordered.engine));
        let settings = Settings { threads, together, context: Some(CONTEXT) };
        let model = Llama::open(&only_gguf(&ordered.path)?, settings)?;
        let snac = Snac::open(&ordered.path.join(DECODER)).context("loading the decoder")?;
        let options = Options {
            temperature: 0.6,
            top_p: 0.9,
            top_k: 0,
            min_p: 0.0,
            repeat_penalty: 1.1,
            max_tokens: None,
            ..Options::usual(model.weights())
        };
        Ok(Self { name: ordered.name.clone(), model, snac, options })
    }

    /// Says one piece of the text.
    fn say(&self, voice: &str, text: &str, taker: &Taker, give: &mut Giving<'_>) -> Result<(), Stop> {
        let asked = prompt(voice, text, |text| self.model.tokens(text, false));
        let (mut frames, mut outcome) = (Frames::default(), Ok(()));
        let generated = self.model.generate(&asked, &self.options, taker.watch(), |token, _| {
            if token == END_OF_SPEECH {
                return false;
            }
            if let Some(window) = frames.push(token) {
                outcome = self.sound(&window, give);
            }
            outcome.is_ok()
        });
        outcome?;
        generated.map_err(|error| Stop::Fault(fault(&error)))?;
        match frames.finish() {
            Some(window) => self.sound(&window, give),
            None => Ok(()),
        }
    }

    fn sound(&self, window: &Window, give: &mut Giving<'_>) -> Result<(), Stop> {
        let samples = self.snac.decode(window).map_err(|error| Stop::Fault(fault(&error)))?;
        let done = give.fade.push(&samples);
        give.give(&done)
    }

    fn all(&self, utterance: &Utterance, taker: &Taker, give: &mut Giving<'_>) -> Result<(), Stop> {
        taker.give(Piece::Rate(RATE)).map_err(|_| Stop::Gone)?;
        for (index, piece) in pieces(&utterance.text).into_iter().enumerate() {
            if index > 0 {
                let rest = give.fade.next_piece();
                give.give(&rest)?;
            }
            self.say(&utterance.voice, piece, taker, give)?;
        }
        let rest = std::mem::take(&mut give.fade).finish();
        give.give(&rest)
    }
}

impl Loaded for Orpheus {
    fn work(&self, work: Work, taker: &Taker) -> Result<f64, Fault> {
        let Work::Speak(utterance) = work else { return Err(super::other_task(&self.name)) };
        if (utterance.speed - 1.0).abs() > f32::EPSILON {
            let message = "speed: Orpheus speaks at its own speed; leave it out, or ask for 1".to_owned();
            return Err(Fault::Refused { code: None, message });
        }
        let mut giving = Giving { taker, fade: Fade::default(), samples: 0 };
        let said = self.all(&utterance, taker, &mut giving);
        if let Err(Stop::Fault(fault)) = said {
            return Err(fault);
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 samples")]
        let seconds = giving.samples as f64 / f64::from(RATE);
        Ok(seconds)
    }
}

/// Sound on its way out.
struct Giving<'a> {
    taker: &'a Taker,
    fade: Fade,
    samples: usize,
}

impl Giving<'_> {
    fn give(&mut self, samples: &[f32]) -> Result<(), Stop> {
        if samples.is_empty() {
            return Ok(());
        }
        self.samples += samples.len();
        #[expect(clippy::cast_possible_truncation, reason = "a cast of floats saturates")]
        let narrow = samples.iter().map(|sample| (sample * 32_767.0) as i16).collect();
        self.taker.give(Piece::Samples(narrow)).map_err(|_| Stop::Gone)
    }
}

fn only_gguf(folder: &Path) -> anyhow::Result<PathBuf> {
    let files = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let files: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    let mut found = files.into_iter().filter(|file| file.extension().is_some_and(|it| it == "gguf"));
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => bail!("{} holds no GGUF file", folder.display()),
        (Some(_), Some(_)) => bail!("{} holds several GGUF files", folder.display()),
    }
}

fn fault(error: &(impl std::error::Error + 'static)) -> Fault {
    match (error as &dyn std::error::Error).downcast_ref::<Error>() {
        Some(Error::Refused(message)) => Fault::Refused { code: None, message: message.clone() },
        Some(Error::ContextTooLong { .. } | Error::Failed(_)) | None => {
            Fault::Failed { message: error.to_string() }
        }
    }
}
