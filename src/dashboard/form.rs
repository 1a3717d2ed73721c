//! Forms: what a browser sends, and fields that show again what was typed, with what is wrong about it.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use maud::{Markup, html};
use sha2::{Digest, Sha256};

use super::trouble::Trouble;
use crate::error::{Error, Place, Problem};
use crate::http::extract::{BODY_BYTES, read};

/// The hidden field in which a form says what its page showed.
pub const SHOWN: &str = "shown";

/// The fields of a form as they were sent, in order.
#[derive(Clone, Default, Debug)]
pub struct Fields(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Trouble;

    async fn from_request(request: Request, _: &S) -> Result<Self, Trouble> {
        let is_form = is_form(request.headers());
        let body = read(request.into_body(), BODY_BYTES).await?;
        if !is_form && !body.is_empty() {
            let message = "Send the fields as a form: Content-Type: application/x-www-form-urlencoded";
            return Err(Error::at(Place::Header, "Content-Type", "content_type", message).into());
        }
        Ok(Self::parse(&body))
    }
}

/// Whether what comes with these headers is a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

impl Fields {
    pub fn parse(body: &[u8]) -> Self {
        // No PostgreSQL text can hold U+0000; browsers send line ends as CRLF.
        let clean = |text: &str| text.replace('\0', "\u{fffd}").replace("\r\n", "\n");
        Self(url::form_urlencoded::parse(body).map(|(name, value)| (clean(&name), clean(&value))).collect())
    }

    /// One field that came in the address of a page.
    pub fn of(name: &str, value: &str) -> Self {
        Self(vec![(name.to_owned(), value.to_owned())])
    }

    /// The field's value; nothing, if it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// The field's value without the spaces around it, if anything is left.
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|text| !text.is_empty())
    }

    /// Every field with its value.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A hash of everything that was sent.
    pub fn digest(&self) -> String {
        let all = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish();
        hex::encode(Sha256::digest(all))
    }

    /// Every value of a field that may be sent several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A form that was refused: its name on the page, what was typed, and why.
pub struct Refused {
    pub form: &'static str,
    pub fields: Fields,
    pub error: Error,
}

impl Refused {
    /// A form whose page can say why it was refused; a fault of ours cannot be mended there.
    pub fn by(form: &'static str, fields: Fields, error: Error) -> Result<Self, Error> {
        if matches!(error, Error::Internal(_)) { Err(error) } else { Ok(Self { form, fields, error }) }
    }
}

/// One form of a page, in whose fields stands what is stored, or what was typed when it was refused.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    name: &'static str,
    refused: Option<&'a Refused>,
}

/// A field of one line.
#[derive(Clone, Copy, Default)]
pub struct Line<'a> {
    pub label: &'a str,
    pub name: &'a str,
    pub value: &'a str,
    pub hint: &'a str,
    /// `text` unless it says otherwise.
    pub kind: &'a str,
    pub placeholder: &'a str,
    pub required: bool,
    pub longest: Option<usize>,
    /// What a browser may fill in.
    pub autocomplete: &'a str,
}

impl<'a> Form<'a> {
    pub fn new(name: &'static str, refused: Option<&'a Refused>) -> Self {
        Self { name, refused: refused.filter(|refused| refused.form == name) }
    }

    /// Why the whole was refused, on top of the form; what concerns one field stands beside it.
    pub fn alert(&self) -> Markup {
        html! {
            @if let Some(refused) = self.refused {
                p.alert.bad role="alert" dir="auto" { (refused.error) }
            }
        }
    }

    /// What was typed into a field of a refused form; of any other, what is stored.
    pub fn value(&self, name: &str, stored: &str) -> String {
        self.refused.map_or(stored, |refused| refused.fields.get(name)).to_owned()
    }

    fn problem(&self, name: &str) -> Option<&Problem> {
        let Error::Invalid(problems) = &self.refused?.error else { return None };
        problems.iter().find(|problem| problem.field == name)
    }

    /// Whether a problem of this kind is why it was refused.
    pub fn is_refused_for(&self, kind: &str) -> bool {
        matches!(self.refused, Some(Refused { error: Error::Invalid(problems), .. })
            if problems.iter().any(|problem| problem.kind == kind))
    }

    fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// Label, field, and below it what helps and what is wrong.
    fn row(&self, (label, name, hint): (&str, &str, &str), control: &Markup) -> Markup {
        let id = self.id(name);
        html! {
            div.field {
                label for=(id) { (label) }
                (control)
                @if !hint.is_empty() { p.hint id={ (id) "-hint" } { (hint) } }
                @if let Some(problem) = self.problem(name) {
                    p.problem id={ (id) "-problem" } { (problem.message) }
                }
            }
        }
    }

