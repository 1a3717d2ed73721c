//! Says a text three times with a voice: `say VOICE.onnx TEXT [FILE]`; prints how long it took as JSON, and its sounds. The
//! file gets the samples, 16 bits each, without a header.
#![expect(clippy::disallowed_methods, reason = "an example measures by the clock")]

use std::io::Write;
use std::time::Instant;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let voice = voice_piper::Voice::load(arguments[1].as_ref(), 2)?;
    for round in 0..3 {
        let begin = Instant::now();
        let (mut first, mut samples) = (None, Vec::new());
        voice.speak(&arguments[2], 1.0, &mut |piece| {
            first.get_or_insert_with(|| begin.elapsed());
            samples.extend_from_slice(piece);
            true
        })?;
        #[expect(clippy::cast_precision_loss, reason = "an example")]
        let seconds = samples.len() as f64 / f64::from(voice.rate());
        let took = begin.elapsed();
        let first = first.unwrap_or_default().as_secs_f64() * 1000.0;
        println!(
            "{{\"seconds\": {seconds:.3}, \"took\": {:.4}, \"first_ms\": {first:.1}}}",
            took.as_secs_f64()
        );
        if let (0, Some(path)) = (round, arguments.get(3)) {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            std::fs::File::create(path)?.write_all(&bytes)?;
        }
    }
    println!("{}", voice.sounds(&arguments[2])?);
    Ok(())
}
