//! Server-sent events, both ways: written as one line of JSON each, and read out of bytes that may be cut anywhere, the
//! `data` of each and no more.

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;

/// One event.
pub fn event(data: &impl Serialize) -> Bytes {
    let mut text = b"data: ".to_vec();
    serde_json::to_writer(&mut text, data).expect("plain data into memory");
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// An event longer than this is nonsense.
const LONGEST: usize = 8 * 1024 * 1024;

/// The event is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooLong;

/// Gathers lines into events.
#[derive(Default)]
pub(super) struct Events {
    unread: BytesMut,
    /// How far `unread` has been searched for the end of a line.
    searched: usize,
    data: Vec<u8>,
}

impl Events {
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.unread.extend_from_slice(bytes);
        if self.unread.len() + self.data.len() > LONGEST { Err(TooLong) } else { Ok(()) }
    }

    /// The data of the next whole event.
    pub fn next(&mut self) -> Option<Bytes> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                if !self.data.is_empty() {
                    return Some(std::mem::take(&mut self.data).into());
                }
            } else if let Some(data) = line.strip_prefix(b"data:") {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            }
        }
        None
    }

    fn line(&mut self) -> Option<BytesMut> {
        let Some(end) = self.unread[self.searched..].iter().position(|byte| *byte == b'\n') else {
            self.searched = self.unread.len();
            return None;
        };
        let mut line = self.unread.split_to(self.searched + end);
        self.unread.advance(1);
        self.searched = 0;
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_events() {
        let stream = b": hello\r\n\r\nevent: x\ndata: {\"a\":1}\n\ndata:b\ndata: c\n\n\ndata: [DONE]\n\n";
        for size in 1..stream.len() {
            let (mut events, mut seen) = (Events::default(), Vec::new());
            for piece in stream.chunks(size) {
                events.push(piece).unwrap();
                seen.extend(std::iter::from_fn(|| events.next()));
            }
            assert_eq!(seen, [&b"{\"a\":1}"[..], b"b\nc", b"[DONE]"], "pieces of {size}");
        }
    }

    #[test]
    fn an_event_has_an_end() {
        let mut events = Events::default();
        let megabyte = vec![b'x'; 1024 * 1024];
        assert!((0..8).all(|_| events.push(&megabyte).is_ok()));
        assert_eq!(events.push(b"x"), Err(TooLong));
    }
}
