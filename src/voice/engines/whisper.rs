//! Transcription by a Whisper model.

use voice_whisper::{Event, Options, Whisper as Model};

use super::{Fault, Loaded, Ordered, Piece, Taker, Work};
use crate::voice::{Heard, Listening, Segment, Word};

pub(super) struct Whisper {
    name: String,
    model: Model,
}

impl Whisper {
    pub fn open(ordered: &Ordered, threads: usize) -> anyhow::Result<Self> {
        Ok(Self { name: ordered.name.clone(), model: Model::load(&ordered.path, threads)? })
    }

    fn options(&self, listening: &Listening) -> Result<Options, Fault> {
        if let Some(language) = &listening.language
            && !self.model.knows(language)
        {
            let message = format!("The model {} does not know the language {language:?}", self.name);
            return Err(Fault::Refused { code: None, message });
        }
        Ok(Options {
            language: listening.language.clone(),
            prompt: listening.prompt.clone(),
            temperature: listening.temperature.unwrap_or(0.0),
            words: listening.words,
        })
    }
}

impl Loaded for Whisper {
    fn work(&self, work: Work, taker: &Taker) -> Result<f64, Fault> {
        let Work::Listen(listening) = work else { return Err(super::other_task(&self.name)) };
        let options = self.options(&listening)?;
        let mut give = |event| taker.give(Piece::Heard(heard(event))).is_ok();
        let outcome = self.model.transcribe(&listening.recording.samples, &options, &mut give);
        outcome.map_err(|error| Fault::Failed { message: format!("{}: {error:#}", self.name) })?;
        Ok(listening.recording.seconds())
    }
}

fn heard(event: Event) -> Heard {
    match event {
        Event::Language(language) => Heard::Language(language),
        Event::Segment(it) => Heard::Segment(Segment {
            start: it.start,
            end: it.end,
            text: it.text,
            tokens: it.tokens,
            temperature: it.temperature,
            avg_logprob: it.avg_logprob,
            compression_ratio: it.compression_ratio,
            no_speech_prob: it.no_speech_prob,
            words: it
                .words
                .into_iter()
                .map(|word| Word { word: word.word, start: word.start, end: word.end })
                .collect(),
        }),
    }
}
