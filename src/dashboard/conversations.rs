//! All conversations, newest activity first; of one agent or number, if asked. Searching in what was said is
//! [`super::search`].

use axum::extract::{Query, RawQuery, State};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};

use super::choice::{self, Choice};
use super::form::{Fields, Form, Line, Refused};
use super::layout::{Section, page};
use super::paging::{Before, place};
use super::parts;
use super::search::{self, Sought};
use super::session::SignedIn;
use super::trouble::{self, Answer};
use crate::address::Region;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{AccountId, AgentId, ConversationId, NumberId};
use crate::phone::conversations::{self, Conversation, Cursor, Filter};

const PAGE: usize = 50;

/// What the filter has found out of what it was sent, and a page of what fits.
struct Known {
    filter: Filter,
    rows: Vec<Conversation>,
    next: Option<Cursor>,
    agents: Choice,
    numbers: Choice,
}

impl Known {
    fn is_filtered(&self) -> bool {
        self.filter.agent.is_some() || self.filter.number.is_some()
    }

    fn link(&self, last: &Cursor) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let Filter { agent, number } = &self.filter;
        query.append_pair("agent", agent.as_ref().map_or("", AgentId::as_str));
        query.append_pair("number", number.as_ref().map_or("", NumberId::as_str));
        query.append_pair("before", &place(last.0, last.1.as_str()));
        format!("/conversations?{}", query.finish())
    }
}

fn known(
    tx: &mut Tx<'_>,
    account: &AccountId,
    fields: &Fields,
    region: Region,
    before: Option<&Cursor>,
) -> Result<Known> {
    let agent = choice::agent(tx, account, fields, "agent")?;
    let number = choice::number(tx, account, fields, "number", region)?;
    let filter = Filter { agent, number };
    let (rows, next) = conversations::page(tx, account, &filter, before, PAGE)?;
    let agents = choice::agents(tx, account, filter.agent.as_ref())?.or("Any agent");
    let numbers = choice::numbers(tx, account, filter.number.as_ref(), |_| true)?.or("Any number");
    Ok(Known { filter, rows, next, agents, numbers })
}

pub async fn list(
    State(app): State<App>,
    signed_in: SignedIn,
    Query(sought): Query<Sought>,
    Query(before): Query<Before>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let can_search = app.config.search.enabled;
    if can_search && sought.is_any() {
        return search::found(app, signed_in, sought).await;
    }
    let (SignedIn(account), fields) = (signed_in, Fields::parse(query.unwrap_or_default().as_bytes()));
    let before = before.cursor(ConversationId::from_text);
    match look(&app, account.clone(), fields.clone(), before).await {
        Ok(known) => Ok(shown(&known, can_search, None).into_response()),
        Err(error @ Error::Invalid(_)) => {
            let known = look(&app, account, Fields::default(), None).await?;
            let refused = Refused::by("filter", fields, error)?;
            Ok(trouble::told(&refused.error, shown(&known, can_search, Some(&refused))))
        }
        Err(error) => Err(error.into()),
    }
}

async fn look(app: &App, account: AccountId, fields: Fields, before: Option<Cursor>) -> Result<Known> {
    let region = app.region;
    app.db.read(move |tx| known(tx, &account, &fields, region, before.as_ref())).await
}

fn shown(known: &Known, can_search: bool, refused: Option<&Refused>) -> Html<String> {
    let Known { rows, next, .. } = known;
    let is_empty = rows.is_empty() && !known.is_filtered() && next.is_none();
    let content = html! {
        h1 { "Conversations" }
        @if can_search && !is_empty { (search::form("", None)) }
        @if !is_empty { (filters(known, refused)) }
        @if is_empty {
            (parts::empty("Nobody has said anything yet", &html! {
                p { "Send a text with the API, or pick up a " a href="/handset" { "phone" } " and text one of your "
                    a href="/numbers" { "numbers" } "." }
            }))
        } @else if rows.is_empty() {
            p.soft { @if next.is_some() { "None among the newest; older ones may fit." } @else { "None fit." } }
        } @else if refused.is_none() {
            (table(rows))
        }
        @if refused.is_none() { (parts::older(next.as_ref().map(|last| known.link(last)))) }
    };
    page(Section::Conversations, "Conversations", &content)
}

fn filters(known: &Known, refused: Option<&Refused>) -> Markup {
    let form = Form::new("filter", refused);
    let Filter { agent, number } = &known.filter;
    let agent = agent.as_ref().map_or("", AgentId::as_str);
    let number = number.as_ref().map_or("", NumberId::as_str);
    html! {
        (form.alert())
        form.inline.filters method="get" action="/conversations" {
            (known.agents.agents(form, Line { label: "Agent", name: "agent", value: agent, ..Line::default() }))
            (known.numbers.numbers(form, Line { label: "Number", name: "number", value: number, ..Line::default() }))
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
