//! The journal: a file of JSON lines, one event each, in which the whole state of the network lives. It is written
//! as things happen (with plain writes, never flushed to the disk: a network outlives servers, not power cuts) and
//! read once, at start. A line can be changed where it stands if it gets no longer. It knows nothing of what the
//! events mean.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An open journal and what is waiting to be written to it.
pub struct Journal {
    file: File,
    /// The same file, for changes of what stands there already.
    changes: File,
    /// What is written so far, in bytes.
    length: u64,
    waiting: Vec<u8>,
}

impl Journal {
    /// Opens or makes the journal at `path` and passes every event in it to `replay`, in order, with the byte
    /// at which it stands. A last line that
    /// was torn by a crash is cut off; damage elsewhere is an error, as is a second program on the same file.
    pub fn open<E: DeserializeOwned>(path: &Path, mut replay: impl FnMut(u64, E)) -> anyhow::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        file.try_lock().with_context(|| format!("{} is in use by another network", path.display()))?;
        let sound = read(&file, &mut replay).with_context(|| format!("cannot read {}", path.display()))?;
        file.set_len(sound)?;
        file.seek(SeekFrom::End(0))?;
        let changes = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { file, changes, length: sound, waiting: Vec::with_capacity(64 * 1024) })
    }

    /// Adds an event to what is waiting; answers the byte at which it will stand.
    pub fn add(&mut self, event: &impl Serialize) -> u64 {
        let at = self.length + self.waiting.len() as u64;
        serde_json::to_writer(&mut self.waiting, event).expect("events are plain data with string keys");
        self.waiting.push(b'\n');
        at
    }

    /// Changes the written event at byte `at` where it stands.
    pub fn change(&mut self, at: u64, change: impl FnOnce(Value) -> Value) -> std::io::Result<()> {
        let mut line = Vec::new();
        self.changes.seek(SeekFrom::Start(at))?;
        BufReader::new(&self.changes).read_until(b'\n', &mut line)?;
        let mut changed = serde_json::to_vec(&change(serde_json::from_slice(&line)?))?;
        let room = line.len().saturating_sub(1);
        if changed.len() > room {
            return Err(ErrorKind::InvalidData.into());
        }
        changed.resize(room, b' ');
        self.changes.seek(SeekFrom::Start(at))?;
        self.changes.write_all(&changed)
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
        self.length += written as u64;
        result
    }
}

/// Replays `file` and returns the length up to which it is sound.
fn read<E: DeserializeOwned>(file: &File, replay: &mut impl FnMut(u64, E)) -> anyhow::Result<u64> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let (mut line, mut sound) = (Vec::new(), 0);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Ok(sound);
        }
        match serde_json::from_slice(&line) {
            Ok(event) => replay(sound, event),
            Err(_) if reader.fill_buf()?.is_empty() => return Ok(sound),
            Err(error) => bail!("the line at byte {sound} is damaged: {error}"),
        }
        sound += length as u64;
    }
}
