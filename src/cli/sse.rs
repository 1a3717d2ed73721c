//! Reading server-sent events (WHATWG HTML, 9.2): bytes in, events out. What a stream says is not known here.

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The name; `message` where the stream gives none.
    pub name: String,
    pub data: String,
    /// Its own id, if it has one, to go on after it.
    pub id: Option<String>,
}

/// A longer line is no line of ours.
const LINE_BYTES: usize = 1 << 20;

/// Takes a stream apart, however it was cut into pieces.
#[derive(Default)]
pub struct Reader {
    line: Vec<u8>,
    name: String,
    data: String,
    id: Option<String>,
}

/// What comes is not what our server sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stream of events has a line that is too long")]
pub struct TooLong;

impl Reader {
    /// The events that `bytes` complete.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > LINE_BYTES {
                return Err(TooLong);
            }
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                events.extend(self.take(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n'])));
            }
        }
        Ok(events)
    }

    fn take(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let (name, mut data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            let id = self.id.take();
            // Every line of data brought a line feed of its own.
            data.pop()?;
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return Some(Event { name, data, id });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" => self.id = Some(value.to_owned()),
            // Comments have no name; others are not for us.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b": heartbeat\n\nevent: ready\ndata: {\"secret\":\"s\"}\n\nid: evt_1\r\nevent:event\r\ndata: a\r\ndata: \xc3\xa9\r\n\r\n";

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut() {
        let ready = Event { name: "ready".to_owned(), data: "{\"secret\":\"s\"}".to_owned(), id: None };
        let event =
            Event { name: "event".to_owned(), data: "a\né".to_owned(), id: Some("evt_1".to_owned()) };
        for size in 1..STREAM.len() {
            let mut reader = Reader::default();
            let events: Vec<Event> =
                STREAM.chunks(size).flat_map(|piece| reader.read(piece).unwrap()).collect();
            assert_eq!(events, [ready.clone(), event.clone()], "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut reader = Reader::default();
        let refused = (0..=16).any(|_| reader.read("x".repeat(1 << 16).as_bytes()).is_err());
        assert!(refused);
    }
}
