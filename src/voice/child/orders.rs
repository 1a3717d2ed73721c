//! What the child is told to serve: the built-in models of the configuration.

use std::path::Path;

use crate::config::voice::Voice;
use crate::voice::engines::{Ordered, Orders};

/// `None` if the configuration names no built-in model. Relative paths begin in the data folder.
pub fn orders(voice: &Voice, data: &Path) -> Option<Orders> {
    let built_in = voice.models.iter().filter(|(_, model)| model.engine.is_built_in());
    let models: Vec<Ordered> = built_in
        .map(|(name, model)| Ordered {
            name: model.model.as_ref().unwrap_or(name).clone(),
            engine: model.engine,
            path: data.join(model.path.as_deref().unwrap_or(Path::new(""))),
            concurrency: model.concurrency,
        })
        .collect();
    let (threads, preload) = (voice.engines.threads, voice.engines.preload);
    (!models.is_empty()).then_some(Orders { threads, preload, models })
}
