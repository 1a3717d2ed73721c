//! The phones of the simulated network: the list of them, and one as a page. Rendered here is the frame; what the
//! phone shows comes and changes live, by script.

use axum::extract::{Path, State};
use axum::response::Html;
use maud::{Markup, html};

use super::layout::Page;
use super::session::SignedIn;
use crate::app::App;
use crate::error::Result;
use crate::phone::numbers::{self, Number, NumberKind};

/// As many of the account's numbers are offered to write to.
const OFFERED: i64 = 200;

/// Every phone, and a form for one more.
pub async fn list(State(app): State<App>, SignedIn(_): SignedIn) -> Html<String> {
    let content = if app.network.is_some() { phones() } else { elsewhere() };
    Page { title: "Phones", script: app.network.is_some().then_some("phones.js"), signed_in: true, content }
        .render()
}

/// One phone.
pub async fn handset(
    State(app): State<App>,
    SignedIn(account): SignedIn,
    Path(number): Path<String>,
) -> Result<Html<String>> {
    if app.network.is_none() {
        return Ok(Page { title: "Phones", script: None, signed_in: true, content: elsewhere() }.render());
    }
    let (numbers, _) = app.db.read(move |tx| numbers::list(tx, &account, OFFERED, 0)).await?;
    let content = phone(&number, &numbers);
    Ok(Page { title: &number, script: Some("handset.js"), signed_in: true, content }.render())
}

fn elsewhere() -> Markup {
    html! {
        main.card {
            h1 { "No phones here" }
            p { "The simulated network does not run inside this server, so its phones cannot be shown here. Use "
                code { "agentphone dev" } " with its own network, or ask the network's program under "
                code { "/sim" } "." }
        }
    }
}

fn phones() -> Markup {
    html! {
        main.card {
            h1 { "Phones" }
            p { "Phones of the simulated network. Open several windows to see several phones side by side." }
            ul #phones.rows aria-label="Phones" {}
            h2 { "Another phone" }
            form #add.fields {
                label for="number" { "Number, with its country code" }
                input #number name="number" type="tel" required autocomplete="off" placeholder="+14155550142"
                    aria-describedby="problem";
                label for="name" { "Name" }
                input #name name="name" autocomplete="off" maxlength="100";
                label.check { input name="imessage" type="checkbox"; " Has iMessage" }
                p #problem.problem role="alert" {}
                button { "Open phone" }
            }
            noscript { p.problem { "This page needs JavaScript." } }
        }
    }
}

fn phone(number: &str, numbers: &[Number]) -> Markup {
    html! {
        main #phone.phone data-number=(number) {
            section.threads aria-label="Threads" {
                h1 #owner dir="auto" { (number) }
                p #about.about { (number) }
                (start(numbers))
                ul #threads.rows aria-label="Threads" {}
                p #state.about role="status" {}
                noscript { p.problem { "This page needs JavaScript." } }
            }
            section #thread.thread aria-labelledby="with" hidden {
                header {
                    a.back href="#" aria-label="Back to the threads" { "‹" }
                    h2 #with dir="auto" {}
                    span #typing.about role="status" {}
                }
                ol #bubbles role="log" aria-label="Messages" tabindex="0" {}
                (compose())
            }
            p #none.about { "Choose a thread, or write to a number." }
        }
    }
}

fn start(numbers: &[Number]) -> Markup {
    html! {
        form #start.start {
            label for="to" { "Write to" }
            @if numbers.is_empty() {
                p.about { "This project has no numbers yet." }
            } @else {
                select #to name="to" {
                    @for number in numbers {
                        option value=(number.e164) { (number.e164) " · " (kind(number.kind)) }
                    }
                }
                button { "Write" }
            }
        }
    }
}

const fn kind(kind: NumberKind) -> &'static str {
    match kind {
        NumberKind::Sms => "SMS",
        NumberKind::Imessage => "iMessage",
    }
}

fn compose() -> Markup {
    html! {
        form #compose.compose {
            p #problem.problem role="alert" {}
            p #chosen.chosen hidden {
                span dir="auto" {}
                button.quiet type="button" { "Remove" }
            }
            label.attach title="Attach a picture" {
                span aria-hidden="true" { "+" }
                input #files.unseen type="file" multiple aria-label="Attach a picture"
                    accept="image/jpeg,image/png,image/gif,image/webp,image/heic,video/mp4,audio/mpeg,application/pdf,.vcf";
            }
            textarea #text rows="1" dir="auto" aria-label="Message" placeholder="Message" {}
            button { "Send" }
        }
    }
}
