//! Where the child's socket lies: in a folder that nobody but this user may enter.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::id::Ids;

/// The system takes no longer path for a socket (108 bytes with the end of the text on Linux, 104 on others).
const PATH: usize = 103;

/// The socket of one process. Dropping it removes what was made for it.
pub struct Place {
    socket: PathBuf,
    /// Made for this process alone, because the data folder's path is too long.
    folder: Option<PathBuf>,
}

impl Place {
    /// A place in the data folder, or a private one beside all others if its path is too long for a socket.
    pub fn new(data: &Path, ids: &Ids) -> anyhow::Result<Self> {
        let name = format!("{}-{}.sock", std::process::id(), ids.base62(6));
        let folder = std::path::absolute(data)?.join("engines");
        let socket = folder.join(&name);
        if socket.as_os_str().len() <= PATH {
            private(&folder)?;
            return Ok(Self { socket, folder: None });
        }
        let folder = std::env::temp_dir().join(format!("agentphone-{}", ids.base62(16)));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("making {}", folder.display()))?;
        Ok(Self { socket: folder.join("s"), folder: Some(folder) })
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Removes the socket that a child left behind.
    pub(super) fn clear(&self) {
        // Mostly there is none.
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Makes the folder if it is not there, and closes it to others.
fn private(folder: &Path) -> anyhow::Result<()> {
    let made = match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)),
    };
    made.with_context(|| format!("making {}", folder.display()))
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_long_path_is_avoided_and_nothing_stays() {
        let ids = Ids::from_system(Clock::system());
        let data = std::env::temp_dir().join(format!("agentphone-place-{}", ids.base62(8)));
        let deep = data.join("x".repeat(100));
        let (near, far) = (Place::new(&data, &ids).unwrap(), Place::new(&deep, &ids).unwrap());
        assert!(near.socket().starts_with(&data), "{}", near.socket().display());
        assert!(!far.socket().starts_with(&data), "{}", far.socket().display());
        for place in [near, far] {
            let (socket, folder) = (place.socket().to_owned(), place.socket().parent().unwrap().to_owned());
            assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
            std::os::unix::net::UnixListener::bind(&socket).unwrap();
            drop(place);
            assert!(!socket.exists());
        }
        std::fs::remove_dir_all(&data).unwrap();
    }
}
