//! The files that pages load, compiled in.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, content type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("assets/style.css")),
    ("page.js", SCRIPT, include_str!("assets/page.js")),
    ("sim.js", SCRIPT, include_str!("assets/sim.js")),
    ("phones.js", SCRIPT, include_str!("assets/phones.js")),
    ("handset.js", SCRIPT, include_str!("assets/handset.js")),
    ("compose.js", SCRIPT, include_str!("assets/compose.js")),
    ("bubble.js", SCRIPT, include_str!("assets/bubble.js")),
];

pub async fn serve(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => ([(header::CONTENT_TYPE, *kind)], *content).into_response(),
        None => (StatusCode::NOT_FOUND, "There is no such file").into_response(),
    }
}
