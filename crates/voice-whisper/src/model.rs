//! A model that listens: its folder read, its parts put together, a recording heard from beginning to end.

use std::path::Path;

use anyhow::{Context, Result, bail};
use ct2rs::sys::{ComputeType, Config, Whisper as Network};

use crate::hearing::{Ear, Prompt, Window};
use crate::mel::Mel;
use crate::quality::Reading;
use crate::segments::{Piece, cut};
use crate::tokens::Tokens;
use crate::vad::{Span, Vad, samples, seconds};
use crate::{Event, Options, Segment, Word, language, window, words};

/// The file of the voice detector, looked for in the model's folder and beside it.
const VAD: &str = "silero_vad_16k_sequence.onnx";
/// Tokens of what was said before that the model is told (half of what it can hold, less one).
const MOST_BEFORE: usize = 223;
/// Above this temperature a text is too wild to be built upon.
const WILD: f32 = 0.5;
/// A window is left at least this much later than it began: a second.
const LEAST_STEP: usize = crate::RATE;

/// A loaded model; may be used by several threads at a time, which then wait for each other inside.
pub struct Whisper {
    network: Network,
    tokens: Tokens,
    mel: Mel,
    vad: Vad,
}

impl Whisper {
    /// Reads a `CTranslate2` folder (`model.bin`, `config.json`, a vocabulary, `tokenizer.json`). No more than `threads`
    /// threads compute at a time. With [`VAD`] in the folder or beside it, silence and noise are told from speech by it.
    pub fn load(folder: &Path, threads: usize) -> Result<Self> {
        if !folder.join("model.bin").is_file() {
            bail!("{} is no folder with a CTranslate2 model: it has no model.bin", folder.display());
        }
        let config = Config {
            compute_type: ComputeType::INT8,
            num_threads_per_replica: threads.max(1),
            ..Config::default()
        };
        let network = Network::new(folder, config)
            .with_context(|| format!("{} can not be loaded", folder.display()))?;
        let beside = folder.parent().map(|parent| parent.join(VAD));
        let vad = [Some(folder.join(VAD)), beside].into_iter().flatten().find(|path| path.is_file());
        Ok(Self {
            tokens: Tokens::load(&folder.join("tokenizer.json"))?,
            mel: Mel::new(network.n_mels()),
            vad: Vad::load(vad.as_deref())?,
            network,
        })
    }

    /// Whether a language can be asked for, by its ISO 639-1 code.
    pub fn knows(&self, language: &str) -> bool {
        if self.network.is_multilingual() {
            self.tokens.language(language).is_some()
        } else {
            language == "en"
        }
    }

    /// Listens to mono samples of [`crate::RATE`] a second, from −1 to 1. `give` gets what is heard and ends the work by
    /// returning false, which takes effect when the window under way is done.
    pub fn transcribe(
        &self,
        samples: &[f32],
        options: &Options,
        give: &mut dyn FnMut(Event) -> bool,
    ) -> Result<()> {
        let spans = self.vad.speech(samples)?;
        let mut listening = Listening { whisper: self, options, language: None, before: Vec::new() };
        if let Some(prompt) = &options.prompt {
            listening.before = self.tokens.encode(&format!(" {}", prompt.trim()))?;
        }
        let mut seek = 0;
        while let Some(span) = window::next(&spans, seek) {
            match listening.hear(samples, span, give)? {
                Some(heard) => seek = heard,
                None => break,
            }
        }
        Ok(())
    }
}

/// One recording being heard.
struct Listening<'a> {
    whisper: &'a Whisper,
    options: &'a Options,
    /// The tokens that begin a reading, once the language is known.
    language: Option<Vec<u32>>,
    /// Tokens of what was said before.
    before: Vec<u32>,
}

