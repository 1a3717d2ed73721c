//! Nothing is written over unseen: a form that replaces what is stored says what its page showed of it. If that has become
//! something else meanwhile, by another tab or a program, the form is refused once and shows both.

use maud::{Markup, html};
use sha2::{Digest, Sha256};

use super::form::{Fields, Form, SHOWN};
use crate::error::{Error, Result};

/// The kind of the problem that something is not what the page showed any more.
const STALE: &str = "stale";

/// What stands in the tables, as a form says that it was shown; empty where there was nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Print(String);

impl Print {
    /// Of a text.
    pub fn of(stored: Option<&str>) -> Self {
        Self(stored.map(|text| hex::encode(Sha256::digest(text))).unwrap_or_default())
    }

    /// What the page showed from which `fields` come.
    pub fn sent(fields: &Fields) -> Self {
        Self(fields.get(SHOWN).to_owned())
    }

    /// Refuses to make `after` out of `before` for somebody who was shown this.
    pub fn allow(&self, before: &Self, after: &Self) -> Result<()> {
        if before == self || before == after {
            return Ok(());
        }
        let message = "It was changed since this page was opened. Save again to replace it";
        Err(Error::field(SHOWN, STALE, message))
    }
}

/// The hidden field that says what `form` shows, and what is `stored` now, where that was not known when it was sent.
pub fn field(form: Form<'_>, stands: &Print, stored: &Markup) -> Markup {
    let is_stale = form.is_refused_for(STALE);
    // What else was refused has not shown what is stored: it keeps what the page before showed.
    let shown = if is_stale { stands.0.clone() } else { form.value(SHOWN, &stands.0) };
    html! {
        input type="hidden" name=(SHOWN) value=(shown);
        @if is_stale { div.field { strong { "Stored now" } (stored) } }
    }
}
