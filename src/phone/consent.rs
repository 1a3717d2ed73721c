//! Consent keywords (contract 14.1): told by the whole text, whatever its case, spaces around it and punctuation
//! at its end. What they change (opted out, opted in) comes with the account stage.

/// `stop`, `help` or `start`, if `text` is nothing but one of the words.
pub fn keyword(text: &str) -> Option<String> {
    const LONGEST: usize = 40;
    if text.len() > LONGEST {
        return None;
    }
    let word = text.trim().trim_end_matches(|character: char| character.is_ascii_punctuation()).trim_end();
    let group = match word.to_uppercase().as_str() {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "REVOKE" | "OPTOUT" | "OPT OUT" => {
            "stop"
        }
        "HELP" | "INFO" => "help",
        "START" | "UNSTOP" => "start",
        _ => return None,
    };
    Some(group.to_owned())
}

#[cfg(test)]
mod tests {
    use super::keyword;

    #[test]
    fn whole_texts_only() {
        assert_eq!(keyword(" Stop! ").as_deref(), Some("stop"));
        assert_eq!(keyword("opt out").as_deref(), Some("stop"));
        assert_eq!(keyword("INFO.").as_deref(), Some("help"));
        assert_eq!(keyword("unstop").as_deref(), Some("start"));
        assert_eq!(keyword("stop please"), None);
        assert_eq!(keyword("yes"), None, "only while opted out");
    }
}
