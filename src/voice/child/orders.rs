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
            context: model.context,
        })
        .collect();
    let (threads, preload) = (voice.engines.threads, voice.engines.preload);
    (!models.is_empty()).then_some(Orders { threads, preload, models })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Profile};

    #[test]
    fn a_model_is_ordered_as_it_is_configured() {
        let models = "{ small = { engine = 'llama', path = 'a.gguf', context = 8192, concurrency = 2 }, \
                      far = { engine = 'openai', task = 'chat', url = ['http://a/v1'] } }";
        let variables = [("AGENTPHONE_VOICE_MODELS".to_owned(), models.to_owned())];
        let config = Config::load(Profile::Development, None, variables).unwrap();
        let [small] = orders(&config.voice, Path::new("data")).unwrap().models.try_into().unwrap();
        assert_eq!((small.context, small.concurrency), (Some(8_192), Some(2)));
        assert_eq!((small.name.as_str(), small.path.as_path()), ("small", Path::new("data/a.gguf")));
    }
}
