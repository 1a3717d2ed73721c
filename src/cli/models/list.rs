//! What is known and what of it is here, as a table for people.

use std::path::Path;

use super::{Model, megabytes};
use crate::voice::engines;

pub(super) fn run(known: &[Model], packages: &Path, shelf: &Path) {
    println!("{:<16} {:<8} {:>9}  {:<12} LICENCE", "NAME", "ENGINE", "SIZE", "STATE");
    for model in known {
        println!(
            "{:<16} {:<8} {:>9}  {:<12} {}",
            model.name,
            model.engine.word(),
            megabytes(model.size()),
            state(model, packages, shelf),
            model.licence
        );
        println!("    {}", model.about);
        if let Some(reason) = engines::missing(model.engine) {
            println!("    {reason}");
        }
    }
}

fn state(model: &Model, packages: &Path, shelf: &Path) -> &'static str {
    if model.is_imported(shelf) {
        "imported"
    } else if model.wheels.iter().all(|wheel| packages.join(&wheel.file).exists()) {
        "downloaded"
    } else if model.usual {
        "not here"
    } else {
        "optional"
    }
}
