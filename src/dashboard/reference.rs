//! The API reference: the `OpenAPI` document of this very server, one page a tag, with code to copy. Rendered once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::extract::{Path, State};
use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use super::layout::{Section, page};
use super::parts;
use super::schema::{Property, Schemas};
use super::session::SignedIn;
use super::snippets;
use super::trouble::Answer;
use crate::app::App;
use crate::error::{Code, Error};
use crate::http;

/// The reference, from its first reader on.
#[derive(Clone, Default)]
pub struct Document(Arc<OnceLock<BTreeMap<String, Tag>>>);

/// The operations of one tag.
struct Tag {
    /// Method, path, summary.
    operations: Vec<(String, String, String)>,
    page: String,
}

impl Document {
    fn tags(&self, app: &App) -> &BTreeMap<String, Tag> {
        self.0.get_or_init(|| {
            let document = serde_json::from_str(&http::openapi()).unwrap_or_default();
            tags(&document, &app.origin())
        })
    }
}

fn tags(document: &Value, origin: &str) -> BTreeMap<String, Tag> {
    let mut tags = BTreeMap::<String, Tag>::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        methods.as_object().into_iter().flatten().map(move |(method, operation)| (path, method, operation))
    });
    for (path, method, operation) in operations {
        let name = operation["tags"][0].as_str().unwrap_or("other").to_owned();
        let tag = tags.entry(name).or_insert_with(|| Tag { operations: Vec::new(), page: String::new() });
        let (method, summary) = (method.to_uppercase(), text(&operation["summary"]).to_owned());
        tag.page.push_str(&shown(Schemas(document), origin, (&method, path, operation)).into_string());
        tag.operations.push((method, path.clone(), summary));
    }
    tags
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The part of an address that leads to an operation.
fn anchor(method: &str, path: &str) -> String {
    let words: String = path.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    format!("{}{words}", method.to_lowercase())
}

fn shown(schemas: Schemas<'_>, origin: &str, (method, path, operation): (&str, &str, &Value)) -> Markup {
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let example = (!body.is_null()).then(|| schemas.example(body));
    let url = format!("{origin}{path}{}", query(operation));
    let code = snippets::request(method, &url, "YOUR_API_KEY", example.as_ref());
    let parameters = parameters(schemas, operation);
    let good = operation["responses"]
        .as_object()
        .and_then(|all| all.iter().find(|(status, _)| status.starts_with('2')));
    let answer = good.map(|(_, response)| &response["content"]["application/json"]["schema"]);
    let anchor = anchor(method, path);
    html! {
        section.panel.operation id=(anchor) {
            h2 { (text(&operation["summary"])) }
            p.request { code.method { (method) } " " code { (path) } " " (parts::copy("the path", path)) }
            @if !operation["description"].is_null() { p { (prose(text(&operation["description"]))) } }
            (snippets::tabs(&anchor, &code))
            @if !parameters.is_empty() { h3 { "Parameters" } (properties("Parameters", &parameters)) }
            @if !body.is_null() { h3 { "Body" } (properties("Body", &schemas.properties(body))) }
            @if let Some(answer) = answer.filter(|answer| !answer.is_null()) {
                @let fields = schemas.properties(answer);
                @if !fields.is_empty() {
                    details.more { summary { "Answer" } (properties("Answer", &fields)) }
                }
            }
            (refusals(operation))
        }
    }
}

/// What has to stand behind the path.
fn query(operation: &Value) -> String {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let required = all.filter(|it| it["in"] == "query" && it["required"] == true);
    let example = |name: &str| if name.ends_with("number") { "%2B14155550142" } else { "hello" };
    let pairs = required.map(|it| text(&it["name"])).map(|name| format!("{name}={}", example(name)));
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn parameters(schemas: Schemas<'_>, operation: &Value) -> Vec<Property> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.map(|parameter| Property {
        name: text(&parameter["name"]).to_owned(),
        kind: format!("{}, in the {}", schemas.kind(&parameter["schema"]), text(&parameter["in"])),
        required: parameter["required"].as_bool().unwrap_or(false),
        about: text(&parameter["description"]).to_owned(),
    })
    .collect()
}

fn properties(label: &str, properties: &[Property]) -> Markup {
    parts::table(
        label,
        &html! {
            thead { tr { th { "Name" } th.wide { "Type" } th { "What it is" } } }
            tbody {
                @for property in properties {
                    tr {
                        th scope="row" { code { (property.name) } @if property.required { " " span.required { "required" } }
                            div.narrow.hint { (property.kind) } }
                        td.wide { (property.kind) }
                        td { (prose(&property.about)) }
                    }
                }
            }
        },
    )
}

/// A sentence in which code stands between backticks.
fn prose(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

fn refusals(operation: &Value) -> Markup {
    let all = operation["responses"].as_object().into_iter().flatten();
    html! {
        details.more {
            summary { "Errors" }
            dl.facts {
                @for (status, response) in all.filter(|(status, _)| !status.starts_with('2')) {
                    div { dt { (status) } dd { (text(&response["description"])) } }
                }
            }
        }
    }
}

pub async fn index(
    State(app): State<App>,
    SignedIn(_): SignedIn,
    Extension(document): Extension<Document>,
) -> Answer {
    let content = html! {
        h1 { "API reference" }
        p.lead { "Every operation of this server. The whole as a file: " a href="/openapi.json" { "openapi.json" } "." }
        p { "Base URL " (parts::id("the base URL", &app.origin())) }
        @for (name, tag) in document.tags(&app) {
            section.panel {
                h2.capital { a href={ "/reference/" (name) } { (name) } }
                ul.rows {
                    @for (method, path, summary) in &tag.operations {
                        li { a.operation href={ "/reference/" (name) "#" (anchor(method, path)) } {
                            code.method { (method) } code { (path) } span.soft { (summary) }
                        } }
                    }
                }
            }
        }
    };
    Ok(page(Section::Reference, "API reference", &content))
}

pub async fn show(
    State(app): State<App>,
    SignedIn(_): SignedIn,
    Extension(document): Extension<Document>,
    Path(name): Path<String>,
) -> Answer {
    let missing = || Error::missing(Code::NotFound, "part of the reference", &name);
    let tag = document.tags(&app).get(&name).ok_or_else(missing)?;
    let content = html! {
        p.crumbs { a href="/reference" { "API reference" } }
        h1.capital { (name) }
        // Rendered by `shown`, which escapes.
        (PreEscaped(&tag.page))
    };
    Ok(page(Section::Reference, &name, &content))
}
