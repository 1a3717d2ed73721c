//! Bars over time, drawn here as SVG: what was sent, and on top of it what came. Who cannot see them reads the table
//! that stands beneath.

use maud::{Markup, html};

/// One bar: what is written below it and said about it, and its two parts.
pub struct Bar {
    pub label: String,
    pub about: String,
    pub sent: i64,
    pub received: i64,
}

const HEIGHT: i64 = 100;
/// The width that each bar has to itself, and how much of it is drawn.
const STEP: i64 = 10;
const DRAWN: i64 = 8;

/// The bars under `label`. The drawing stretches to its place, so all writing stands beside it.
pub fn bars(label: &str, bars: &[Bar]) -> Markup {
    let highest = bars.iter().map(|bar| bar.sent + bar.received).max().unwrap_or(0);
    let width = i64::try_from(bars.len()).unwrap_or(1).max(1) * STEP;
    html! {
        figure.chart {
            figcaption {
                (label)
                span.key.sent { "sent" } span.key.received { "received" }
            }
            div.plot {
                span.most { (super::parts::grouped(highest)) }
                svg viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                    aria-label={ (label) "; the table below has the figures" } {
                    @for (place, bar) in (0..).zip(bars) { (column(place, bar, highest.max(1))) }
                }
            }
            div.axis aria-hidden="true" {
                @for bar in ends(bars) { span { (bar.label) } }
            }
        }
    }
}

fn column(place: i64, bar: &Bar, highest: i64) -> Markup {
    let (sent, all) = (scaled(bar.sent, highest), scaled(bar.sent + bar.received, highest));
    let left = place * STEP + (STEP - DRAWN) / 2;
    html! {
        g {
            title { (bar.about) }
            rect.ground x=(place * STEP) y="0" width=(STEP) height=(HEIGHT) {}
            rect.sent x=(left) y=(HEIGHT - sent) width=(DRAWN) height=(sent) {}
            rect.received x=(left) y=(HEIGHT - all) width=(DRAWN) height=(all - sent) {}
        }
    }
}

/// How high it is drawn; what there is can be seen, however little.
fn scaled(value: i64, highest: i64) -> i64 {
    if value == 0 { 0 } else { (value * HEIGHT / highest).max(1) }
}

/// The first bar, one in the middle, the last.
fn ends(bars: &[Bar]) -> Vec<&Bar> {
    match bars {
        [] => Vec::new(),
        [one] => vec![one],
        [first, .., last] => vec![first, &bars[bars.len() / 2], last],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_fills_the_place_and_little_is_seen() {
        assert_eq!((scaled(0, 9), scaled(9, 9), scaled(1, 100_000)), (0, HEIGHT, 1));
        let bar = |sent, received| Bar { label: "<b>".to_owned(), about: "<i>".to_owned(), sent, received };
        let drawn = bars("Traffic", &[bar(1, 3), bar(0, 0)]).into_string();
        assert!(drawn.contains("<title>&lt;i&gt;</title>") && !drawn.contains("style="), "{drawn}");
        assert!(drawn.contains("y=\"75\" width=\"8\" height=\"25\""), "{drawn}");
        assert!(drawn.contains("y=\"0\" width=\"8\" height=\"75\""), "{drawn}");
    }
}
