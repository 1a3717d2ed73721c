//! What every page has around its content: the head, the way to all other pages, and the place for notices.

use axum::response::Html;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::words;

words! {
    /// The parts of the dashboard, as the navigation names them.
    Section {
        Overview = "Overview",
        Conversations = "Conversations",
        Agents = "Agents",
        Numbers = "Numbers",
        Phones = "Phones",
        Voice = "Voice",
        Webhooks = "Webhooks",
        Keys = "API keys",
        Usage = "Usage",
        Carriers = "Carriers",
        Reference = "API reference",
        Settings = "Settings",
    }
}

/// The navigation, in groups.
const GROUPS: &[(&str, &[Section])] = &[
    ("", &[Section::Overview]),
    ("Talk", &[Section::Conversations, Section::Agents, Section::Numbers, Section::Phones, Section::Voice]),
    ("Build", &[Section::Webhooks, Section::Keys, Section::Reference]),
    ("Run", &[Section::Usage, Section::Carriers, Section::Settings]),
];

impl Section {
    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Conversations => "/conversations",
            Self::Agents => "/agents",
            Self::Numbers => "/numbers",
            Self::Phones => "/handset",
            Self::Voice => "/voice",
            Self::Webhooks => "/webhooks",
            Self::Keys => "/keys",
            Self::Usage => "/usage",
            Self::Carriers => "/carriers",
            Self::Reference => "/reference",
            Self::Settings => "/settings",
        }
    }

    /// The drawing before its name: a path in a square of 16.
    const fn icon(self) -> &'static str {
        match self {
            Self::Overview => "M2 7.5 8 2.5l6 5M3.5 6.5v7h9v-7",
            Self::Conversations => "M2 3h12v8H7l-3 2.5V11H2z",
            Self::Agents => "M8 2v2M3.5 4.5h9v8h-9zM6 8v1M10 8v1M1.5 7.5v3M14.5 7.5v3",
            Self::Numbers => "M6 2 4.5 14M11.5 2 10 14M2.5 5.5h11.5M2 10.5h11.5",
            Self::Phones => "M4.5 1.5h7v13h-7zM7 12.5h2",
            Self::Voice => {
                "M8 1.8a2 2 0 0 0-2 2v4a2 2 0 0 0 4 0v-4a2 2 0 0 0-2-2zM3.5 7.5a4.5 4.5 0 0 0 9 0M8 12v2.2"
            }
            Self::Webhooks => "M9.5 2 3.5 9h4l-1 5 6-7h-4z",
            Self::Keys => {
                "M10.5 9a3.5 3.5 0 1 0-3.3-2.3L2 12v2h2.5v-1.5H6V11l1.3-1.3A3.5 3.5 0 0 0 10.5 9zM11 5h.01"
            }
            Self::Usage => "M2.5 13.5v-4M6.2 13.5v-7M9.8 13.5v-5M13.5 13.5v-11",
            Self::Carriers => "M8 8v6M5.5 10a3.5 3.5 0 1 1 5 0M3.5 12a6.3 6.3 0 1 1 9 0",
            Self::Reference => "M3 2h7l3 3v9H3zM5.5 7h5M5.5 9.5h5M5.5 12h3",
            Self::Settings => "M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6M9.8 3v3M6.2 10v3",
        }
    }
}

/// A page: its title, the script it loads, whether somebody is signed in, its content.
pub struct Page<'a> {
    pub title: &'a str,
    pub script: Option<&'a str>,
    pub signed_in: bool,
    pub content: Markup,
}

impl Page<'_> {
    /// A page of the phones, or one that nobody has to be signed in for.
    pub fn render(self) -> Html<String> {
        let section = self.signed_in.then_some(Section::Phones);
        frame(self.title, self.script, section, &self.content)
    }
}

/// A page of `section`, with its own heading in `content`.
pub fn page(section: Section, title: &str, content: &Markup) -> Html<String> {
    frame(title, None, Some(section), &html! { main #content.page tabindex="-1" { (content) } })
}

/// The same for a page that brings a script of its own.
pub fn scripted(section: Section, title: &str, script: &str, content: &Markup) -> Html<String> {
    frame(title, Some(script), Some(section), &html! { main #content.page tabindex="-1" { (content) } })
}

fn frame(title: &str, script: Option<&str>, section: Option<Section>, content: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Isolated: what somebody typed may turn the direction of what follows.
                title { "\u{2068}" (title) "\u{2069} · AgentPhone" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/assets/style.css";
                script type="module" src="/assets/page.js" {}
                @if let Some(script) = script { script type="module" src={ "/assets/" (script) } {} }
            }
            body {
                @if section.is_some() { a.skip href="#content" { "Skip to the content" } }
                header.bar {
                    a.home href="/" { (logo()) "AgentPhone" }
                    @if let Some(section) = section {
                        (navigation(section))
                        form method="post" action="/sign-out" { button.quiet { "Sign out" } }
                    }
                }
                (content)
                p #said.unseen role="status" {}
            }
        }
    };
    Html(page.into_string())
}

fn navigation(current: Section) -> Markup {
    html! {
        nav aria-label="Pages" {
            @for (group, sections) in GROUPS {
                @if !group.is_empty() { p.group aria-hidden="true" { (group) } }
                ul {
                    @for section in *sections {
                        li {
                            a href=(section.path()) aria-current=[(*section == current).then_some("page")] {
                                (drawing(section.icon())) (section)
                            }
                        }
                    }
                }
            }
        }
    }
}

fn drawing(path: &str) -> Markup {
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" { path d=(path) {} }
    }
}

fn logo() -> Markup {
    let bubble = "M3 2h10a1.6 1.6 0 0 1 1.6 1.6v6A1.6 1.6 0 0 1 13 11.200H8.200L4.600 14.400v-3.200H3A1.6 1.6 0 0 1 1.400 9.600v-6A1.6 1.6 0 0 1 3 2z";
    html! {
        svg.logo viewBox="0 0 16 16" width="20" height="20" aria-hidden="true" {
            path d=(bubble) {}
            (PreEscaped("<circle cx='5' cy='6.6' r='1'/><circle cx='8' cy='6.6' r='1'/><circle cx='11' cy='6.6' r='1'/>"))
        }
    }
}
