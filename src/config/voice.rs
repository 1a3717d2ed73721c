//! The settings under `[voice]`: which model names clients may use, and which engine answers for each. What the names
//! mean to a request is decided in `voice/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

/// What a model does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Sound becomes text.
    Transcription,
    /// Text becomes sound.
    Speech,
    /// A model answers.
    Chat,
}

/// Who does the work of a model.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Any server that speaks the `OpenAI` protocol.
    Openai,
    /// Whisper in `CTranslate2` form, a folder; in the child process.
    Whisper,
    /// A Piper voice, an ONNX file with its `.json` beside it; in the child process.
    Piper,
    /// A GGUF file; in the child process.
    Llama,
    /// Orpheus as a GGUF file with a SNAC decoder; in the child process.
    Orpheus,
}

impl EngineKind {
    /// Whether it runs in the child process of this program.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Openai => false,
            Self::Whisper | Self::Piper | Self::Llama | Self::Orpheus => true,
        }
    }

    /// As it is written in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Whisper => "whisper",
            Self::Piper => "piper",
            Self::Llama => "llama",
            Self::Orpheus => "orpheus",
        }
    }

    /// The task of an engine that can do only one.
    pub const fn task(self) -> Option<Task> {
        match self {
            Self::Openai => None,
            Self::Whisper => Some(Task::Transcription),
            Self::Piper | Self::Orpheus => Some(Task::Speech),
            Self::Llama => Some(Task::Chat),
        }
    }
}

/// Seconds an upstream may be silent at most: a day.
const LONGEST_TIMEOUT: f64 = 86_400.0;

/// `[voice]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voice {
    /// The public names that answer when a request names no model.
    pub transcription: String,
    pub speech: String,
    pub chat: String,
    pub max_audio_seconds: u32,
    /// The voices that are listed, in this order.
    pub voices: Vec<ListedVoice>,
    /// Public name → the model that answers in its place.
    pub stand_ins: BTreeMap<String, String>,
    pub models: BTreeMap<String, Model>,
    pub engines: Engines,
}

/// One voice of `voice.voices`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedVoice {
    pub id: String,
    pub language: String,
}

/// One `[voice.models."NAME"]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "what a vendor calls the model is a setting of it")]
pub struct Model {
    /// Needed where neither the name nor the engine tells.
    #[serde(default)]
    pub task: Option<Task>,
    pub engine: EngineKind,
    /// The upstreams of the engine `openai`, each up to and with `/v1`.
    #[serde(default)]
    pub url: Vec<String>,
    /// What the upstreams call it; the table's name if absent.
    #[serde(default)]
    pub model: Option<String>,
    /// What the upstreams are sent as a bearer key.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Models to ask, in this order, when no upstream of this one answers.
    #[serde(default)]
    pub fallback: Vec<String>,
    /// Where a built-in engine finds its weights; relative to the data folder.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// The voices this model speaks with; empty: all that are listed.
    #[serde(default)]
    pub voices: Vec<String>,
    /// Requests under way at one upstream (or in the child) at a time; as many again may wait, more are turned away.
    #[serde(default)]
    pub concurrency: Option<usize>,
    /// Tokens that an answer of the engine `llama` may be long, its question included.
    #[serde(default)]
    pub context: Option<usize>,
    /// Seconds without a byte after which an upstream is given up.
    #[serde(default)]
    pub timeout: Option<f64>,
}

/// `[voice.engines]`: the child process of the built-in engines.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engines {
    /// Threads one request may compute with; 0: half of the cores, at least two.
    pub threads: usize,
    /// Whether models are loaded when the server starts, or when they are first asked.
    pub preload: bool,
    /// Another build of this program to run them with; empty: this one.
    pub program: PathBuf,
}

impl Voice {
    /// What the public name or the engine says a model does.
    pub fn task_of(&self, name: &str, model: &Model) -> Option<Task> {
        model.task.or(model.engine.task()).or_else(|| self.public_task(name))
    }

