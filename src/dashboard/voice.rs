//! Voice AI to try out: a recording becomes text, a text is spoken, a model answers; with the code that does the same,
//! and how the engines are. What is rendered here is given life by `assets/voice.js`.

use axum::extract::State;
use maud::{Markup, html};

use super::layout::{Section, scripted};
use super::parts;
use super::session::SignedIn;
use super::snippets::{self, Snippets};
use super::trouble::Answer;
use crate::app::App;
use crate::config::voice::Task;
use crate::voice::languages;
use crate::voice::table::{ListedVoice, Name};

mod code;
mod engines;

pub async fn show(State(app): State<App>, SignedIn(_): SignedIn) -> Answer {
    let answers = app.voice.names().iter().any(|name| name.label().is_some());
    let engines = engines::section(&app).await;
    let content = html! {
        h1 { "Voice" }
        p.lead { "Transcribe, speak and chat with the protocol of " span.number { "OpenAI" } ", on this server. What you do here is \
                  counted like a request with a key of yours." }
        @if answers {
            noscript { p.alert.bad { "Trying things out needs JavaScript. The code below does the same." } }
        } @else {
            (nothing())
        }
        (listening(&app))
        (speaking(&app))
        (chatting(&app))
        (engines)
    };
    Ok(scripted(Section::Voice, "Voice", "voice.js", &content))
}

/// What to do where no model is configured.
fn nothing() -> Markup {
    parts::empty(
        "No model answers yet",
        &html! {
            p { "On a laptop, stop the server and start it with " code { "script/server --voice" } ": it fetches small real models \
                 once and runs them in a process of its own." }
            p { "Or point a model name at any server that speaks the protocol of OpenAI (vLLM, SGLang, speaches), in the file you \
                 give to " code { "--config" } ":" }
            (parts::raw("An upstream in the configuration", code::UPSTREAM))
        },
    )
}

/// The models of a task, with what really answers for each.
fn models(app: &App, task: Task) -> Vec<&Name> {
    app.voice.names().iter().map(|name| &**name).filter(|name| name.task == task).collect()
}

/// A section in which something can be tried, if a model of the task answers.
fn trial(id: &str, title: &str, missing: &str, is_there: bool, form: &Markup, code: &Snippets) -> Markup {
    let name = format!("{id}-code");
    html! {
        section.panel.trial #(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            @if is_there { (form) } @else { p.soft { (missing) } }
            details.more { summary { "The same with code" } (snippets::tabs(&name, code)) }
        }
    }
}

/// The first model that answers. The code beside a trial names it, as the choice does; the script keeps them the same.
fn first<'a>(models: &[&'a Name]) -> Option<&'a str> {
    models.iter().find(|name| name.label().is_some()).map(|name| name.id.as_str())
}

fn model_choice(id: &str, models: &[&Name]) -> Markup {
    let first = first(models);
    html! {
        div.field {
            label for={ (id) "-model" } { "Model" }
            select id={ (id) "-model" } name="model" {
                @for name in models {
                    option value=(name.id) disabled[name.label().is_none()] selected[Some(name.id.as_str()) == first] {
                        (name.id) " — " (name.label().unwrap_or("not configured"))
                    }
                }
            }
        }
    }
}

fn listening(app: &App) -> Markup {
    let models = models(app, Task::Transcription);
    let form = html! {
        form {
            (model_choice("listening", &models))
            div.actions {
                button type="button" data-part="go" { "Record" }
                label.button { "Choose a file" input.unseen type="file" accept="audio/*,video/mp4,video/webm" data-part="file"; }
            }
        }
        p.state data-part="state" role="status" {}
        audio data-part="audio" controls hidden {}
        p.text.heard data-part="heard" data-empty="What is heard appears here." dir="auto" {}
    };
    let first = first(&models);
    let code = code::transcription(&app.origin(), first.unwrap_or(&app.config.voice.transcription));
    trial("listening", "Speech to text", "No model transcribes here yet.", first.is_some(), &form, &code)
}

fn speaking(app: &App) -> Markup {
    let voices = app.voice.voices();
    let first = voices.iter().find(|voice| voice.engine.is_some());
    let form = html! {
        form {
            div.field {
                label for="speaking-input" { "Text" }
                textarea id="speaking-input" name="input" rows="3" maxlength="4096" required dir="auto" {
                    "Your bike is ready. You can pick it up until six o'clock."
                }
            }
            (voice_choice(voices, first))
            div.actions { button data-part="go" { "Speak" } }
        }
        p.state data-part="state" role="status" {}
        audio data-part="audio" controls hidden {}
    };
    let voice = first.map_or("tara", |voice| &voice.id);
    let model = first.and_then(|voice| voice.model.as_ref()).unwrap_or(&app.config.voice.speech);
    let code = code::speech(&app.origin(), model, voice);
    trial("speaking", "Text to speech", "No model speaks here yet.", first.is_some(), &form, &code)
}

/// The voices by language; those with which nothing speaks cannot be chosen.
fn voice_choice(voices: &[ListedVoice], first: Option<&ListedVoice>) -> Markup {
    let mut all: Vec<(Option<&str>, Vec<&ListedVoice>)> = Vec::new();
    for voice in voices {
        let language = voice.language.as_deref();
        match all.iter_mut().find(|(known, _)| *known == language) {
            Some((_, group)) => group.push(voice),
            None => all.push((language, vec![voice])),
        }
    }
    html! {
        div.field {
            label for="speaking-voice" { "Voice" }
            select id="speaking-voice" name="voice" {
                @for (language, group) in all {
                    optgroup label=(title(language)) {
                        @for voice in group {
                            option value=(voice.id) data-model=[voice.model.as_ref()] data-engine=[voice.engine.as_ref()]
                                disabled[voice.engine.is_none()] selected[Some(voice) == first] {
                                (voice.id) @if voice.engine.is_none() { " — nothing speaks with it" }
                            }
                        }
                    }
                }
            }
            p.hint { "Spoken by " span data-part="who" {} }
        }
    }
}

/// A language as the head of a group.
fn title(language: Option<&str>) -> String {
    let Some(code) = language else { return "Other".to_owned() };
    let name = languages::name(code);
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn chatting(app: &App) -> Markup {
    let models = models(app, Task::Chat);
    let form = html! {
        ol.bubbles data-part="talk" tabindex="0" aria-label="Conversation" aria-live="polite" {}
        form {
            (model_choice("chatting", &models))
            div.field {
                label for="chatting-question" { "Message" }
                textarea id="chatting-question" name="question" rows="2" required dir="auto" {}
            }
            div.actions {
                button data-part="go" { "Send" }
                button.bad type="button" data-part="stop" hidden { "Stop" }
                button.quiet type="button" data-part="anew" { "Start over" }
            }
        }
        p.state data-part="state" role="status" {}
    };
    let first = first(&models);
    let code = code::chat(&app.origin(), first.unwrap_or(&app.config.voice.chat));
    trial("chatting", "Chat", "No model answers questions here yet.", first.is_some(), &form, &code)
}
