//! Asking the child how it is.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::voice::engines::Health;

/// A child that does not answer so soon is not well.
const PATIENCE: Duration = Duration::from_secs(1);

/// `None` if there is no answer, or no sensible one.
pub(super) async fn ask(socket: &Path) -> Option<Health> {
    let answer = timeout(PATIENCE, exchange(socket)).await.ok()?.ok()?;
    let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    serde_json::from_slice(&answer[body..]).ok()
}

/// One question on a connection of its own, which the answer's end closes.
async fn exchange(socket: &Path) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}
