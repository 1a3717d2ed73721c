//! Who answers for each model of the configuration: an upstream, or the child process of the built-in engines, which is
//! asked like any upstream over its socket.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

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

/// Refuses a URL that is no address of an upstream, naming the setting: for who reads the configuration, which knows no
/// addresses itself.
pub fn check(config: &Voice) -> anyhow::Result<()> {
    config.models.iter().try_for_each(|(name, model)| addresses(name, model).map(drop))
}

/// The table of `config`. `child` is the socket of the built-in engines, where there are any.
pub fn table(config: &Voice, upstreams: &Upstreams, child: Option<&Path>) -> anyhow::Result<Table> {
    let mut engines: HashMap<&str, Arc<dyn Engine>> = HashMap::new();
    for (name, model) in &config.models {
        if let Some(settings) = settings(name, model, child)? {
            engines.insert(name, Arc::new(upstreams.model(settings)));
        }
    }
    Ok(Table::new(config, |name, _| engines.get(name).cloned()))
}

/// `None`: this program has no built-in engines.
fn settings(name: &str, model: &Model, child: Option<&Path>) -> anyhow::Result<Option<Settings>> {
    let is_built_in = model.engine.is_built_in();
    let addresses = match child {
        _ if !is_built_in => addresses(name, model)?,
        Some(child) => vec![Address::socket(child)],
        None => return Ok(None),
    };
    let silence = if is_built_in { LOADING } else { PATIENCE };
    Ok(Some(Settings {
        name: name.to_owned(),
        addresses,
        model: model.model.clone().unwrap_or_else(|| name.to_owned()),
        api_key: model.api_key.clone(),
        concurrency: model.concurrency.unwrap_or(CONCURRENCY),
        timeout: model.timeout.map_or(silence, Duration::from_secs_f64),
    }))
}

/// Where the upstreams of a model are. A refused URL is told by its place, for it may hold a password.
fn addresses(name: &str, model: &Model) -> anyhow::Result<Vec<Address>> {
    let read = |(index, url): (usize, &String)| {
        Address::parse(url).with_context(|| format!("voice.models.{name:?}: url number {}", index + 1))
    };
    model.url.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Time};
    use crate::config::{Config, Profile};
    use crate::id::Ids;

    #[test]
    fn an_upstream_that_would_be_left_out_is_refused() {
        let clock = Clock::manual(Time::from_millis(0));
        let upstreams = Upstreams::new(clock.clone(), Ids::from_seed(clock, 1));
        let both = |url: &str| {
            let models =
                format!("{{ far = {{ engine = 'openai', task = 'chat', url = ['http://a/v1', '{url}'] }} }}");
            let variables = [("AGENTPHONE_VOICE_MODELS".to_owned(), models)];
            let config = Config::load(Profile::Development, None, variables).unwrap().voice;
            [check(&config), table(&config, &upstreams, None).map(drop)]
        };
        for url in
            ["http://me:secret@b/v1", "http://b/v1?secret=1", "http://b/v1#secret", "b:8000", "ftp://b/v1"]
        {
            for refused in both(url) {
                let error = format!("{:#}", refused.unwrap_err());
                assert!(error.starts_with("voice.models.\"far\": url number 2: an upstream is"), "{error}");
                assert!(!error.contains("secret"), "{error}");
            }
        }
        assert!(both("https://b:8000/v1/").iter().all(Result::is_ok));
    }
}
