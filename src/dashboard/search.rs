//! Searching in what was said: the box on the page of conversations, and the messages that have its words. What is
//! found, and how, stands in `phone/search`.

use std::collections::HashMap;

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::conversations::with;
use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::session::SignedIn;
use super::trouble::{self, Answer};
use super::{parts, thread};
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::ConversationId;
use crate::phone::conversations;
use crate::phone::messages::Message;
use crate::phone::search::{self, COUNTED, Found, Query};
use crate::text;

const PAGE: i64 = 20;
/// So many words are shown before the first that was found, and so many from there on.
const BEFORE: usize = 12;
const AFTER: usize = 60;

/// What the box sends.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Sought {
    query: String,
    from: String,
}

impl Sought {
    pub fn is_any(&self) -> bool {
        !self.query.trim().is_empty()
    }

    fn from(&self) -> i64 {
        self.from.parse().unwrap_or(0).max(0)
    }

    fn link(&self, from: i64) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("query", &self.query).append_pair("from", &from.to_string());
        format!("/conversations?{}", query.finish())
    }
}

/// The box.
pub fn form(query: &str, refused: Option<&Refused>) -> Markup {
    let form = Form::new("search", refused);
    let line = Line {
        label: "Search in messages",
        name: "query",
        kind: "search",
        value: query,
        placeholder: "bike \"new wheel\" deliv*",
        ..Line::default()
    };
    html! {
        form.inline.search role="search" method="get" action="/conversations" {
            (form.line(line))
            button { "Search" }
        }
    }
}

/// The page of what was found.
pub async fn found(app: App, SignedIn(account): SignedIn, sought: Sought) -> Answer<Response> {
    let query = match Query::parse(&sought.query) {
        Ok(query) => query,
        Err(error) => {
            let refused = Refused { form: "search", fields: Fields::of("query", &sought.query), error };
            let back = html! { p { a href="/conversations" { "All conversations" } } };
            let page = around(&sought, Some(&refused), &back);
            return Ok(trouble::told(&refused.error, page));
        }
    };
    let (wanted, from) = (query.clone(), sought.from());
    let unit = move |tx: &mut Tx<'_>| {
        let found = search::find(tx, &account, &wanted, PAGE, from)?;
        let titles = titles(tx, &found.messages)?;
        Ok((found, titles))
    };
    let (found, titles) = app.db.read(unit).await?;
    let shown = from.saturating_add(i64::try_from(found.messages.len()).unwrap_or(0));
    let next = (found.total > shown).then(|| sought.link(shown));
    let results = html! {
        p.soft role="status" { (counted(&found)) " " a href="/conversations" { "All conversations" } }
        ol.found { @for message in &found.messages { (result(message, &titles, &query)) } }
        (parts::older(next))
    };
    Ok(around(&sought, None, &results).into_response())
}

fn around(sought: &Sought, refused: Option<&Refused>, results: &Markup) -> axum::response::Html<String> {
    let content = html! {
        h1 { "Conversations" }
        (form(&sought.query, refused))
        (results)
    };
    page(Section::Conversations, "Search", &content)
}

fn titles(tx: &mut Tx<'_>, messages: &[Message]) -> Result<HashMap<ConversationId, String>> {
    let mut titles = HashMap::new();
    for message in messages {
        let id = &message.conversation_id;
        if !titles.contains_key(id)
            && let Some(conversation) = conversations::find(tx, id)?
        {
            titles.insert(id.clone(), with(&conversation));
        }
    }
    Ok(titles)
}

fn counted(found: &Found) -> String {
    match found.total {
        0 => "No message has these words. A new one is found about a second after it came.".to_owned(),
        1 => "One message.".to_owned(),
        COUNTED.. => format!("{} messages or more, newest first.", parts::grouped(COUNTED)),
        some => format!("{} messages, newest first.", parts::grouped(some)),
    }
}

fn result(message: &Message, titles: &HashMap<ConversationId, String>, query: &Query) -> Markup {
    let title = titles.get(&message.conversation_id).unwrap_or(&message.to);
    let who = message.sender.as_deref().unwrap_or(&message.from);
    html! {
        li {
            p.head {
                a href=(thread::link_to(message)) { (parts::name(title)) }
                span.soft {
                    "from " (parts::name(who)) " · " (parts::channel(message.channel)) " · "
                    (parts::short_time(message.received_at))
                }
            }
            (excerpt(&message.body, query))
        }
    }
}

/// What was said around the first of the words that were found, with all of them marked.
fn excerpt(body: &str, query: &Query) -> Markup {
    let places = query.places(body);
    let words = text::words(body);
    let first = places.first().map_or(0, |place| words.partition_point(|word| word.at.start < place.start));
    let start = first.checked_sub(BEFORE).and_then(|word| words.get(word)).map_or(0, |word| word.at.start);
    let end = words.get(first + AFTER).map_or(body.len(), |word| word.at.start);
    let mut pieces = Vec::new();
    let mut at = start;
    for place in places.into_iter().filter(|place| place.end <= end) {
        pieces.push((false, &body[at..place.start]));
        at = place.end;
        pieces.push((true, &body[place]));
    }
    pieces.push((false, &body[at..end]));
    html! {
        p.excerpt dir="auto" {
            @if start > 0 { "… " }
            @for (is_found, piece) in pieces { @if is_found { mark { (piece) } } @else { (piece) } }
            @if end < body.len() { " …" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str, body: &str) -> String {
        excerpt(body, &Query::parse(query).unwrap()).into_string()
    }

    #[test]
    fn the_words_found_are_marked_and_stay_text() {
        assert_eq!(
            shown("bike <b>", "Is my <b>BIKE</b> here?"),
            "<p class=\"excerpt\" dir=\"auto\">Is my &lt;<mark>b</mark>&gt;<mark>BIKE</mark>&lt;/<mark>b</mark>&gt; here?</p>"
        );
    }

    #[test]
    fn a_long_text_is_shown_around_the_first_of_them() {
        let long = format!("{}needle {}", "straw ".repeat(500), "hay ".repeat(500));
        let shown = shown("needle", &long);
        let words = |word: &str| shown.matches(word).count();
        assert!(shown.contains("<mark>needle</mark>") && shown.contains(">… straw"), "{shown}");
        assert_eq!((words("straw"), words("hay")), (BEFORE, AFTER - 1));
        let alone = self::shown("needle", "needle");
        assert_eq!(alone, "<p class=\"excerpt\" dir=\"auto\"><mark>needle</mark></p>");
    }
}
