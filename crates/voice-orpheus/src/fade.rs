//! Pieces of sound are laid over each other where they meet: 50 ms of the one go out while the next comes in.

use crate::RATE;

const OVERLAP: usize = RATE as usize / 20;

/// Joins the pieces of one text.
#[derive(Debug, Default)]
pub struct Fade {
    /// The end of what came so far, held back.
    tail: Vec<f32>,
    /// The end of the piece before, as far as the new one has not come in yet.
    going: Vec<f32>,
}

impl Fade {
    /// Takes samples of the piece that is under way; gives those that are done.
    pub fn push(&mut self, samples: &[f32]) -> Vec<f32> {
        self.tail.extend(samples);
        let done = self.tail.len().saturating_sub(OVERLAP);
        let mut out: Vec<f32> = self.tail.drain(..done).collect();
        self.mix(&mut out);
        out
    }

    /// The next piece begins.
    pub fn next_piece(&mut self) -> Vec<f32> {
        let mut rest = std::mem::take(&mut self.tail);
        // A piece that is shorter than the overlap comes in as far as it goes.
        self.mix(&mut rest);
        std::mem::replace(&mut self.going, rest)
    }

    /// All that was held back.
    pub fn finish(mut self) -> Vec<f32> {
        let mut out = std::mem::take(&mut self.tail);
        self.mix(&mut out);
        out.append(&mut self.going);
        out
    }

    fn mix(&mut self, out: &mut [f32]) {
        let left = self.going.len();
        let count = left.min(out.len());
        for (index, (sample, going)) in out.iter_mut().zip(self.going.drain(..count)).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
            let share = (OVERLAP - (left - index).min(OVERLAP)) as f32 / OVERLAP as f32;
            *sample = *sample * share + going * (1.0 - share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_meet_without_a_step() {
        for size in [1, 500, 1_199, 1_200, 1_201, 10_000] {
            let mut fade = Fade::default();
            let mut out = Vec::new();
            for piece in 0..3 {
                if piece > 0 {
                    out.extend(fade.next_piece());
                }
                for chunk in vec![0.5; 5_000].chunks(size) {
                    out.extend(fade.push(chunk));
                }
            }
            out.extend(fade.finish());
            assert_eq!(out.len(), 3 * 5_000 - 2 * OVERLAP, "chunks of {size}");
            assert!(out.iter().all(|sample| (sample - 0.5).abs() < 1e-6), "a constant stays one");
        }
    }

    #[test]
    fn one_goes_out_while_the_other_comes_in() {
        let mut fade = Fade::default();
        let mut out = fade.push(&[1.0; 2_000]);
        out.extend(fade.next_piece());
        out.extend(fade.push(&[0.0; 2_000]));
        out.extend(fade.finish());
        assert!(out.windows(2).all(|pair| pair[1] <= pair[0]), "it only gets quieter");
        assert!((out[800] - 1.0).abs() < 1e-6 && out[799 + OVERLAP + 1].abs() < 1e-6);
    }
}
