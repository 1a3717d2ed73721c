//! Choosing an agent or a number: the newest stand in a list, and whoever has more of them may name any other beside it,
//! as it is called or by its id.

use maud::{Markup, html};

use super::form::{Fields, Form, Line};
use super::paging::cut;
use crate::address::{E164, Region};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::{AccountId, AgentId, NumberId};
use crate::phone::agents;
use crate::phone::numbers::{self, Number};

/// So many stand in the list.
const LISTED: i64 = 200;
/// The fields in which another one is named.
const OTHER_AGENT: &str = "otherAgent";
const OTHER_NUMBER: &str = "otherNumber";

/// What can be chosen: what is sent, what is read, and whether that is all there is.
pub struct Choice {
    options: Vec<(String, String)>,
    is_whole: bool,
}

/// The newest agents, and always the one that is chosen.
pub fn agents(tx: &mut Tx<'_>, account: &AccountId, chosen: Option<&AgentId>) -> Result<Choice> {
    let mut listed = agents::page(tx, account, None, LISTED + 1)?;
    let is_whole = is_whole(&mut listed);
    let mut options: Vec<_> = listed.into_iter().map(|agent| (agent.id.to_string(), agent.name)).collect();
    if let Some(id) = chosen.filter(|id| options.iter().all(|(listed, _)| listed != id.as_str())) {
        let named = agents::names(tx, account, [id])?;
        options.extend(named.into_iter().map(|(id, name)| (id.to_string(), name)));
    }
    Ok(Choice { options, is_whole })
}

/// The newest numbers that `fits` is true of, and always the one that is chosen.
pub fn numbers(
    tx: &mut Tx<'_>,
    account: &AccountId,
    chosen: Option<&NumberId>,
    fits: impl Fn(&Number) -> bool,
) -> Result<Choice> {
    let mut listed = numbers::page(tx, account, None, LISTED + 1)?;
    let is_whole = is_whole(&mut listed);
    listed.retain(fits);
    if let Some(id) = chosen.filter(|id| listed.iter().all(|number| number.id != **id)) {
        listed.extend(numbers::by_id(tx, account, id)?);
    }
    let options = listed.into_iter().map(|number| (number.id.to_string(), number.e164.to_string())).collect();
    Ok(Choice { options, is_whole })
}

/// Leaves those that stand in the list; whether these were all.
fn is_whole<T>(newest: &mut Vec<T>) -> bool {
    cut(newest, LISTED, |_| ()).is_none()
}

impl Choice {
    pub const fn is_empty(&self) -> bool {
        self.options.is_empty() && self.is_whole
    }

    /// With `nobody` as the first choice.
    pub fn or(mut self, nobody: &str) -> Self {
        self.options.insert(0, (String::new(), nobody.to_owned()));
        self
    }

    pub fn agents(&self, form: Form<'_>, line: Line<'_>) -> Markup {
        self.show(form, line, ("Or another agent", OTHER_AGENT, "Its name or id"))
    }

    pub fn numbers(&self, form: Form<'_>, line: Line<'_>) -> Markup {
        self.show(form, line, ("Or another number", OTHER_NUMBER, "+14155550142"))
    }

    fn show(&self, form: Form<'_>, line: Line<'_>, other: (&str, &str, &str)) -> Markup {
        let (label, name, placeholder) = other;
        html! {
            (form.choice(line, &self.options))
            @if !self.is_whole {
                (form.line(Line { label, name, placeholder, longest: Some(200), ..Line::default() }))
            }
        }
    }
}

/// The agent that was named, or else chosen in the list called `list`.
pub fn agent(tx: &mut Tx<'_>, account: &AccountId, fields: &Fields, list: &str) -> Result<Option<AgentId>> {
    let Some(text) = fields.filled(OTHER_AGENT) else {
        return Ok(fields.filled(list).map(AgentId::from_text));
    };
    let wrong = |message| Err(Error::field(OTHER_AGENT, "value", message));
    match agents::called(tx, account, text)?.as_slice() {
        [one] => Ok(Some(one.clone())),
        [] => wrong("No agent has this name or id"),
        _ => wrong("Several agents have this name; use the agent's id"),
    }
}

/// The number that was named, or else chosen in the list called `list`.
pub fn number(
    tx: &mut Tx<'_>,
    account: &AccountId,
    fields: &Fields,
    list: &str,
    region: Region,
) -> Result<Option<NumberId>> {
    let Some(text) = fields.filled(OTHER_NUMBER) else {
        return Ok(fields.filled(list).map(NumberId::from_text));
    };
    let found = match E164::parse(text, region) {
        Ok(e164) => numbers::last_with(tx, account, &e164)?,
        Err(_) => numbers::by_id(tx, account, &NumberId::from_text(text))?.map(|number| number.id),
    };
    found
        .map(Some)
        .ok_or_else(|| Error::field(OTHER_NUMBER, "value", "This is none of the project's numbers"))
}

/// Whether another one is named than stands in a list.
pub fn is_other(fields: &Fields) -> bool {
    fields.filled(OTHER_AGENT).is_some() || fields.filled(OTHER_NUMBER).is_some()
}
