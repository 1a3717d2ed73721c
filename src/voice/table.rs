//! Which engine answers for a model name, and with which voices: the configuration, read once at the start. It says what
//! really runs, so that no stand-in is silent. It asks engines in their order and looks into nothing they answer.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::stream::BoxStream;

use super::{Answer, Engine, Fault, Heard, Listening, Question, Speech, Utterance};
use crate::config::voice::{Model, Task, Voice};

/// Every model name that requests may say, and every voice.
#[derive(Default)]
pub struct Table {
    names: HashMap<String, Arc<Name>>,
    /// In the order in which they are listed.
    order: Vec<Arc<Name>>,
    voices: Vec<ListedVoice>,
    public: HashMap<Task, Arc<Name>>,
}

/// A name that requests may say for a model.
pub struct Name {
    pub id: String,
    pub task: Task,
    /// The model that answers in its place, if another does.
    pub stand_in: Option<String>,
    /// Who is asked, in this order.
    answering: Vec<Answering>,
}

/// One model that may be asked.
#[derive(Clone)]
struct Answering {
    engine: Arc<dyn Engine>,
    label: Arc<str>,
    /// The voices it speaks with.
    voices: Arc<[String]>,
    /// Whether it speaks for voices that are not its own.
    stands_in: bool,
}

/// A voice as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedVoice {
    pub id: String,
    /// ISO 639-1, where it is known.
    pub language: Option<String>,
    /// What speaks with it, and the model name by which it is asked; `None`: nothing does.
    pub engine: Option<String>,
    pub model: Option<String>,
}

/// Why a request cannot mean any model or voice.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unknown {
    #[error("There is no model {model:?} for {task}; GET /api/v1/models lists those there are")]
    Model { model: String, task: &'static str },
    #[error("There is no voice {voice:?}; GET /api/v1/voices lists those there are")]
    Voice { voice: String },
    #[error("The voice {voice:?} is not available with the model {model:?}{hint}")]
    Unspoken { voice: String, model: String, hint: String },
}

/// What an engine gave, and what really ran.
pub struct Ran<T> {
    pub what: T,
    pub label: Arc<str>,
}

impl Table {
    /// The table of `config`. `engine` makes what answers for a model of the configuration; `None` where this program
    /// has no such engine.
    pub fn new(config: &Voice, engine: impl Fn(&str, &Model) -> Option<Arc<dyn Engine>>) -> Self {
        let made: HashMap<&str, Answering> = config
            .models
            .iter()
            .filter_map(|(name, model)| {
                Some((name.as_str(), answering(config, name, model, engine(name, model)?)))
            })
            .collect();
        let mut table = Self::default();
        for (name, task) in [
            (&config.chat, Task::Chat),
            (&config.transcription, Task::Transcription),
            (&config.speech, Task::Speech),
        ] {
            let name = table.add(config, &made, name, task);
            table.public.insert(task, name);
        }
        let further =
            config.models.iter().filter_map(|(name, model)| Some((name, config.task_of(name, model)?)));
        let aliases = config.stand_ins.iter().filter_map(|(name, model)| {
            let model = config.models.get_key_value(model)?;
            Some((name, config.task_of(model.0, model.1)?))
        });
        for (name, task) in further.chain(aliases) {
            table.add(config, &made, name, task);
        }
        table.voices = table.list_voices(config);
        table
    }

    fn add(&mut self, config: &Voice, made: &HashMap<&str, Answering>, id: &str, task: Task) -> Arc<Name> {
        if let Some(known) = self.names.get(id) {
            return Arc::clone(known);
        }
        // What a name is configured for goes before what stands in for it.
        let stand_in = config.stand_ins.get(id).filter(|_| !config.models.contains_key(id)).cloned();
        let first = stand_in.as_deref().unwrap_or(id);
        let others = config.models.get(first).map_or(&[] as &[String], |model| &model.fallback);
        let mut order: Vec<Answering> = Vec::new();
        for model in std::iter::once(first).chain(others.iter().map(String::as_str)) {
            let Some(mut it) = made.get(model).cloned() else { continue };
            if stand_in.is_some() {
                it.stands_in = true;
                it.label = format!("{} (stand-in for {id})", it.label).into();
                tracing::info!(model = id, answers = %it.label, "a stand-in answers");
            } else if model != id {
                it.label = format!("{} (fallback of {id})", it.label).into();
            }
            order.push(it);
        }
        let name = Arc::new(Name { id: id.to_owned(), task, stand_in, answering: order });
        self.names.insert(id.to_owned(), Arc::clone(&name));
        self.order.push(Arc::clone(&name));
        name
    }

    /// The listed voices, then those that only models declare.
    fn list_voices(&self, config: &Voice) -> Vec<ListedVoice> {
        let listed = config.voices.iter().map(|voice| (voice.id.clone(), Some(voice.language.clone())));
        let mut all: Vec<(String, Option<String>)> = listed.collect();
        for (name, model) in &config.models {
            let speaks = config.task_of(name, model) == Some(Task::Speech);
            for voice in model.voices.iter().filter(|_| speaks) {
                if all.iter().all(|(id, _)| id != voice) {
                    all.push((voice.clone(), None));
                }
            }
        }
        let speakers: Vec<&Arc<Name>> = self.order.iter().filter(|name| name.task == Task::Speech).collect();
        all.into_iter()
            .map(|(id, language)| {
                let speaker = speakers.iter().find_map(|name| Some((&name.id, name.speaker(&id)?)));
                let (model, engine) =
                    speaker.map(|(model, it)| (model.clone(), it.label.to_string())).unzip();
                ListedVoice { id, language, engine, model }
            })
            .collect()
    }

