//! Changes the sample rate of mono sound that comes in pieces, by FFT (`rubato`). What comes out is as long as what went
//! in: the resampler's delay is cut off in front and filled up at the end.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

use super::{AudioError, RATES};

/// Samples that are changed at a time, roughly.
const CHUNK: usize = 1024;

/// Takes sound of one rate and gives it in another.
pub struct Resampler {
    from: u32,
    to: u32,
    /// `None` where both rates are the same.
    engine: Option<Engine>,
}

struct Engine {
    fft: Fft<f32>,
    waiting: Vec<f32>,
    room: Vec<f32>,
    /// Samples of the delay that are still to be dropped.
    to_drop: usize,
    received: u64,
    given: u64,
}

impl Resampler {
    pub fn new(from: u32, to: u32) -> Result<Self, AudioError> {
        for rate in [from, to] {
            if !RATES.contains(&rate) {
                return Err(AudioError::Rate { rate });
            }
        }
        let engine = if from == to { None } else { Some(Engine::new(from, to)?) };
        Ok(Self { from, to, engine })
    }

    /// The rate of what goes in.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// Adds to `out` what can be given after these samples.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        match &mut self.engine {
            None => out.extend_from_slice(samples),
            Some(engine) => {
                engine.received += samples.len() as u64;
                engine.waiting.extend_from_slice(samples);
                engine.run(out);
            }
        }
    }

    /// Adds to `out` what is left.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let Some(engine) = &mut self.engine else { return };
        let due = (engine.received * u64::from(self.to)).div_ceil(u64::from(self.from));
        while engine.given < due {
            let before = out.len();
            let missing = engine.fft.input_frames_next().saturating_sub(engine.waiting.len());
            engine.waiting.extend(std::iter::repeat_n(0.0, missing));
            let given = engine.given;
            engine.run(out);
            let room = usize::try_from(due - given).unwrap_or(usize::MAX);
            out.truncate(before.saturating_add(room));
        }
    }
}

impl Engine {
    fn new(from: u32, to: u32) -> Result<Self, AudioError> {
        let fft = Fft::new(from as usize, to as usize, CHUNK, 1, FixedSync::Both)
            .map_err(|_| AudioError::Rate { rate: from })?;
        let room = vec![0.0; fft.output_frames_max()];
        let to_drop = fft.output_delay();
        Ok(Self { fft, waiting: Vec::new(), room, to_drop, received: 0, given: 0 })
    }

    /// Works through all whole chunks that wait.
    fn run(&mut self, out: &mut Vec<f32>) {
        let mut done = 0;
        loop {
            let needed = self.fft.input_frames_next();
            let Some(chunk) = self.waiting.get(done..done + needed) else { break };
            let frames = self.room.len();
            let input = InterleavedSlice::new(chunk, 1, needed).expect("one channel of that length");
            let mut output =
                InterleavedSlice::new_mut(&mut self.room, 1, frames).expect("one channel of that length");
            let (_, made) =
                self.fft.process_into_buffer(&input, &mut output, None).expect("the lengths it asked for");
            done += needed;
            let dropped = self.to_drop.min(made);
            self.to_drop -= dropped;
            self.given += (made - dropped) as u64;
            out.extend_from_slice(&self.room[dropped..made]);
        }
        self.waiting.drain(..done);
    }
}
