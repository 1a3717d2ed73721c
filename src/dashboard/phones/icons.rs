//! The drawings on the phones: one hidden sheet of symbols that everything refers to. Drawn here, so that they look
//! the same where no emoji font is installed.

use maud::{Markup, html};

/// Name and outline on a field of 24 by 24. What is filled stands in [`FILLED`].
const STROKED: &[(&str, &str)] = &[
    ("plus", "M12 5v14M5 12h14"),
    ("close", "M6 6l12 12M18 6L6 18"),
    ("back", "M15 4l-8 8 8 8"),
    ("next", "M9 4l8 8-8 8"),
    ("send", "M12 20V5M5.5 11.5L12 5l6.5 6.5"),
    ("reply", "M10 6L4 12l6 6M4.5 12H14c4 0 6 2.5 6 6"),
    ("copy", "M9 9h10v11H9zM15 9V4H5v11h4"),
    ("again", "M19 12a7 7 0 1 1-2.2-5.1M19 3.5V8h-4.5"),
    ("write", "M12 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-6M18.5 3.5l2 2L12 14l-3 1 1-3z"),
    ("smile", "M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0M8.5 14.5c1.6 2.4 5.4 2.4 7 0M9 9.4v.2M15 9.4v.2"),
    ("picture", "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9v.1"),
    ("file", "M7 3h7l4 4v14H7zM14 3v4h4"),
];

const FILLED: &[(&str, &str)] = &[
    (
        "love",
        "M12 20.5C5.5 15.8 2.8 12.4 2.8 8.8 2.8 6 5 3.9 7.6 3.9c1.8 0 3.4 1 4.4 2.6 1-1.6 2.6-2.6 4.4-2.6 2.6 0 4.8 2.1 4.8 4.9 0 3.6-2.7 7-9.2 11.7z",
    ),
    (
        "like",
        "M3 10.5h4V21H3zM8.5 10.8L12 3c1.8 0 2.7 1.3 2.5 3l-.6 3.5h5.1c1.6 0 2.6 1.4 2.2 2.9l-1.9 6.4c-.4 1.3-1.5 2.2-2.9 2.2H8.5z",
    ),
    (
        "dislike",
        "M21 13.5h-4V3h4zM15.5 13.2L12 21c-1.8 0-2.7-1.3-2.5-3l.600-3.5H5c-1.6 0-2.6-1.4-2.2-2.9l1.9-6.4C5.1 3.9 6.2 3 7.6 3h7.9z",
    ),
    (
        "emphasize",
        "M6.5 3h4l-.8 11.5H7.3zM6.3 18.8a2.2 2.2 0 1 1 4.4 0 2.2 2.2 0 0 1-4.4 0zM13.8 3h4L17 14.5h-2.4zM13.6 18.8a2.2 2.2 0 1 1 4.4 0 2.2 2.2 0 0 1-4.4 0z",
    ),
    (
        "question",
        "M6.5 8.4C6.5 5 8.9 3 12.2 3c3.2 0 5.5 1.9 5.5 4.8 0 2.3-1.3 3.5-2.7 4.5-1.1.8-1.5 1.3-1.5 2.5h-3.3c0-2.5.9-3.5 2.3-4.6 1-.8 1.5-1.3 1.5-2.2 0-1-.7-1.7-1.8-1.7-1.3 0-2.1.8-2.2 2.1zM9.6 18.9a2.2 2.2 0 1 1 4.4 0 2.2 2.2 0 0 1-4.4 0z",
    ),
    ("person", "M12 12a4.2 4.2 0 1 0 0-8.4A4.2 4.2 0 0 0 12 12zM3.8 21c0-4.2 3.7-7 8.2-7s8.2 2.8 8.2 7z"),
    (
        "people",
        "M8.5 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2 19.5c0-3.5 3-5.7 6.5-5.7s6.5 2.2 6.5 5.7zM16 11.5a3 3 0 1 0-1.3-5.7 5 5 0 0 1-.6 5c.6.4 1.2.7 1.9.7zM16.6 19.5H22c0-3-2.4-5-5.4-5-.5 0-1 .1-1.4.2 1 1.2 1.5 2.8 1.4 4.8z",
    ),
    ("bars", "M3 15h3v4H3zM8 12h3v7H8zM13 9h3v10h-3zM18 6h3v13h-3z"),
    (
        "battery",
        "M3 8.5A2.5 2.5 0 0 1 5.5 6h12A2.5 2.5 0 0 1 20 8.5v7a2.5 2.5 0 0 1-2.5 2.5h-12A2.5 2.5 0 0 1 3 15.5zM21 10c1.3.3 1.3 3.7 0 4z",
    ),
];

/// An icon that says nothing to those who cannot see it.
pub fn icon(name: &str) -> Markup {
    html! { svg.icon aria-hidden="true" { use href={ "#icon-" (name) } {} } }
}

/// Every symbol, to be referred to.
pub fn sheet() -> Markup {
    html! {
        svg.icons aria-hidden="true" width="0" height="0" {
            @for (name, path) in STROKED {
                symbol id={ "icon-" (name) } viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"
                    stroke-linecap="round" stroke-linejoin="round" { path d=(path) {} }
            }
            @for (name, path) in FILLED {
                symbol id={ "icon-" (name) } viewBox="0 0 24 24" fill="currentColor" { path d=(path) {} }
            }
            symbol id="icon-laugh" viewBox="0 0 24 24" fill="currentColor" {
                text x="12" y="11" text-anchor="middle" font-size="10" font-weight="800" { "HA" }
                text x="12" y="20.5" text-anchor="middle" font-size="10" font-weight="800" { "HA" }
            }
        }
    }
}
