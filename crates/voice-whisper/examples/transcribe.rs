//! Listens to WAV files (16 kHz, mono, 16 bits): `transcribe MODEL-FOLDER FILE…`; one line of JSON for each.
#![expect(clippy::disallowed_methods, reason = "an example measures by the clock")]

use std::time::Instant;

use anyhow::{Context, Result};
use voice_whisper::{Event, Options, Whisper};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, files) = arguments.split_first().context("transcribe MODEL-FOLDER FILE…")?;
    let whisper = Whisper::load(model.as_ref(), 2)?;
    let options = Options {
        words: std::env::var_os("WORDS").is_some(),
        language: std::env::var("LANGUAGE").ok(),
        ..Options::default()
    };
    for file in files {
        let samples = read(file)?;
        let begin = Instant::now();
        let (mut language, mut text, mut segments) = (None, String::new(), Vec::new());
        whisper.transcribe(&samples, &options, &mut |event| {
            match event {
                Event::Language(code) => language = Some(code),
                Event::Segment(segment) => {
                    text.push_str(&segment.text);
                    let words: Vec<_> = segment
                        .words
                        .iter()
                        .map(|word| serde_json::json!([word.word, word.start, word.end]))
                        .collect();
                    segments.push(serde_json::json!({
                        "start": segment.start, "end": segment.end, "temperature": segment.temperature,
                        "logprob": segment.avg_logprob, "ratio": segment.compression_ratio, "words": words,
                    }));
                }
            }
            true
        })?;
        #[expect(clippy::cast_precision_loss, reason = "an example")]
        let seconds = samples.len() as f64 / 16_000.0;
        let took = begin.elapsed().as_secs_f64();
        println!(
            "{}",
            serde_json::json!({
                "file": file, "seconds": seconds, "took": took, "language": language, "text": text.trim(),
                "segments": segments,
            })
        );
    }
    Ok(())
}

fn read(file: &str) -> Result<Vec<f32>> {
    let bytes = std::fs::read(file).with_context(|| file.to_owned())?;
    let data = bytes.windows(4).position(|name| name == b"data").context("no WAV")? + 8;
    Ok(bytes[data..]
        .chunks_exact(2)
        .map(|it| f32::from(i16::from_le_bytes([it[0], it[1]])) / 32_768.0)
        .collect())
}
