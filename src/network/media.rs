//! Pictures from disk that a person attaches: kept as files beside the journal, served under unguessable names, so
//! that a server can fetch them as it fetches any other media.

use std::path::PathBuf;

use bytes::Bytes;

use crate::id::Ids;

/// What a phone can attach, with the ending of its file.
const KINDS: &[(&str, &str)] = &[
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/heic", "heic"),
    ("video/mp4", "mp4"),
    ("audio/mpeg", "mp3"),
    ("application/pdf", "pdf"),
    ("text/vcard", "vcf"),
];

/// The largest attachment, in bytes.
pub const LARGEST: usize = 16 * 1024 * 1024;

pub struct Shelf {
    folder: PathBuf,
    ids: Ids,
}

impl Shelf {
    pub fn new(folder: PathBuf, ids: Ids) -> Self {
        Self { folder, ids }
    }

    /// Keeps `bytes` and returns the name; `None` for a kind that phones do not attach.
    pub async fn put(&self, content_type: &str, bytes: Bytes) -> std::io::Result<Option<String>> {
        let plain = content_type.split(';').next().unwrap_or_default().trim();
        let Some((_, ending)) = KINDS.iter().find(|(kind, _)| kind.eq_ignore_ascii_case(plain)) else {
            return Ok(None);
        };
        let name = format!("{}.{ending}", self.ids.secret());
        tokio::fs::create_dir_all(&self.folder).await?;
        tokio::fs::write(self.folder.join(&name), bytes).await?;
        Ok(Some(name))
    }

    /// Deletes the picture that `url` names, if it is one of ours and still there.
    pub fn remove(&self, url: &str) -> std::io::Result<()> {
        let Some((_, name)) = url.rsplit_once("/sim/media/") else { return Ok(()) };
        if kind_of(name).is_none() {
            return Ok(());
        }
        match std::fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The content type and the bytes of `name`, if there is such a file.
    pub async fn get(&self, name: &str) -> Option<(&'static str, Vec<u8>)> {
        Some((kind_of(name)?, tokio::fs::read(self.folder.join(name)).await.ok()?))
    }
}

/// The content type of a picture called `name`. Only names of our own making reach the file system.
fn kind_of(name: &str) -> Option<&'static str> {
    let (stem, ending) = name.split_once('.')?;
    let (kind, _) = KINDS.iter().find(|(_, known)| *known == ending)?;
    let is_ours = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_ours.then_some(*kind)
}
