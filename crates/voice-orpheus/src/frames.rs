//! From tokens to frames of codes, and from frames to windows: a stretch of frames that is decoded together, of which
//! only the middle is kept, because its edges sound wrong. Each window is one frame further on than the one before.

use crate::{FRAME, TOKENS};

/// The token of the code 0 at the first place of a frame; each place has 4,096 of its own.
const FIRST: i32 = 128_266;
const CODES: i32 = 4_096;
/// Frames in a window.
const WINDOW: usize = 4;

/// The codes of one answer, as its tokens come.
#[derive(Debug, Default)]
pub struct Frames {
    codes: Vec<u32>,
}

/// Frames that are decoded together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// The codes for each of the decoder's three layers: one, two and four a frame.
    pub layers: [Vec<u32>; 3],
    /// Which of the samples to keep.
    pub keep: std::ops::Range<usize>,
}

impl Frames {
    /// Takes the next token. What is no code, or not one for its place, is passed over.
    pub fn push(&mut self, token: i32) -> Option<Window> {
        let place = i32::try_from(self.codes.len() % TOKENS).expect("below seven");
        let code = token - FIRST - place * CODES;
        if !(0..CODES).contains(&code) {
            return None;
        }
        self.codes.push(code.unsigned_abs());
        let frames = self.codes.len() / TOKENS;
        if frames < WINDOW || !self.codes.len().is_multiple_of(TOKENS) {
            return None;
        }
        // The first one also has what lies before its middle.
        let from = if frames == WINDOW { 0 } else { FRAME };
        Some(self.window(frames - WINDOW, frames, from..2 * FRAME))
    }

    /// What is left when no token comes any more; half a frame is no sound.
    pub fn finish(self) -> Option<Window> {
        let frames = self.codes.len() / TOKENS;
        match frames {
            0 => None,
            short if short < WINDOW => Some(self.window(0, short, 0..short * FRAME)),
            _ => Some(self.window(frames - WINDOW, frames, 2 * FRAME..WINDOW * FRAME)),
        }
    }

    fn window(&self, from: usize, to: usize, keep: std::ops::Range<usize>) -> Window {
        let mut layers = [Vec::new(), Vec::new(), Vec::new()];
        for frame in self.codes[from * TOKENS..to * TOKENS].chunks_exact(TOKENS) {
            layers[0].push(frame[0]);
            layers[1].extend([frame[1], frame[4]]);
            layers[2].extend([frame[2], frame[3], frame[5], frame[6]]);
        }
        Window { layers, keep }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The token of `code` at `place`.
    fn token(code: usize, place: usize) -> i32 {
        FIRST + i32::try_from(code + (place % TOKENS) * 4_096).unwrap()
    }

    /// Pushes so many tokens, the code of each being its number; gives the windows.
    fn windows(tokens: usize) -> Vec<Window> {
        let mut frames = Frames::default();
        let mut windows: Vec<_> = (0..tokens).filter_map(|at| frames.push(token(at, at))).collect();
        windows.extend(frames.finish());
        windows
    }

    #[test]
    fn codes_go_to_their_layers() {
        let window = &windows(28)[0];
        assert_eq!(window.layers[0], [0, 7, 14, 21]);
        assert_eq!(window.layers[1], [1, 4, 8, 11, 15, 18, 22, 25]);
        assert_eq!(window.layers[2], [2, 3, 5, 6, 9, 10, 12, 13, 16, 17, 19, 20, 23, 24, 26, 27]);
    }

    #[test]
    fn every_frame_sounds_once_and_in_order() {
        for frames in 1..12 {
            let windows = windows(frames * TOKENS + 3);
            let kept: usize = windows.iter().map(|window| window.keep.len()).sum();
            assert_eq!(kept, frames * FRAME, "{frames} frames");
            // Where in the whole each kept stretch begins: its window's first frame, and its place in there.
            let mut next = 0;
            for window in windows {
                let first = usize::try_from(window.layers[0][0]).unwrap() / TOKENS;
                assert_eq!(first * FRAME + window.keep.start, next);
                next += window.keep.len();
            }
        }
        assert!(windows(6).is_empty());
    }

    #[test]
    fn what_is_no_code_for_its_place_is_passed_over() {
        let mut frames = Frames::default();
        for strange in [0, crate::END_OF_SPEECH, FIRST - 1, FIRST + CODES, token(7, 3)] {
            assert_eq!(frames.push(strange), None);
        }
        assert!(frames.codes.is_empty());
        frames.push(token(4_095, 0));
        frames.push(token(0, 1));
        assert_eq!(frames.codes, [4_095, 0]);
    }
}
