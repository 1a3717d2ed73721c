//! What the child says: that it is ready, on standard output, and its log, on standard error.

use std::convert::Infallible;
use std::future::pending;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// A longer line is cut: a native library may write anything.
const LINE: usize = 2000;

/// Calls `up` when the child says that it serves, and goes on reading, so that nothing that is printed can block it.
pub(super) async fn await_ready(output: impl AsyncRead + Unpin, up: impl FnOnce()) -> Infallible {
    let (mut output, mut line, mut up) = (BufReader::new(output), Vec::new(), Some(up));
    while read(&mut output, &mut line).await {
        if line == b"ready"
            && let Some(up) = up.take()
        {
            up();
        }
    }
    pending().await
}

/// Says in our log what the child says in its own, until it ends.
pub(super) async fn log(errors: impl AsyncRead + Unpin) {
    let (mut errors, mut line) = (BufReader::new(errors), Vec::new());
    while read(&mut errors, &mut line).await {
        let text = String::from_utf8_lossy(&line[..line.len().min(LINE)]);
        let text = text.trim();
        match text.split_once(' ') {
            Some(("ERROR", said)) => tracing::error!("engines: {}", said.trim()),
            Some(("WARN", said)) => tracing::warn!("engines: {}", said.trim()),
            Some(("INFO", said)) => tracing::info!("engines: {}", said.trim()),
            // The rest, and what native libraries write by themselves.
            Some(_) | None => tracing::debug!("engines: {text}"),
        }
    }
}

/// The next line, without its end; false when there is none.
async fn read(from: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> bool {
    line.clear();
    let is_there = from.read_until(b'\n', line).await.is_ok_and(|read| read > 0);
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    is_there
}
