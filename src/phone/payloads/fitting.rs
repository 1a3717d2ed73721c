//! Every body stays below what common receivers accept (contract 10.2). What a receiver can look up goes first, and of
//! what came just now neither its text nor the customer's own metadata is ever touched: both have limits of their own.

use serde_json::Value;

/// Below 100 kB, with some room for what is added to a body later.
const MOST: usize = 99_000;

/// Says that a text goes on.
const MORE: &str = "…";

/// What is given up, in this order: the oldest of the history, and then what is quoted.
const SPARE: [(&str, Side); 6] = [
    ("/recentHistory", Side::Front),
    ("/data/replyTo/message", Side::Back),
    ("/data/replyTo/mediaUrls", Side::Back),
    ("/data/messageBody", Side::Back),
    ("/data/messageMediaUrls", Side::Back),
    ("/data/group/participants", Side::Back),
];

/// Where something is made shorter.
#[derive(Clone, Copy)]
enum Side {
    Front,
    Back,
}

/// The bytes of `payload`, with less in it if they would be too many.
pub fn fitting(mut payload: Value) -> String {
    let mut text = crate::json::stringify(&payload);
    for (place, side) in SPARE {
        let over = text.len().saturating_sub(MOST);
        if over == 0 {
            break;
        }
        match payload.pointer_mut(place) {
            Some(Value::Array(items)) => drop_some(items, over, side),
            Some(Value::String(long)) => cut(long, over),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => continue,
        }
        text = crate::json::stringify(&payload);
    }
    text
}

/// Drops so many items that `over` bytes are freed, or all of them.
fn drop_some(items: &mut Vec<Value>, over: usize, side: Side) {
    let mut freed = 0;
    let mut is_spared = |item: &Value| {
        let enough = freed >= over;
        freed += crate::json::stringify(item).len();
        enough
    };
    match side {
        Side::Front => {
            let dropped = items.iter().take_while(|item| !is_spared(item)).count();
            items.drain(..dropped);
        }
        Side::Back => {
            let dropped = items.iter().rev().take_while(|item| !is_spared(item)).count();
            items.truncate(items.len() - dropped);
        }
    }
}

/// Cuts so much from the end that `over` bytes are freed, or all of it; [`MORE`] stands where something is missing.
fn cut(text: &mut String, over: usize) {
    let length: usize = text.chars().map(length_of).sum();
    if length <= MORE.len() {
        return;
    }
    let (room, mut used) = (length.saturating_sub(over + MORE.len()), 0);
    let first_gone = text.char_indices().find(|(_, letter)| {
        used += length_of(*letter);
        used > room
    });
    text.truncate(first_gone.map_or(text.len(), |(end, _)| end));
    text.push_str(MORE);
}

/// How many bytes a letter has inside a string of JSON.
const fn length_of(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fitted(payload: Value) -> Value {
        let text = fitting(payload);
        assert!(text.len() <= MOST, "{} bytes", text.len());
        serde_json::from_str(&text).unwrap()
    }

    /// As large as metadata may be.
    fn metadata() -> Value {
        json!({"note": "x".repeat(32 * 1024 - 11)})
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let payload = json!({"data": {"replyTo": {"message": "Nine?"}}, "recentHistory": ["Ten"]});
        assert_eq!(fitted(payload.clone()), payload);
    }

    #[test]
    fn the_oldest_history_goes_first_and_no_more_than_must() {
        let items: Vec<String> = ('a'..='k').map(|letter| letter.to_string().repeat(9_000)).collect();
        let payload = json!({"data": {"replyTo": {"message": "Nine?"}}, "recentHistory": items.clone()});
        let told = fitted(payload);
        assert_eq!(told["recentHistory"], json!(items[1..]));
        assert_eq!(told["data"]["replyTo"]["message"], "Nine?");
    }

    #[test]
    fn then_what_is_quoted_is_cut_and_says_so() {
        let (text, quoted) = ("🚲".repeat(10_000), "🔔".repeat(10_000));
        let reply =
            json!({"messageId": "msg_1", "message": quoted, "mediaUrls": ["https://example.com/a.png"]});
        let payload = json!({
            "data": {"message": text, "replyTo": reply}, "conversationState": metadata(),
            "recentHistory": [{"content": text}],
        });
        let told = fitted(payload);
        let left = told["data"]["replyTo"]["message"].as_str().unwrap();
        assert!(left.ends_with("🔔…") && left.chars().count() > 6_000, "{} letters", left.chars().count());
        assert_eq!(told["data"]["replyTo"]["mediaUrls"], reply["mediaUrls"]);
        assert_eq!((&told["data"]["message"], &told["conversationState"]), (&json!(text), &metadata()));
        assert_eq!(told["recentHistory"], json!([]));
    }

    #[test]
    fn the_longest_of_everything_fits() {
        let (text, urls) = ("\u{1}".repeat(10_000), vec!["x".repeat(2_083); 20]);
        let people: Vec<_> =
            (0..500).map(|_| json!({"identifier": "+14155550142", "name": "\n".repeat(50)})).collect();
        let reply = json!({"messageId": "msg_1", "message": text, "mediaUrls": urls});
        let message = json!({
            "data": {"message": text, "replyTo": reply, "group": {"participants": people}},
            "conversationState": metadata(), "recentHistory": [{"content": text}],
        });
        let told = fitted(message);
        assert_eq!(
            (&told["data"]["message"], &told["data"]["replyTo"]["message"]),
            (&json!(text), &json!(MORE))
        );
        let reaction = json!({
            "data": {"messageBody": text, "messageMediaUrls": urls}, "conversationState": metadata(),
            "recentHistory": [],
        });
        let told = fitted(reaction);
        assert!(told["data"]["messageBody"].as_str().unwrap().ends_with("\u{1}…"));
        assert_eq!(told["data"]["messageMediaUrls"].as_array().unwrap().len(), 20);
    }
}