impl Listening<'_> {
    /// Hears one window; the sample where the next one may begin, or none if nobody listens any more.
    fn hear(
        &mut self,
        all: &[f32],
        span: Span,
        give: &mut dyn FnMut(Event) -> bool,
    ) -> Result<Option<usize>> {
        let Whisper { network, tokens, mel, .. } = self.whisper;
        let ear = Ear { model: network, tokens, mel };
        let mut window = ear.window(&all[span.start..span.end])?;
        let task = if let Some(task) = &self.language {
            task.clone()
        } else {
            let (task, code) = self.begin(&ear, &mut window)?;
            if !give(Event::Language(code)) {
                return Ok(None);
            }
            self.language.insert(task).clone()
        };
        let reading = ear.read(&mut window, self.prompt(&task), self.options.temperature)?;
        if reading.is_silence() {
            return Ok(Some(span.end));
        }
        let (pieces, heard) = cut(tokens, &reading.tokens, window.seconds());
        let words = self.words(&window, &task, &pieces)?;
        for (piece, words) in pieces.iter().zip(words) {
            let Some(segment) = self.segment(span, piece, &reading, words)? else { continue };
            if !give(Event::Segment(segment)) {
                return Ok(None);
            }
        }
        self.remember(&pieces, &reading);
        Ok(Some((span.start + samples(heard)).max(span.start + LEAST_STEP)))
    }

    /// The tokens that begin a reading, and the language they name.
    fn begin(&self, ear: &Ear<'_>, window: &mut Window<'_>) -> Result<(Vec<u32>, String)> {
        let Whisper { network, tokens, .. } = self.whisper;
        if !network.is_multilingual() {
            return Ok((vec![tokens.start], "en".to_owned()));
        }
        let code = match &self.options.language {
            Some(code) => code.clone(),
            None => language::detect(ear, window)?,
        };
        let token =
            tokens.language(&code).with_context(|| format!("the model knows no language {code:?}"))?;
        Ok((vec![tokens.start, token, tokens.transcribe], code))
    }

    fn prompt(&self, task: &[u32]) -> Prompt {
        let recent = &self.before[self.before.len().saturating_sub(MOST_BEFORE)..];
        Prompt { before: recent.to_vec(), task: task.to_vec(), mark: self.whisper.tokens.previous }
    }

    /// The words of each piece; empty lists where they are not wanted.
    fn words(&self, window: &Window<'_>, task: &[u32], pieces: &[Piece]) -> Result<Vec<Vec<Word>>> {
        if !self.options.words || pieces.is_empty() {
            return Ok(vec![Vec::new(); pieces.len()]);
        }
        let texts: Vec<&[u32]> = pieces.iter().map(|piece| piece.tokens.as_slice()).collect();
        let Whisper { network, tokens, .. } = self.whisper;
        words::words(network, tokens, &window.encoded, task, &texts, window.seconds())
    }

    /// A piece of a window as a segment of the recording; none if it says nothing.
    fn segment(
        &self,
        span: Span,
        piece: &Piece,
        reading: &Reading,
        words: Vec<Word>,
    ) -> Result<Option<Segment>> {
        let text = self.whisper.tokens.text(&piece.tokens)?;
        if text.trim().is_empty() || piece.end <= piece.start {
            return Ok(None);
        }
        let offset = seconds(span.start);
        let words = words
            .into_iter()
            .map(|word| Word { start: word.start + offset, end: word.end + offset, ..word })
            .collect();
        Ok(Some(Segment {
            start: offset + piece.start,
            end: offset + piece.end,
            text,
            tokens: piece.tokens.clone(),
            temperature: reading.temperature,
            avg_logprob: reading.avg_logprob,
            compression_ratio: reading.compression_ratio,
            no_speech_prob: reading.no_speech_prob,
            words,
        }))
    }

    fn remember(&mut self, pieces: &[Piece], reading: &Reading) {
        if reading.temperature > WILD {
            self.before.clear();
        } else {
            self.before.extend(pieces.iter().flat_map(|piece| piece.timed(&self.whisper.tokens)));
        }
    }
}
