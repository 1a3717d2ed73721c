//! The files that pages load, compiled in.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, content type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("style.css", STYLE, include_str!("assets/style.css")),
    ("page.js", SCRIPT, include_str!("assets/page.js")),
    ("voice.js", SCRIPT, include_str!("assets/voice.js")),
    ("handset/desk.css", STYLE, include_str!("assets/handset/desk.css")),
    ("handset/phone.css", STYLE, include_str!("assets/handset/phone.css")),
    ("handset/bubble.css", STYLE, include_str!("assets/handset/bubble.css")),
    ("handset/desk.js", SCRIPT, include_str!("assets/handset/desk.js")),
    ("handset/shelf.js", SCRIPT, include_str!("assets/handset/shelf.js")),
    ("handset/sim.js", SCRIPT, include_str!("assets/handset/sim.js")),
    ("handset/words.js", SCRIPT, include_str!("assets/handset/words.js")),
    ("handset/phone.js", SCRIPT, include_str!("assets/handset/phone.js")),
    ("handset/list.js", SCRIPT, include_str!("assets/handset/list.js")),
    ("handset/thread.js", SCRIPT, include_str!("assets/handset/thread.js")),
    ("handset/turns.js", SCRIPT, include_str!("assets/handset/turns.js")),
    ("handset/bubble.js", SCRIPT, include_str!("assets/handset/bubble.js")),
    ("handset/media.js", SCRIPT, include_str!("assets/handset/media.js")),
    ("handset/tapbacks.js", SCRIPT, include_str!("assets/handset/tapbacks.js")),
    ("handset/menu.js", SCRIPT, include_str!("assets/handset/menu.js")),
    ("handset/touch.js", SCRIPT, include_str!("assets/handset/touch.js")),
    ("handset/modal.js", SCRIPT, include_str!("assets/handset/modal.js")),
    ("handset/sheets.js", SCRIPT, include_str!("assets/handset/sheets.js")),
    ("handset/compose.js", SCRIPT, include_str!("assets/handset/compose.js")),
    ("handset/effects.js", SCRIPT, include_str!("assets/handset/effects.js")),
    ("handset/particles.js", SCRIPT, include_str!("assets/handset/particles.js")),
    ("handset/ink.js", SCRIPT, include_str!("assets/handset/ink.js")),
];

pub async fn serve(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => ([(header::CONTENT_TYPE, *kind)], *content).into_response(),
        None => (StatusCode::NOT_FOUND, "There is no such file").into_response(),
    }
}
