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
            // Why it ends, as the program says it to people.
            Some(("Error:", said)) => tracing::warn!("engines: {}", said.trim()),
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Logged(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Logged {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_reason_of_an_end_is_a_warning() {
        let logged = Logged::default();
        let writer = logged.clone();
        let lines = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let lines = lines.with_ansi(false).without_time().with_target(false).finish();
        let guard = tracing::subscriber::set_default(lines);
        log(b" INFO loaded\nError: reading the orders\nggml: said by a library\n".as_slice()).await;
        drop(guard);
        let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
        assert_eq!(logged, " INFO engines: loaded\n WARN engines: reading the orders\n");
    }
}
