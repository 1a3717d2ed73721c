//! What a layer knows, by time: a row of numbers for each moment, one number a channel. Rows are as wide as the channels
//! rounded up to [`BLOCK`]s, what is too much being zero. A stretch of rows may stick out of the sound at both ends;
//! there all is zero too, as at the edges of a convolution: so no layer has an edge to think of.

use std::ops::Range;

/// Channels that are computed together.
pub const BLOCK: usize = 32;

/// A stretch of time, counted from the beginning of the sound.
pub type Span = Range<isize>;

/// The stretch with so many moments more to either side.
pub fn grown(span: &Span, by: usize) -> Span {
    span.start - by.cast_signed()..span.end + by.cast_signed()
}

/// As much of it as lies within a sound of `end` moments.
pub fn inside(span: &Span, end: usize) -> Span {
    let end = end.cast_signed();
    let start = span.start.clamp(0, end);
    start..span.end.clamp(start, end)
}

/// So many channels, in whole blocks.
pub fn padded(channels: usize) -> usize {
    channels.next_multiple_of(BLOCK)
}

#[derive(Clone, Debug)]
pub struct Rows {
    from: isize,
    width: usize,
    values: Vec<f32>,
}

impl Rows {
    /// All zero.
    pub fn over(span: &Span, width: usize) -> Self {
        let many = usize::try_from(span.end - span.start).unwrap_or(0);
        Self { from: span.start, width, values: vec![0.0; many * width] }
    }

    /// From numbers that stand channel by channel, as in a file.
    pub fn from_channels(values: &[f32], channels: usize) -> Self {
        let many = values.len() / channels.max(1);
        let mut rows = Self::over(&(0..many.cast_signed()), padded(channels));
        let width = rows.width;
        for (channel, line) in values.chunks_exact(many.max(1)).enumerate() {
            for (row, value) in rows.values.chunks_exact_mut(width).zip(line) {
                row[channel] = *value;
            }
        }
        rows
    }

    /// The same stretches one after the other.
    pub fn joined(parts: Vec<Self>) -> Option<Self> {
        parts.into_iter().reduce(|mut all, part| {
            all.values.extend_from_slice(&part.values);
            all
        })
    }

    pub fn span(&self) -> Span {
        self.from..self.from + (self.values.len() / self.width).cast_signed()
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// A copy over another stretch: zero where there is nothing here.
    pub fn cut(&self, span: &Span) -> Self {
        let mut cut = Self::over(span, self.width);
        let own = self.span();
        let common = span.start.max(own.start)..span.end.min(own.end);
        if common.start < common.end {
            let many = (common.end - common.start).cast_unsigned() * self.width;
            let (to, from) = (cut.place(common.start), self.place(common.start));
            cut.values[to..to + many].copy_from_slice(&self.values[from..from + many]);
        }
        cut
    }

    /// Where the row of a moment begins among the values.
    pub fn place(&self, at: isize) -> usize {
        (at - self.from).cast_unsigned() * self.width
    }

    /// Each row taken for `times` rows, that follow each other.
    pub fn unfolded(self, times: usize) -> Self {
        Self { from: self.from * times.cast_signed(), width: self.width / times, values: self.values }
    }
}
