//! All conversations, newest activity first; of one agent or number, if asked. Searching in what was said is
//! [`super::search`].

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::deliveries::{Before, place};
use super::form::{Form, Line};
use super::layout::{Section, page};
use super::parts;
use super::search::{self, Sought};
use super::session::SignedIn;
use super::trouble::Answer;
use crate::app::App;
use crate::db::Tx;
use crate::id::{AgentId, ConversationId, NumberId};
use crate::phone::agents::{self, Agent};
use crate::phone::conversations::{self, Conversation, Cursor, Filter};
use crate::phone::numbers::{self, Number};

const PAGE: usize = 50;

/// What the filter sends.
#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Wanted {
    agent: String,
    number: String,
}

impl Wanted {
    fn is_any(&self) -> bool {
        !self.agent.is_empty() || !self.number.is_empty()
    }

    fn filter(&self) -> Filter {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Filter {
            agent: given(&self.agent).map(AgentId::from_text),
            number: given(&self.number).map(NumberId::from_text),
        }
    }

    fn link(&self, last: &Cursor) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("agent", &self.agent).append_pair("number", &self.number);
        query.append_pair("before", &place(last.0, last.1.as_str()));
        format!("/conversations?{}", query.finish())
    }
}

pub async fn list(
    State(app): State<App>,
    signed_in: SignedIn,
    Query(sought): Query<Sought>,
    Query(wanted): Query<Wanted>,
    Query(before): Query<Before>,
) -> Answer<Response> {
    let can_search = app.config.search.enabled;
    if can_search && sought.is_any() {
        return search::found(app, signed_in, sought).await;
    }
    let SignedIn(account) = signed_in;
    let before = before.parts().map(|(at, id)| (at, ConversationId::from_text(id)));
    let filter = wanted.filter();
    let unit = move |tx: &mut Tx<'_>| {
        let found = conversations::page(tx, &account, &filter, before.as_ref(), PAGE)?;
        Ok((found, agents::list(tx, &account, 100, 0)?.0, numbers::list(tx, &account, 100, 0)?.0))
    };
    let ((rows, next), agents, numbers) = app.db.read(unit).await?;
    let content = html! {
        h1 { "Conversations" }
        @let is_empty = rows.is_empty() && !wanted.is_any() && next.is_none();
        @if can_search && !is_empty { (search::form("", None)) }
        @if !is_empty { (filters(&wanted, &agents, &numbers)) }
        @if is_empty {
            (parts::empty("Nobody has said anything yet", &html! {
                p { "Send a text with the API, or pick up a " a href="/handset" { "phone" } " and text one of your "
                    a href="/numbers" { "numbers" } "." }
            }))
        } @else if rows.is_empty() {
            p.soft { @if next.is_some() { "None among the newest; older ones may fit." } @else { "None fit." } }
        } @else {
            (table(&rows))
        }
        (parts::older(next.map(|last| wanted.link(&last))))
    };
    Ok(page(Section::Conversations, "Conversations", &content).into_response())
}

fn filters(wanted: &Wanted, agents: &[Agent], numbers: &[Number]) -> Markup {
    let form = Form::new("filter", None);
    let mut by_agent = vec![(String::new(), "Any agent".to_owned())];
    by_agent.extend(agents.iter().map(|agent| (agent.id.to_string(), agent.name.clone())));
    let mut by_number = vec![(String::new(), "Any number".to_owned())];
    by_number.extend(numbers.iter().map(|number| (number.id.to_string(), number.e164.to_string())));
    html! {
        form.inline.filters method="get" action="/conversations" {
            (form.choice(Line { label: "Agent", name: "agent", value: &wanted.agent, ..Line::default() }, &by_agent))
            (form.choice(Line { label: "Number", name: "number", value: &wanted.number, ..Line::default() }, &by_number))
            button.plain { "Filter" }
        }
    }
}

/// Conversations, one a row.
pub fn table(rows: &[Conversation]) -> Markup {
    parts::table(
        "Conversations",
        &html! {
            thead { tr { th { "With" } th { "Last message" } th.wide { "Number" } th.wide { "Channel" } th.end { "When" } } }
            tbody {
                @for conversation in rows {
                    tr.link {
                        td { a href={ "/conversations/" (conversation.id) } { (parts::name(&with(conversation))) } }
                        td.preview { (parts::name(&conversation.last_message_preview)) }
                        td.wide.number { (conversation.number) }
                        td.wide { (parts::channel(conversation.channel)) }
                        td.end { (parts::short_time(conversation.last_message_at)) }
                    }
                }
            }
        },
    )
}

/// Whom it is with: the person, or the group by its name or members.
pub fn with(conversation: &Conversation) -> String {
    let Some(group) = &conversation.group else { return conversation.participant.clone() };
    let members = || {
        let named =
            group.members.iter().map(|member| member.name.clone().unwrap_or(member.identifier.clone()));
        named.collect::<Vec<_>>().join(", ")
    };
    let name = group.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(members);
    if name.is_empty() { conversation.participant.clone() } else { name }
}