    /// Every model name, the public one for chat first.
    pub fn names(&self) -> &[Arc<Name>] {
        &self.order
    }

    /// The model of this name, whatever it does.
    pub fn find(&self, id: &str) -> Option<&Arc<Name>> {
        self.names.get(id)
    }

    pub fn voices(&self) -> &[ListedVoice] {
        &self.voices
    }

    /// The model that a request for `task` means by `asked`; without a name the public one.
    pub fn model(&self, task: Task, asked: Option<&str>) -> Result<Arc<Name>, Unknown> {
        let found = match asked {
            Some(id) => self.names.get(id).filter(|name| name.task == task),
            None => self.public.get(&task),
        };
        let unknown = || Unknown::Model { model: asked.unwrap_or_default().to_owned(), task: word(task) };
        found.cloned().ok_or_else(unknown)
    }

    /// The speech model that a request means, if it speaks with `voice`. Where nothing speaks at all, that is for
    /// [`Name::speak`] to say.
    pub fn speaker(&self, asked: Option<&str>, voice: &str) -> Result<Arc<Name>, Unknown> {
        let name = self.model(Task::Speech, asked)?;
        let known = self.voices.iter().find(|it| it.id == voice);
        known.ok_or_else(|| Unknown::Voice { voice: voice.to_owned() })?;
        let mut speakers =
            self.order.iter().filter(|it| it.task == Task::Speech && !it.answering.is_empty()).peekable();
        if name.speaker(voice).is_some() || speakers.peek().is_none() {
            return Ok(name);
        }
        let other = speakers.find(|it| it.speaker(voice).is_some());
        let hint = other.map_or_else(String::new, |it| format!("; the model {:?} speaks with it", it.id));
        Err(Unknown::Unspoken { voice: voice.to_owned(), model: name.id.clone(), hint })
    }
}

fn answering(config: &Voice, name: &str, model: &Model, engine: Arc<dyn Engine>) -> Answering {
    let real = model.model.as_deref().unwrap_or(name);
    let label = format!("{} {real}", model.engine.word()).into();
    let voices = if model.voices.is_empty() {
        config.voices.iter().map(|voice| voice.id.clone()).collect()
    } else {
        model.voices.clone().into()
    };
    Answering { engine, label, voices, stands_in: false }
}

const fn word(task: Task) -> &'static str {
    match task {
        Task::Transcription => "transcription",
        Task::Speech => "speech",
        Task::Chat => "chat",
    }
}

impl Answering {
    /// The voice of its own with which it speaks for `voice`.
    fn own_voice(&self, voice: &str) -> Option<&str> {
        let own = self.voices.iter().find(|it| *it == voice);
        own.or_else(|| self.voices.first().filter(|_| self.stands_in)).map(String::as_str)
    }
}

impl Name {
    /// What runs when this model is asked; `None`: nothing is configured.
    pub fn label(&self) -> Option<&str> {
        self.answering.first().map(|it| &*it.label)
    }

    fn speaker(&self, voice: &str) -> Option<&Answering> {
        self.answering.iter().find(|it| it.own_voice(voice).is_some())
    }

    pub async fn listen(
        &self,
        listening: &Listening,
    ) -> Result<Ran<BoxStream<'static, Result<Heard, Fault>>>, Fault> {
        self.first(|it| Some(it.engine.listen(listening.clone()))).await
    }

    pub async fn speak(&self, utterance: &Utterance) -> Result<Ran<Speech>, Fault> {
        let ask = |it: &'_ Answering| {
            let voice = it.own_voice(&utterance.voice)?.to_owned();
            let (engine, utterance) = (Arc::clone(&it.engine), Utterance { voice, ..utterance.clone() });
            Some(async move { engine.speak(utterance).await })
        };
        self.first(ask).await
    }

    pub async fn chat(&self, question: &Question) -> Result<Ran<Answer>, Fault> {
        self.first(|it| Some(it.engine.chat(question.clone()))).await
    }

    /// The first of those who are asked that gives something. What an engine refused is refused: the request is at
    /// fault, not the engine.
    async fn first<'a, T, F: Future<Output = Result<T, Fault>>>(
        &'a self,
        ask: impl Fn(&'a Answering) -> Option<F>,
    ) -> Result<Ran<T>, Fault> {
        let mut fault = None;
        for it in &self.answering {
            let Some(asked) = ask(it) else { continue };
            match asked.await {
                Ok(what) => return Ok(Ran { what, label: Arc::clone(&it.label) }),
                Err(refused @ Fault::Refused { .. }) => return Err(refused),
                Err(other) => fault = fault.or(Some(other)),
            }
        }
        Err(fault.unwrap_or_else(|| Fault::NotConfigured { setting: format!("voice.models.{:?}", self.id) }))
    }
}

#[cfg(test)]
mod tests;
