//! Keeps SQLite's write-ahead log short: a short log is found through fast, written in place and read again quickly after a
//! crash. A thread of its own moves most of it into the database while the writer goes on; the little that came
//! meanwhile the writer moves itself, between two batches, and then the next batch begins the log anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

/// Frames are pages of 4 KiB. From so many on the log is moved in the background: pages that change again and again
/// are moved once…
const LONG: u32 = 16_384;
/// …until so few are left that moving them keeps no request waiting.
const REST: u32 = 1_024;
/// From so many on the writer waits until all is moved, else a storm of writes could outrun the background for ever…
const TOO_LONG: u32 = 65_536;
/// The same in bytes: to so much its file shrinks after a storm, for it may well be as long again.
pub const KEPT_BYTES: u32 = TOO_LONG * 4096;
/// …and from so many on also for those who read.
const FAR_TOO_LONG: u32 = 4 * TOO_LONG;
const LOOK: Duration = Duration::from_millis(100);

/// How long the log is, and whether it is the writer's turn to move it; shared by the writer and the background.
#[derive(Default)]
pub struct Log {
    frames: AtomicU32,
    only_rest: AtomicBool,
    /// How long it was when the writer last moved it, or tried to.
    tried: AtomicU32,
}

impl Log {
    /// Counts what `writer` commits.
    pub fn of(writer: &mut Connection) -> rusqlite::Result<Arc<Self>> {
        let log = Arc::new(Self::default());
        let counted = Arc::clone(&log);
        writer.wal_hook(Some(move |_: &mut _, frames: std::ffi::c_int| {
            counted.frames.store(frames.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(log)
    }

    fn frames(&self) -> u32 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Moves what the background left, if that is due; for the writer, between two transactions.
    pub fn rest(&self, writer: &Connection) {
        let frames = self.frames();
        // A reader, or the background at work, can stand in the way for a while: that is not asked after each batch.
        let has_grown = frames.abs_diff(self.tried.load(Ordering::Relaxed)) >= REST;
        if self.only_rest.swap(false, Ordering::Relaxed) || (frames > TOO_LONG && has_grown) {
            self.tried.store(frames, Ordering::Relaxed);
            let mode = if frames > FAR_TOO_LONG { "RESTART" } else { "PASSIVE" };
            if moved(writer, mode) == Some(frames) {
                // Begun anew with the next commit, which counts again from here if a reader stood in the way.
                self.frames.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Works in the background for as long as `wanted` says so.
    pub fn work(&self, connection: &Connection, wanted: impl Fn() -> bool) {
        while wanted() {
            std::thread::sleep(LOOK);
            let mut before = 0;
            // Two can not move it at a time: when it is too long, the writer does.
            while (LONG..=TOO_LONG).contains(&self.frames()) {
                let Some(moved) = moved(connection, "PASSIVE") else { break };
                if self.frames().saturating_sub(moved) <= REST {
                    self.only_rest.store(true, Ordering::Relaxed);
                    break;
                }
                if moved <= before {
                    // A reader still looks at the rest.
                    break;
                }
                before = moved;
            }
        }
    }
}

/// Moves what can be moved; how many frames of the log are in the database now. Nothing is lost when that fails: it is
/// tried again soon.
fn moved(connection: &Connection, mode: &str) -> Option<u32> {
    let row = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(2)?))
    });
    match row {
        Ok((false, moved)) => u32::try_from(moved).ok(),
        Ok((true, _)) => None,
        Err(error) => {
            tracing::debug!(%error, "the log could not be moved into the database yet");
            None
        }
    }
}