    fn described(&self, name: &str, hint: &str) -> Option<String> {
        let id = self.id(name);
        let hint = (!hint.is_empty()).then(|| format!("{id}-hint"));
        let problem = self.problem(name).map(|_| format!("{id}-problem"));
        let both: Vec<_> = hint.into_iter().chain(problem).collect();
        (!both.is_empty()).then(|| both.join(" "))
    }

    fn invalid(&self, name: &str) -> Option<&'static str> {
        self.problem(name).map(|_| "true")
    }

    pub fn line(&self, line: Line<'_>) -> Markup {
        let is_secret = line.kind == "password";
        let value = if is_secret { String::new() } else { self.value(line.name, line.value) };
        let kind = if line.kind.is_empty() { "text" } else { line.kind };
        let autocomplete = if line.autocomplete.is_empty() { "off" } else { line.autocomplete };
        let control = html! {
            input id=(self.id(line.name)) name=(line.name) type=(kind) value=[(!is_secret).then_some(value)]
                required[line.required] maxlength=[line.longest] autocomplete=(autocomplete) spellcheck="false"
                placeholder=[(!line.placeholder.is_empty()).then_some(line.placeholder)]
                dir=[matches!(kind, "text" | "search").then_some("auto")] aria-invalid=[self.invalid(line.name)]
                aria-describedby=[self.described(line.name, line.hint)];
        };
        self.row((line.label, line.name, line.hint), &control)
    }

    pub fn area(&self, line: Line<'_>, rows: usize) -> Markup {
        let is_code = line.kind == "code";
        let control = html! {
            textarea.code[is_code] id=(self.id(line.name)) name=(line.name) rows=(rows) required[line.required]
                maxlength=[line.longest] spellcheck=(if is_code { "false" } else { "true" }) dir="auto"
                placeholder=[(!line.placeholder.is_empty()).then_some(line.placeholder)]
                aria-invalid=[self.invalid(line.name)]
                aria-describedby=[self.described(line.name, line.hint)] {
                // A browser drops the first line end.
                "\n" (self.value(line.name, line.value))
            }
        };
        self.row((line.label, line.name, line.hint), &control)
    }

    /// One of several; each with what is sent and what is read.
    pub fn choice(&self, line: Line<'_>, options: &[(String, String)]) -> Markup {
        let value = self.value(line.name, line.value);
        let control = html! {
            select id=(self.id(line.name)) name=(line.name) aria-invalid=[self.invalid(line.name)]
                aria-describedby=[self.described(line.name, line.hint)] {
                @for (sent, read) in options {
                    option value=(sent) selected[*sent == value] { (read) }
                }
            }
        };
        self.row((line.label, line.name, line.hint), &control)
    }

    pub fn check(&self, label: &str, name: &str, value: &str, is_set: bool) -> Markup {
        let is_set =
            self.refused.map_or(is_set, |refused| refused.fields.all(name).any(|sent| sent == value));
        html! {
            label.check {
                input type="checkbox" name=(name) value=(value) checked[is_set];
                span { (label) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_send_them() {
        let fields = Fields::parse(b"a=1&text=one%0D%0Atwo+three&a=2&empty=&null=%00");
        assert_eq!((fields.get("a"), fields.get("text"), fields.get("none")), ("1", "one\ntwo three", ""));
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((fields.filled("empty"), fields.get("null")), (None, "\u{fffd}"));
    }

    #[test]
    fn a_refused_form_shows_what_was_typed_and_why() {
        let refused = Refused {
            form: "agent",
            fields: Fields::parse(b"name=%3Cb%3E&on=yes"),
            error: Error::field("name", "value", "name is wrong"),
        };
        let form = Form::new("agent", Some(&refused));
        let line = form.line(Line { label: "Name", name: "name", value: "stored", ..Line::default() });
        let shown = line.into_string();
        assert!(shown.contains("value=\"&lt;b&gt;\"") && shown.contains("name is wrong"), "{shown}");
        assert!(
            shown.contains("aria-invalid=\"true\"")
                && shown.contains("aria-describedby=\"agent-name-problem\"")
        );
        assert!(form.check("On", "on", "yes", false).into_string().contains("checked"));
        let other = Form::new("other", Some(&refused));
        let line = other.line(Line { label: "Name", name: "name", value: "stored", ..Line::default() });
        assert!(line.into_string().contains("value=\"stored\""));
    }
}