    /// Lets imported models answer under the public names that mean nothing yet, the first of each task.
    pub(super) fn stand_in(&mut self, imported: &[String]) {
        let public = [
            (self.transcription.clone(), Task::Transcription),
            (self.speech.clone(), Task::Speech),
            (self.chat.clone(), Task::Chat),
        ];
        for (public, task) in public {
            let able = |name: &&String| {
                self.models.get(*name).is_some_and(|model| self.task_of(name, model) == Some(task))
            };
            if !self.models.contains_key(&public)
                && !self.stand_ins.contains_key(&public)
                && let Some(name) = imported.iter().find(able)
            {
                self.stand_ins.insert(public, name.clone());
            }
        }
    }

    /// The task of the three public names.
    pub fn public_task(&self, name: &str) -> Option<Task> {
        [(&self.transcription, Task::Transcription), (&self.speech, Task::Speech), (&self.chat, Task::Chat)]
            .into_iter()
            .find_map(|(public, task)| (public == name).then_some(task))
    }

    /// Refuses what cannot mean anything, naming the setting. What an upstream's URL may be, `voice/` knows.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (name, model) in &self.models {
            self.check_model(name, model)?;
            self.check_fallbacks(name, model)?;
        }
        self.check_built_in_names()?;
        for (public, stand_in) in &self.stand_ins {
            let setting = format!("voice.stand_ins.{public:?}");
            let model = self.models.get(stand_in);
            let model =
                model.with_context(|| format!("{setting} names {stand_in:?}, which is not configured"))?;
            let wanted = self.public_task(public);
            ensure!(
                wanted.is_none() || wanted == self.task_of(stand_in, model),
                "{setting} names {stand_in:?}, which does something else"
            );
        }
        Ok(())
    }

    fn check_model(&self, name: &str, model: &Model) -> anyhow::Result<()> {
        let setting = format!("voice.models.{name:?}");
        ensure!(self.task_of(name, model).is_some(), "{setting} needs a task: transcription, speech or chat");
        ensure!(
            model.task.is_none() || model.engine.task().is_none_or(|does| model.task == Some(does)),
            "{setting} has a task that its engine {:?} does not do",
            model.engine.word()
        );
        if model.engine.is_built_in() {
            ensure!(model.path.is_some(), "{setting} needs a path to its weights");
            ensure!(model.url.is_empty(), "{setting} has a url, which only the engine \"openai\" takes");
        } else {
            ensure!(!model.url.is_empty(), "{setting} needs a url, such as [\"http://gpu-1:8000/v1\"]");
        }
        ensure!(model.concurrency != Some(0), "{setting}: concurrency must be at least 1");
        ensure!(model.context != Some(0), "{setting}: context must be at least 1");
        ensure!(
            model.context.is_none() || model.engine == EngineKind::Llama,
            "{setting} has a context, which only the engine \"llama\" takes"
        );
        ensure!(
            model.timeout.is_none_or(|seconds| seconds > 0.0 && seconds <= LONGEST_TIMEOUT),
            "{setting}: timeout must be above 0 and at most {LONGEST_TIMEOUT}"
        );
        Ok(())
    }

    fn check_fallbacks(&self, name: &str, model: &Model) -> anyhow::Result<()> {
        let setting = format!("voice.models.{name:?}");
        for other in &model.fallback {
            let fallback = self.models.get(other);
            let fallback = fallback
                .with_context(|| format!("{setting} falls back to {other:?}, which is not configured"))?;
            ensure!(
                self.task_of(other, fallback) == self.task_of(name, model),
                "{setting} falls back to {other:?}, which does something else"
            );
        }
        Ok(())
    }

    /// The child process knows its models by what they are called there.
    fn check_built_in_names(&self) -> anyhow::Result<()> {
        let mut known = BTreeMap::new();
        for (name, model) in self.models.iter().filter(|(_, model)| model.engine.is_built_in()) {
            let real = model.model.as_ref().unwrap_or(name);
            if let Some(other) = known.insert(real, name) {
                bail!(
                    "voice.models.{name:?} is called {real:?} like voice.models.{other:?}: set another model"
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Profile};

    fn load(model: &str) -> anyhow::Result<Config> {
        let models = format!("{{ small = {{ {model} }} }}");
        Config::load(Profile::Development, None, [("AGENTPHONE_VOICE_MODELS".to_owned(), models)])
    }

    /// The error of these models, which names the setting of `small`.
    fn refusal(models: &str) -> String {
        let variables = [("AGENTPHONE_VOICE_MODELS".to_owned(), format!("{{ {models} }}"))];
        let error = Config::load(Profile::Development, None, variables).unwrap_err().to_string();
        assert!(error.contains("voice.models.\"small\""), "{error}");
        error
    }

    #[test]
    fn a_timeout_is_a_time_that_passes() {
        let upstream = "engine = 'openai', task = 'chat', url = ['http://a/v1']";
        assert!(load(&format!("{upstream}, timeout = 86_400.0")).is_ok());
        for timeout in ["0.0", "-1.0", "nan", "inf", "86_401.0", "1e300"] {
            let error = refusal(&format!("small = {{ {upstream}, timeout = {timeout} }}"));
            assert!(error.contains("timeout"), "{timeout}: {error}");
        }
    }

    #[test]
    fn a_task_is_one_that_the_engine_does() {
        assert!(load("engine = 'piper', task = 'speech', path = 'a.onnx'").is_ok());
        let error = refusal("small = { engine = 'piper', task = 'chat', path = 'a.onnx' }");
        assert!(error.ends_with("has a task that its engine \"piper\" does not do"), "{error}");
    }

    #[test]
    fn a_fallback_does_the_same() {
        let with = |other: &str| {
            format!("small = {{ engine = 'llama', path = 'a.gguf', fallback = ['far'] }}{other}")
        };
        let far = |task: &str| {
            with(&format!(", far = {{ engine = 'openai', task = '{task}', url = ['http://a/v1'] }}"))
        };
        assert!(refusal(&with("")).ends_with("falls back to \"far\", which is not configured"));
        assert!(refusal(&far("speech")).ends_with("falls back to \"far\", which does something else"));
        let variables = [("AGENTPHONE_VOICE_MODELS".to_owned(), format!("{{ {} }}", far("chat")))];
        assert!(Config::load(Profile::Development, None, variables).is_ok());
    }

    #[test]
    fn two_built_in_models_are_not_called_the_same() {
        let small = "small = { engine = 'piper', path = 'a.onnx', model = 'other' }";
        for other in ["path = 'b.onnx'", "path = 'b.onnx', model = 'other'"] {
            let error = refusal(&format!("{small}, other = {{ engine = 'piper', {other} }}"));
            assert!(error.contains("is called \"other\" like voice.models.\"other\""), "{error}");
        }
        assert!(load("engine = 'piper', path = 'a.onnx', model = 'other'").is_ok());
    }

    #[test]
    fn only_llama_takes_a_context_and_none_of_nothing() {
        let llama = "engine = 'llama', path = 'small.gguf'";
        let context = |model: &str| load(model).unwrap().voice.models["small"].context;
        assert_eq!(context(&format!("{llama}, context = 8192")), Some(8_192));
        assert_eq!(context(llama), None);
        for other in [
            format!("{llama}, context = 0"),
            "engine = 'piper', path = 'a.onnx', context = 4096".to_owned(),
            "engine = 'openai', task = 'chat', url = ['http://a/v1'], context = 4096".to_owned(),
        ] {
            let error = load(&other).unwrap_err().to_string();
            assert!(error.contains("voice.models.\"small\"") && error.contains("context"), "{error}");
        }
    }
}
