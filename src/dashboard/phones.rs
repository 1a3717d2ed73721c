//! The desk with the phones of the simulated network: none, one, or several side by side. Rendered here is the frame
//! and one empty phone as a template; what phones show comes and changes live, by script.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};

use super::layout::Page;
use super::session::SignedIn;
use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::id::AgentId;
use crate::phone::agents;
use crate::phone::numbers::{self, Number};

mod icons;
mod phone;

/// So many of the account's numbers, the newest, are offered to write to.
const OFFERED: i64 = 200;

/// The same page for every choice of phones: which stand on the desk is in its address, for the script to read.
pub async fn desk(State(app): State<App>, SignedIn(account): SignedIn) -> Result<Html<String>> {
    if app.phones().is_none() {
        return Ok(Page { title: "Phones", script: None, signed_in: true, content: elsewhere() }.render());
    }
    let unit = move |tx: &mut Tx<'_>| {
        let numbers = numbers::page(tx, &account, None, OFFERED)?;
        let names =
            agents::names(tx, &account, numbers.iter().filter_map(|number| number.agent_id.as_ref()))?;
        Ok((numbers, names))
    };
    let (numbers, names) = app.db.read(unit).await?;
    let content = desk_of(&numbers, &names);
    Ok(Page { title: "Phones", script: Some("handset/desk.js"), signed_in: true, content }.render())
}

fn elsewhere() -> Markup {
    html! {
        main.card {
            h1 { "No phones here" }
            p { "The simulated network does not run inside this server, or its phones are not open to everybody here (the setting "
                code { "sim.open" } "). Use " code { "agentphone dev" } " with its own network, or ask the network's program under "
                code { "/sim" } "." }
        }
    }
}

fn desk_of(numbers: &[Number], names: &HashMap<AgentId, String>) -> Markup {
    html! {
        link rel="stylesheet" href="/assets/handset/desk.css";
        link rel="stylesheet" href="/assets/handset/phone.css";
        link rel="stylesheet" href="/assets/handset/bubble.css";
        (icons::sheet())
        main.desk #content tabindex="-1" {
            header.shelf {
                h1 { "Phones" }
                ul #shelf aria-label="Phones on the desk" {}
                button #new.add type="button" aria-expanded="false" aria-controls="add" {
                    (icons::icon("plus")) span { "New phone" }
                }
            }
            (new_phone())
            p #state.state role="status" {}
            noscript { p.state { "This page needs JavaScript." } }
            div #phones.phones {}
            (nobody())
        }
        template #phone { (phone::empty()) }
        (phone::lines(numbers, names))
    }
}

fn new_phone() -> Markup {
    html! {
        form #add.add-phone aria-label="New phone" hidden {
            label { "Number, with its country code"
                input name="number" type="text" inputmode="tel" required autocomplete="off" placeholder="+14155550142"; }
            label { "Name" input name="name" autocomplete="off" maxlength="100" placeholder="Ada"; }
            label.switch { input name="imessage" type="checkbox" role="switch" checked; span { "iMessage" } }
            button.main { "Put it on the desk" }
            p.problem role="alert" {}
        }
    }
}

/// What the desk says while no phone stands on it.
fn nobody() -> Markup {
    html! {
        section #nobody.nobody hidden {
            h2 { "Pick up a phone" }
            p { "These phones live on the simulated network. What an agent sends arrives here; what you write here \
                 arrives at its webhook. Put several side by side to see a group from every end." }
            ul #gallery.gallery aria-label="Every phone" {}
        }
    }
}
