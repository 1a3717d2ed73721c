//! How the engines are: what answers for each model name, the upstreams, the process of the built-in ones. Read when
//! the page is; the script reads it again.

use maud::{Markup, html};

use crate::app::App;
use crate::config::voice::Task;
use crate::dashboard::parts::{self, Tone, badge, grouped};
use crate::voice::child::{Child, Life};
use crate::voice::engines::{Health as ChildHealth, ModelHealth};
use crate::voice::table::Name;
use crate::voice::upstream::{Health, ServerState};

pub async fn section(app: &App) -> Markup {
    let (states, health) = match &app.engines {
        Some(child) => (app.upstreams.state(), child.health().await),
        None => (app.upstreams.state(), None),
    };
    // The child is reached like an upstream, and has a part of its own.
    let far: Vec<&ServerState> = states.iter().filter(|state| !state.address.starts_with("unix:")).collect();
    html! {
        div #engines {
            h2 { "Models" }
            (models(app.voice.names().iter().map(|name| &**name)))
            @if !far.is_empty() { h2 { "Upstreams" } (upstreams(&far)) }
            @if let Some(child) = &app.engines { h2 { "Built-in engines" } (process(child, health.as_ref())) }
        }
    }
}

fn models<'a>(names: impl Iterator<Item = &'a Name>) -> Markup {
    parts::table(
        "Models",
        &html! {
            thead { tr { th { "Name" } th { "State" } th { "What answers" } th { "For" } } }
            tbody { @for name in names { tr {
                th scope="row" { (name.id) }
                td { (state(name)) }
                td { @if let Some(label) = name.label() { (label) } @else { span.soft { "nothing yet" } } }
                td { (task(name.task)) }
            } } }
        },
    )
}

const fn task(task: Task) -> &'static str {
    match task {
        Task::Transcription => "speech to text",
        Task::Speech => "text to speech",
        Task::Chat => "chat",
    }
}

fn state(name: &Name) -> Markup {
    match (name.label(), &name.stand_in) {
        (None, _) => badge(Tone::Calm, "not configured"),
        (Some(_), Some(_)) => badge(Tone::Busy, "stand-in"),
        (Some(_), None) => badge(Tone::Good, "configured"),
    }
}

fn upstreams(all: &[&ServerState]) -> Markup {
    parts::table(
        "Upstreams",
        &html! {
            thead { tr {
                th { "Address" } th { "Health" }
                th.figure { "Under way" } th.figure { "Waiting" } th.figure { "Requests" } th.figure { "Failures" }
                th { "Models" }
            } }
            tbody { @for it in all { tr {
                th scope="row" { code { (it.address) } }
                td { (health(it.health)) @if let Some(failure) = it.last_failure {
                    br; span.hint { (failure) @if let Some(at) = it.failed_at { ", " (parts::short_time(at)) } }
                } }
                td.figure { (it.under_way) }
                td.figure { (it.models.iter().map(|model| model.waiting).sum::<usize>()) }
                td.figure { (count(it.requests)) }
                td.figure { (count(it.failures)) }
                td { (it.models.iter().map(|model| &*model.name).collect::<Vec<_>>().join(", ")) }
            } } }
        },
    )
}

fn health(health: Health) -> Markup {
    match health {
        Health::Healthy => badge(Tone::Good, "healthy"),
        Health::Resting => badge(Tone::Busy, "asked for a rest"),
        Health::Open => badge(Tone::Bad, "not called"),
        Health::Trying => badge(Tone::Busy, "trying again"),
    }
}

fn process(child: &Child, health: Option<&ChildHealth>) -> Markup {
    let state = child.state();
    let life = match state.life {
        Life::Starting => html! { (badge(Tone::Busy, "starting")) },
        Life::Up { pid, since } => html! {
            (badge(Tone::Good, "up")) " process " (pid) ", since " (parts::time(since))
        },
        Life::Down { again } => html! { (badge(Tone::Bad, "down")) " started again " (parts::time(again)) },
    };
    let mut rows = vec![("Process", life), ("Restarts", html! { (state.restarts) })];
    if let Some(exit) = &state.last_exit {
        rows.push(("Last end", html! { (exit) }));
    }
    if let Some(health) = health {
        rows.push(("Memory", html! { (count(health.memory_bytes >> 20)) " MiB" }));
    }
    html! {
        section.panel aria-label="Process of the built-in engines" { (parts::facts(&rows)) }
        @match health {
            Some(health) => (built_in(&health.models)),
            None => p.soft { "It does not say how its models are at the moment." },
        }
    }
}

fn built_in(models: &[ModelHealth]) -> Markup {
    parts::table(
        "Built-in models",
        &html! {
            thead { tr {
                th { "Model" } th { "Engine" } th { "State" }
                th.figure { "Working" } th.figure { "Waiting" } th.figure { "Done" } th.figure { "Speed" }
            } }
            tbody { @for it in models { tr {
                th scope="row" { (it.name) }
                td { (it.engine.word()) }
                td { @if it.loaded { (badge(Tone::Good, "loaded")) } @else { (badge(Tone::Calm, "loads when asked")) } }
                td.figure { (it.working) }
                td.figure { (it.waiting) }
                td.figure { (count(it.done)) }
                td.figure { (speed(it)) }
            } } }
        },
    )
}

/// Of the last request.
fn speed(model: &ModelHealth) -> String {
    match model.engine.task() {
        _ if model.done == 0 => "–".to_owned(),
        Some(Task::Transcription | Task::Speech) => format!("{:.1} × real time", model.speed),
        Some(Task::Chat) | None => format!("{:.1} tokens/s", model.speed),
    }
}

fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}
