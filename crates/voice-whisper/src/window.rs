//! Which stretch of a recording the model looks at next: at most 30 seconds, beginning where somebody speaks, ending
//! where a longer silence begins. The shorter a window, the less work it is, and nothing is heard where nobody speaks.

use crate::RATE;
use crate::vad::Span;

/// The longest stretch the model knows.
pub const LONGEST: usize = 30 * RATE;
/// A silence longer than this ends a window: 2 s.
const LONG_SILENCE: usize = 2 * RATE;
/// What is left of speech that is shorter than this is none: 200 ms.
const SHORTEST: usize = RATE / 5;

/// The window that begins at or after `seek`.
pub fn next(spans: &[Span], seek: usize) -> Option<Span> {
    let mut ahead = spans.iter().filter(|span| span.end > seek + SHORTEST);
    let first = ahead.next()?;
    let start = first.start.max(seek);
    let mut end = first.end;
    for span in ahead {
        if span.start - end > LONG_SILENCE || span.start > start + LONGEST - RATE {
            break;
        }
        // A stretch that does not fit whole begins the next window.
        if span.end > start + LONGEST {
            let room = start + LONGEST - end;
            return Some(Span { start, end: if room < LONGEST / 3 { end } else { start + LONGEST } });
        }
        end = span.end;
    }
    Some(Span { start, end: end.min(start + LONGEST) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { start: start * RATE, end: end * RATE }
    }

    #[test]
    fn windows_follow_speech() {
        let spans = [span(5, 8), span(9, 12), span(40, 100)];
        assert_eq!(next(&spans, 0), Some(span(5, 12)));
        assert_eq!(next(&spans, 12 * RATE), Some(span(40, 70)));
        assert_eq!(next(&spans, 95 * RATE), Some(span(95, 100)));
        assert_eq!(next(&spans, 100 * RATE), None);
    }

    #[test]
    fn speech_is_not_cut_where_a_pause_is_near() {
        let spans = [span(0, 25), span(26, 40)];
        assert_eq!(next(&spans, 0), Some(span(0, 25)));
        let spans = [span(0, 10), span(11, 40)];
        assert_eq!(next(&spans, 0), Some(span(0, 30)));
    }
}
