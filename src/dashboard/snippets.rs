//! Code to copy: the same request for curl, Python and TypeScript.

use maud::{Markup, html};
use serde_json::Value;

use super::parts;

/// One request in three languages.
pub struct Snippets {
    pub curl: String,
    pub python: String,
    pub typescript: String,
}

/// The three with one of them open; `name` is unique on the page.
pub fn tabs(name: &str, code: &Snippets) -> Markup {
    let all = [("curl", &code.curl), ("Python", &code.python), ("TypeScript", &code.typescript)];
    html! {
        div.tabs role="group" aria-label="Code" {
            @for (index, (language, _)) in all.iter().enumerate() {
                @let id = format!("{name}-{}", language.to_lowercase());
                input.unseen type="radio" name=(name) id=(id) checked[index == 0];
                label for=(id) { (language) }
            }
            @for (language, text) in all {
                div.tab { (parts::raw(language, text)) }
            }
        }
    }
}

/// Sending a first text, with the official clients.
pub fn send_text(origin: &str, key: &str, from: &str, to: &str) -> Snippets {
    let body = "Hello from my agent";
    Snippets {
        curl: format!(
            "curl {origin}/v1/messages \\\n  -H 'Authorization: Bearer {key}' \\\n  -H 'Content-Type: application/json' \\\n  \
             -d '{{\"from_number\":\"{from}\",\"to_number\":\"{to}\",\"body\":\"{body}\"}}'"
        ),
        python: format!(
            "# pip install agentphone\nfrom agentphone import AgentPhone\n\nphone = AgentPhone(api_key=\"{key}\", \
             base_url=\"{origin}\")\nphone.messages.send(from_number=\"{from}\", to_number=\"{to}\", body=\"{body}\")"
        ),
        typescript: format!(
            "// npm install agentphone\nimport {{ AgentPhoneClient }} from \"agentphone\";\n\nconst phone = new \
             AgentPhoneClient({{ token: \"{key}\", baseUrl: \"{origin}\" }});\nawait phone.messages.sendMessage({{\n  \
             from_number: \"{from}\",\n  to_number: \"{to}\",\n  body: \"{body}\",\n}});"
        ),
    }
}

/// What a new key can be tried with.
pub fn list_numbers(origin: &str, key: &str) -> Snippets {
    request("GET", &format!("{origin}/v1/numbers"), key, None)
}

/// Any request, without any client.
pub fn request(method: &str, url: &str, key: &str, body: Option<&Value>) -> Snippets {
    let pretty = body.map(|body| format!("{body:#}"));
    let mut curl = format!("curl -X {method} '{url}' \\\n  -H 'Authorization: Bearer {key}'");
    let mut python = format!(
        "import httpx\n\nanswer = httpx.request(\n    \"{method}\",\n    \"{url}\",\n    headers={{\"Authorization\": \"Bearer {key}\"}},\n"
    );
    let mut typescript = format!(
        "const answer = await fetch(\"{url}\", {{\n  method: \"{method}\",\n  headers: {{\n    Authorization: \"Bearer {key}\","
    );
    if let Some(body) = &pretty {
        let quoted = body.replace('\'', r"'\''");
        curl.push_str(" \\\n  -H 'Content-Type: application/json' \\\n  -d '");
        curl.push_str(&quoted);
        curl.push('\'');
        python.push_str("    json=");
        python.push_str(&as_python(body).replace('\n', "\n    "));
        python.push_str(",\n");
        typescript.push_str("\n    \"Content-Type\": \"application/json\",");
    }
    python.push_str(")\nprint(answer.json())");
    typescript.push_str("\n  },");
    if let Some(body) = &pretty {
        typescript.push_str("\n  body: JSON.stringify(");
        typescript.push_str(&body.replace('\n', "\n  "));
        typescript.push_str("),");
    }
    typescript.push_str("\n});\nconsole.log(await answer.json());");
    Snippets { curl, python, typescript }
}

/// JSON as Python writes it; our examples hold no texts that look like its words.
fn as_python(json: &str) -> String {
    json.replace(": true", ": True").replace(": false", ": False").replace(": null", ": None")
}

/// How an endpoint finds out that an event is from us.
pub fn verify(header: &str, secret: &str, with_time: bool) -> Snippets {
    let signed = if with_time { "the timestamp, a dot and the body" } else { "the body" };
    let (python, typescript) = if with_time {
        (
            "headers[\"X-Webhook-Timestamp\"].encode() + b\".\" + body",
            "`${headers[\"x-webhook-timestamp\"]}.${body}`",
        )
    } else {
        ("body", "body")
    };
    let (python_prefix, typescript_prefix) =
        if with_time { ("\"sha256=\" + ", "\"sha256=\" + ") } else { ("", "") };
    let shell = if with_time { "printf '%s.%s' \"$TIMESTAMP\" \"$BODY\"" } else { "printf '%s' \"$BODY\"" };
    Snippets {
        curl: format!(
            "# {header} is the HMAC-SHA256 of {signed}\n{shell} | openssl dgst -sha256 -hmac '{secret}'"
        ),
        python: format!(
            "import hashlib, hmac\n\ndef is_genuine(headers, body: bytes) -> bool:\n    mac = hmac.new(b\"{secret}\", {python}, hashlib.sha256)\n    \
             return hmac.compare_digest({python_prefix}mac.hexdigest(), headers[\"{header}\"])"
        ),
        typescript: format!(
            "import {{ createHmac, timingSafeEqual }} from \"node:crypto\";\n\nfunction isGenuine(headers, body: string): boolean {{\n  const mac = \
             {typescript_prefix}createHmac(\"sha256\", \"{secret}\").update({typescript}).digest(\"hex\");\n  const sent = headers[\"{}\"] ?? \"\";\n  \
             return mac.length === sent.length && timingSafeEqual(Buffer.from(mac), Buffer.from(sent));\n}}",
            header.to_lowercase()
        ),
    }
}
