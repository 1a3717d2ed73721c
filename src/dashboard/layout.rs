//! What every page has around its content.

use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

/// A page: its title, the script it loads, whether somebody is signed in, its content.
pub struct Page<'a> {
    pub title: &'a str,
    pub script: Option<&'a str>,
    pub signed_in: bool,
    pub content: Markup,
}

impl Page<'_> {
    pub fn render(self) -> Html<String> {
        let Self { title, script, signed_in, content } = self;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · AgentPhone" }
                    link rel="icon" href="data:,";
                    link rel="stylesheet" href="/assets/style.css";
                    @if let Some(script) = script { script type="module" src={ "/assets/" (script) } {} }
                }
                body {
                    header.bar {
                        a.home href="/" { "AgentPhone" }
                        @if signed_in {
                            nav aria-label="Pages" { a href="/handset" { "Phones" } }
                            form method="post" action="/sign-out" { button.quiet { "Sign out" } }
                        }
                    }
                    (content)
                }
            }
        };
        Html(page.into_string())
    }
}
