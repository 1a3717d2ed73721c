//! A model in memory and its thread.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

use crate::error::Asked;
use crate::sampler::Sampler;
use crate::sequence::Job;
use crate::template::Template;
use crate::worker::{BATCH, Event, Reason, work};
use crate::{Error, Options, Token, Usage};

/// What a conversation may be long when nothing is said: memory is taken for all of it at once.
const CONTEXT: usize = 2048;
/// No token stands for more bytes than this; a longer text needs not be counted.
const BYTES_OF_A_TOKEN: usize = 256;

/// How a model is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    pub threads: usize,
    /// Answers that are worked at together; more wait.
    pub together: usize,
    /// Tokens that each of them may be long, its question included.
    pub context: Option<usize>,
}

/// A loaded model. It may be asked from any number of threads.
pub struct Llama {
    model: Arc<LlamaModel>,
    pub(crate) template: Template,
    jobs: Sender<Job>,
    /// Tokens that one conversation may be long.
    context: usize,
}

impl Llama {
    /// Loads a GGUF file.
    pub fn open(path: &Path, settings: Settings) -> Result<Self, Error> {
        if !path.is_file() {
            return Err(Error::Failed(format!("there is no file {}", path.display())));
        }
        let model = LlamaModel::load_from_file(backend()?, path, &LlamaModelParams::default())
            .map_err(|error| Error::Failed(format!("{} is no usable GGUF file: {error}", path.display())))?;
        let model = Arc::new(model);
        let trained = usize::try_from(model.n_ctx_train()).unwrap_or(CONTEXT);
        let context = settings.context.unwrap_or(CONTEXT).min(trained);
        let source = model.chat_template(None).ok().and_then(|template| template.to_string().ok());
        let text =
            |token| String::from_utf8_lossy(&model.vocab().token_to_piece(token, true, None)).into_owned();
        let template = Template::new(source, text(model.vocab().bos()), text(model.vocab().eos()))?;
        let jobs = start(Arc::clone(&model), settings, context)?;
        Ok(Self { model, template, jobs, context })
    }

    /// The number of the model's weights.
    pub fn weights(&self) -> u64 {
        self.model.n_params()
    }

    /// The tokens of `text`; `special` ones are recognised only where they are asked for.
    pub fn tokens(&self, text: &str, special: bool) -> Vec<Token> {
        let tokens = self.model.vocab().tokenize(text.as_bytes(), false, special);
        tokens.into_iter().map(|token| token.0).collect()
    }

    /// The tokens of a rendered prompt, with a beginning where the template gave none.
    pub(crate) fn prompt(&self, text: &str) -> Result<Vec<Token>, Error> {
        if text.len() > self.context * BYTES_OF_A_TOKEN {
            return Err(Error::ContextTooLong { limit: self.context, asked: Asked::Far });
        }
        let vocab = self.model.vocab();
        let mut tokens = self.tokens(text, true);
        if vocab.should_add_bos() && tokens.first() != Some(&vocab.bos().0) {
            tokens.insert(0, vocab.bos().0);
        }
        Ok(tokens)
    }

    pub(crate) fn piece(&self, token: LlamaToken) -> Vec<u8> {
        self.model.vocab().token_to_piece(token, false, None)
    }

    /// Lets the model go on after `prompt` and hands out its tokens until it ends, may make no more, `token` wants no
    /// more (false) or `is_gone`. True: the model itself came to an end.
    pub fn generate(
        &self,
        prompt: &[Token],
        options: &Options,
        is_gone: impl Fn() -> bool + Send + 'static,
        mut token: impl FnMut(Token, &[u8]) -> bool,
    ) -> Result<(bool, Usage), Error> {
        if prompt.is_empty() || prompt.len() >= self.context {
            return Err(Error::ContextTooLong { limit: self.context, asked: Asked::Tokens(prompt.len()) });
        }
        let most = options.max_tokens.unwrap_or(usize::MAX).min(self.context - prompt.len());
        let mut usage = Usage { prompt_tokens: prompt.len(), completion_tokens: 0 };
        let (events, made) = channel();
        let job = Job {
            prompt: prompt.iter().map(|token| LlamaToken(*token)).collect(),
            sampler: Sampler::new(&self.model, options)?,
            most: most.max(1),
            events,
            is_gone: Box::new(is_gone),
        };
        self.jobs.send(job).map_err(|_| ended())?;
        // The sender is dropped without an end where nobody waits for one.
        for event in made {
            match event {
                Event::Token(made) => {
                    usage.completion_tokens += 1;
                    if !token(made.0, &self.piece(made)) {
                        return Ok((false, usage));
                    }
                }
                Event::End(Reason::Stop) => return Ok((true, usage)),
                Event::End(Reason::Length) => return Ok((false, usage)),
                Event::End(Reason::Failed(error)) => return Err(error),
            }
        }
        Ok((false, usage))
    }
}

fn ended() -> Error {
    Error::Failed("the model's thread has ended".to_owned())
}

/// llama.cpp begins once in a process, and says thousands of lines unless told where to.
fn backend() -> Result<&'static LlamaBackend, Error> {
    static BACKEND: OnceLock<Option<LlamaBackend>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        send_logs_to_tracing(LogOptions::default().with_logs_enabled(false));
        LlamaBackend::init().ok()
    });
    backend.as_ref().ok_or_else(|| Error::Failed("llama.cpp cannot begin".to_owned()))
}

/// Starts the thread, which holds the memory of all conversations; returns when that is there.
fn start(model: Arc<LlamaModel>, settings: Settings, context: usize) -> Result<Sender<Job>, Error> {
    let (jobs, asked) = channel();
    let (ready, is_ready) = channel();
    std::thread::Builder::new()
        .name("llama".to_owned())
        .spawn(move || run(&model, settings, context, &asked, &ready))
        .map_err(|error| Error::Failed(format!("no thread for the model: {error}")))?;
    is_ready.recv().map_err(|_| ended())??;
    Ok(jobs)
}

fn run(
    model: &LlamaModel,
    settings: Settings,
    context: usize,
    jobs: &Receiver<Job>,
    ready: &Sender<Result<(), Error>>,
) {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let threads = i32::try_from(settings.threads).unwrap_or(1);
    let parameters = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(number(context * settings.together)))
        .with_n_seq_max(number(settings.together))
        .with_n_batch(number(BATCH))
        .with_n_ubatch(number(BATCH))
        .with_kv_unified(false)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_no_perf(true);
    let made = backend().and_then(|backend| {
        let made = model.new_context(backend, parameters);
        made.map_err(|error| Error::Failed(format!("no memory for conversations: {error}")))
    });
    match made {
        Ok(context) => {
            // Who opens the model waits for this.
            let _ = ready.send(Ok(()));
            work(model, context, jobs, settings.together);
        }
        Err(error) => drop(ready.send(Err(error))),
    }
}
