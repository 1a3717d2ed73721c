//! Who answers for each model of the configuration: an upstream, or the child process of the built-in engines, which is
//! asked like any upstream over its socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::table::Table;
use super::upstream::{Address, Settings, Upstreams};
use crate::config::voice::{Model, Voice};

/// Requests under way at one upstream, unless the configuration says otherwise.
const CONCURRENCY: usize = 64;
/// How long an upstream may be silent, unless the configuration says otherwise.
const PATIENCE: Duration = Duration::from_mins(1);
/// A built-in engine may load its weights first.
const LOADING: Duration = Duration::from_mins(5);

/// The table of `config`. `child` is the socket of the built-in engines, where there are any.
pub fn table(config: &Voice, upstreams: &Upstreams, child: Option<&Path>) -> Table {
    Table::new(config, |name, model| {
        let model = upstreams.model(settings(name, model, child)?);
        Some(Arc::new(model) as Arc<dyn Engine>)
    })
}

/// `None`: this program has no built-in engines.
fn settings(name: &str, model: &Model, child: Option<&Path>) -> Option<Settings> {
    let is_built_in = model.engine.is_built_in();
    let addresses = if is_built_in {
        vec![Address::socket(child?)]
    } else {
        // The configuration was checked when it was read.
        model.url.iter().filter_map(|url| Address::parse(url).ok()).collect()
    };
    let silence = if is_built_in { LOADING } else { PATIENCE };
    Some(Settings {
        name: name.to_owned(),
        addresses,
        model: model.model.clone().unwrap_or_else(|| name.to_owned()),
        api_key: model.api_key.clone(),
        concurrency: model.concurrency.unwrap_or(CONCURRENCY),
        timeout: model.timeout.map_or(silence, Duration::from_secs_f64),
    })
}
