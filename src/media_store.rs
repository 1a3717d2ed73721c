//! Where the bytes of hosted attachments are: a folder by default, or whatever all processes can reach by a URL. Named by
//! the token of their own URL, nothing else is known here.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

/// A store of attachments. Cheap to clone.
#[derive(Clone)]
pub struct MediaStore(Arc<dyn ObjectStore>);

impl MediaStore {
    /// The store of the setting `media.store`: a `file:` or `s3:` URL, or empty for a folder within `data`. The environment says how
    /// S3 is to be reached, in the words of its own tools (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL` …).
    pub fn open(store: &str, data: &Path) -> anyhow::Result<Self> {
        if store.is_empty() {
            return Self::folder(&data.join("media"));
        }
        let url = Url::parse(store).with_context(|| format!("media.store is no URL: {store:?}"))?;
        if let ("file", Ok(folder)) = (url.scheme(), url.to_file_path()) {
            return Self::folder(&folder);
        }
        // Its client takes the one of the process; there may be one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (store, prefix) = object_store::parse_url_opts(&url, std::env::vars())
            .map_err(|error| anyhow!("media.store: {error}"))?;
        Ok(Self(Arc::new(PrefixStore::new(store, prefix))))
    }

    fn folder(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
        Ok(Self(Arc::new(LocalFileSystem::new_with_prefix(folder)?)))
    }

    pub async fn put(&self, token: &str, bytes: Bytes) -> anyhow::Result<()> {
        self.0.put(&Name::from(token), bytes.into()).await?;
        Ok(())
    }

    /// Deletes what is there; nothing being there is as good.
    pub async fn delete(&self, token: &str) -> anyhow::Result<()> {
        match self.0.delete(&Name::from(token)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The bytes, or `None` if there are none of this name.
    pub async fn get(&self, token: &str) -> anyhow::Result<Option<Bytes>> {
        match self.0.get(&Name::from(token)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
