//! The journal: a file of JSON lines, one event each, in which the whole state of the network lives. It is written
//! as things happen (with plain writes, never flushed to the disk: a network outlives servers, not power cuts) and
//! read once, at start. It knows nothing of what the events mean.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An open journal and what is waiting to be written to it.
pub struct Journal {
    file: File,
    waiting: Vec<u8>,
}

impl Journal {
    /// Opens or makes the journal at `path` and passes every event in it to `replay`, in order. A last line that
    /// was torn by a crash is cut off; damage elsewhere is an error, as is a second program on the same file.
    pub fn open<E: DeserializeOwned>(path: &Path, mut replay: impl FnMut(E)) -> anyhow::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        file.try_lock().with_context(|| format!("{} is in use by another network", path.display()))?;
        let sound = read(&file, &mut replay).with_context(|| format!("cannot read {}", path.display()))?;
        file.set_len(sound)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self { file, waiting: Vec::with_capacity(64 * 1024) })
    }

    /// Adds an event to what is waiting.
    pub fn add(&mut self, event: &impl Serialize) {
        serde_json::to_writer(&mut self.waiting, event).expect("events are plain data with string keys");
        self.waiting.push(b'\n');
    }

    /// Writes what is waiting. After an error the unwritten rest still waits, so that it can be tried again.
    pub fn write(&mut self) -> std::io::Result<()> {
        let mut written = 0;
        let result = loop {
            if written == self.waiting.len() {
                break Ok(());
            }
            match self.file.write(&self.waiting[written..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.waiting.drain(..written);
        result
    }
}

/// Replays `file` and returns the length up to which it is sound.
fn read<E: DeserializeOwned>(file: &File, replay: &mut impl FnMut(E)) -> anyhow::Result<u64> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (mut line, mut sound) = (Vec::new(), 0);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Ok(sound);
        }
        match serde_json::from_slice(&line) {
            Ok(event) => replay(event),
            Err(_) if reader.fill_buf()?.is_empty() => return Ok(sound),
            Err(error) => bail!("the line at byte {sound} is damaged: {error}"),
        }
        sound += length as u64;
    }
}
