//! Where the bytes of hosted attachments are: a folder by default. Named by the token of their URL, nothing else
//! is known here.

use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// A store of attachments. Cheap to clone.
#[derive(Clone)]
pub struct MediaStore(Arc<dyn ObjectStore>);

impl MediaStore {
    /// The folder `folder`, made if it is not there.
    pub fn folder(folder: &Path) -> anyhow::Result<Self> {
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
