//! The code beside each thing that can be tried: curl, and the official clients of `OpenAI`.

use crate::dashboard::snippets::Snippets;

/// A model behind a server of one's own.
pub const UPSTREAM: &str = r#"[voice.models."Qwen3-Next-80B"]
engine = "openai"
url = ["http://gpu-1:8000/v1"]
model = "Qwen/Qwen3-Next-80B-A3B-Instruct""#;

const KEY: &str = "YOUR_API_KEY";

fn python(origin: &str) -> String {
    format!(
        "# pip install openai\nfrom openai import OpenAI\n\nclient = OpenAI(api_key=\"{KEY}\", base_url=\"{origin}/api/v1\")\n"
    )
}

fn typescript(origin: &str, imports: &str) -> String {
    format!(
        "// npm install openai\nimport OpenAI from \"openai\";\n{imports}\nconst client = new OpenAI({{ apiKey: \"{KEY}\", baseURL: \
         \"{origin}/api/v1\" }});\n"
    )
}

pub fn transcription(origin: &str, model: &str) -> Snippets {
    Snippets {
        curl: format!(
            "curl {origin}/api/v1/audio/transcriptions \\\n  -H 'Authorization: Bearer {KEY}' \\\n  -F model='{model}' \\\n  -F file=@recording.wav"
        ),
        python: python(origin)
            + &format!(
                "with open(\"recording.wav\", \"rb\") as file:\n    print(client.audio.transcriptions.create(model=\"{model}\", file=file).text)"
            ),
        typescript: typescript(origin, "import { createReadStream } from \"node:fs\";\n")
            + &format!(
                "const file = createReadStream(\"recording.wav\");\nconst heard = await client.audio.transcriptions.create({{ model: \
                 \"{model}\", file }});\nconsole.log(heard.text);"
            ),
    }
}

pub fn speech(origin: &str, model: &str, voice: &str) -> Snippets {
    let input = "Your bike is ready.";
    Snippets {
        curl: format!(
            "curl {origin}/api/v1/audio/speech \\\n  -H 'Authorization: Bearer {KEY}' \\\n  -H 'Content-Type: application/json' \\\n  \
             -d '{{\"model\":\"{model}\",\"voice\":\"{voice}\",\"input\":\"{input}\"}}' \\\n  -o speech.wav"
        ),
        python: python(origin)
            + &format!(
                "speech = client.audio.speech.with_streaming_response.create(\n    model=\"{model}\", voice=\"{voice}\", \
                 input=\"{input}\", response_format=\"wav\"\n)\nwith speech as answer:\n    answer.stream_to_file(\"speech.wav\")"
            ),
        typescript: typescript(origin, "import { writeFile } from \"node:fs/promises\";\n")
            + &format!(
                "const speech = await client.audio.speech.create({{\n  model: \"{model}\",\n  voice: \"{voice}\",\n  input: \
                 \"{input}\",\n  response_format: \"wav\",\n}});\nawait writeFile(\"speech.wav\", Buffer.from(await speech.arrayBuffer()));"
            ),
    }
}

pub fn chat(origin: &str, model: &str) -> Snippets {
    let question = "When do you open?";
    Snippets {
        curl: format!(
            "curl -N {origin}/api/v1/chat/completions \\\n  -H 'Authorization: Bearer {KEY}' \\\n  -H 'Content-Type: application/json' \\\n  \
             -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"{question}\"}}]}}'"
        ),
        python: python(origin)
            + &format!(
                "stream = client.chat.completions.create(\n    model=\"{model}\", stream=True, messages=[{{\"role\": \"user\", \
                 \"content\": \"{question}\"}}]\n)\nfor chunk in stream:\n    print(chunk.choices[0].delta.content or \"\", end=\"\", flush=True)"
            ),
        typescript: typescript(origin, "")
            + &format!(
                "const stream = await client.chat.completions.create({{\n  model: \"{model}\",\n  stream: true,\n  messages: [{{ role: \
                 \"user\", content: \"{question}\" }}],\n}});\nfor await (const chunk of stream) {{\n  \
                 process.stdout.write(chunk.choices[0]?.delta?.content ?? \"\");\n}}"
            ),
    }
}
