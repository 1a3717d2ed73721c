//! One empty phone: the frame, the list of conversations, an open conversation and the line to write in.

use std::collections::HashMap;

use maud::{Markup, html};

use super::icons::icon;
use crate::id::AgentId;
use crate::phone::numbers::{Number, NumberKind};

/// What phones can attach.
const ATTACHED: &str =
    "image/jpeg,image/png,image/gif,image/webp,image/heic,video/mp4,audio/mpeg,application/pdf,.vcf";

pub fn empty() -> Markup {
    html! {
        article.phone {
            header.caption {
                h2 { bdi.owner dir="auto" {} span.about dir="ltr" {} }
                button.put-away type="button" { (icon("close")) }
            }
            div.device {
                div.screen {
                    div.status aria-hidden="true" {
                        span.clock {}
                        span.island {}
                        span.signs { (icon("bars")) (icon("battery")) }
                    }
                    (conversations())
                    (conversation())
                    div.stage aria-hidden="true" {}
                    p.unseen.spoken role="status" {}
                }
            }
        }
    }
}

fn conversations() -> Markup {
    html! {
        section.view.list aria-label="Conversations" {
            header.top {
                button.settings type="button" aria-label="This phone's settings" {}
                h3 { "Messages" }
                button.write type="button" aria-label="New message" { (icon("write")) }
            }
            ul.chats aria-label="Conversations" {}
            p.empty hidden {
                "No messages yet. Send this phone a text, or start a conversation with "
                (icon("write"))
            }
        }
    }
}

fn conversation() -> Markup {
    html! {
        section.view.thread aria-label="Conversation" hidden {
            header.top {
                a.back href="#" { (icon("back")) span.count {} span.unseen { "Back to the conversations" } }
                button.who type="button" { span.face {} bdi.name dir="auto" {} }
            }
            div.wall {
                img.backdrop alt="" hidden;
                ol.log tabindex="0" aria-label="Messages" {}
                p.typing hidden { span.unseen { "Typing" } i {} i {} i {} }
            }
            (compose())
        }
    }
}

fn compose() -> Markup {
    html! {
        form.compose aria-label="Write" {
            p.problem role="alert" {}
            p.quoting hidden {
                span { span.unseen { "Replying to " } bdi.quoted dir="auto" {} }
                button type="button" aria-label="Do not reply to this message" { (icon("close")) }
            }
            label.attach title="Attach a picture" {
                (icon("plus"))
                input.unseen type="file" multiple aria-label="Attach a picture" accept=(ATTACHED);
            }
            div.field {
                ul.picked aria-label="Attachments" hidden {}
                textarea rows="1" dir="auto" aria-label="Message" {}
                button.send aria-label="Send" { (icon("send")) }
            }
        }
    }
}

/// Whom a phone can write to: the account's own numbers.
pub fn lines(numbers: &[Number], names: &HashMap<AgentId, String>) -> Markup {
    let name = |number: &Number| names.get(number.agent_id.as_ref()?);
    html! {
        select #lines hidden {
            @for number in numbers {
                option value=(number.e164) data-kind=(kind(number.kind)) data-name=[name(number)] {
                    @if let Some(name) = name(number) { (name) " · " }
                    (number.e164) " · " (kind(number.kind))
                }
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
