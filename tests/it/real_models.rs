//! The child process with real weights (`script/test --voice`): what one model says, the other hears, and the third
//! answers. `AGENTPHONE_TEST_MODELS` is a folder into which `agentphone models import` has put the usual three.

use std::path::Path;
use std::sync::Arc;

use agentphone::voice::{Chat, Fault, Heard, Listen, Listening, Question, Recording, Speak, Utterance};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::engines::{health, model};
use crate::server::{Setting, TestServer};
use crate::wait::until_true;

/// What the child may hold with all three in memory.
const MEMORY: u64 = 900 << 20;
const SMOLLM2: &str = "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
const SAID: &str = "The quick brown fox jumps over the lazy dog.";

/// Where weights lie.
fn path(name: &str) -> String {
    let models = std::env::var("AGENTPHONE_TEST_MODELS").expect("needs real weights: script/test --voice");
    Path::new(&models).join(name).display().to_string()
}

async fn server() -> TestServer {
    serve(&format!(
        "{{ joe = {{ engine = 'piper', path = '{}' }}, base = {{ engine = 'whisper', path = '{}' }}, \
         smollm2 = {{ engine = 'llama', path = '{}' }} }}",
        path("piper-joe/en_US-joe-medium.onnx"),
        path("whisper-base"),
        path(SMOLLM2)
    ))
    .await
}

/// A server with these models, all of them in memory.
async fn serve(models: &str) -> TestServer {
    let program = env!("CARGO_BIN_EXE_agentphone");
    let engines = format!("{{ threads = 2, preload = true, program = '{program}' }}");
    let setting = Setting::new().await.with("VOICE_MODELS", models).with("VOICE_ENGINES", &engines);
    let server = setting.start().await;
    until_true("all models to be loaded", async || {
        health(&server).await.models.iter().all(|model| model.loaded)
    })
    .await;
    server
}

/// `SAID` by Piper, at the rate that is listened to.
async fn speech(server: &TestServer) -> Vec<f32> {
    let utterance = Utterance { text: SAID.to_owned(), voice: "joe".to_owned(), speed: 1.0 };
    let speech = model(server, "joe").speak(utterance).await.unwrap();
    let rate = speech.rate as usize;
    let chunks: Vec<Vec<i16>> = speech.chunks.try_collect().await.unwrap();
    let samples = chunks.concat();
    // Every few sample is good enough for a test.
    let wanted = agentphone::voice::LISTENING_RATE as usize;
    let at = (0..).map(|index: usize| index * rate / wanted);
    at.map_while(|at| samples.get(at)).map(|sample| f32::from(*sample) / 32_768.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real weights: script/test --voice"]
async fn they_speak_listen_and_chat() {
    let server = server().await;
    let recording =
        Recording { samples: speech(&server).await, file: Bytes::new(), name: "a.wav".to_owned() };
    assert!((2.0..6.0).contains(&recording.seconds()), "{} s", recording.seconds());
    let listening = Listening {
        recording: Arc::new(recording),
        language: None,
        prompt: None,
        temperature: None,
        times: true,
        words: true,
        streamed: true,
    };
    let heard: Vec<Heard> =
        model(&server, "base").listen(listening).await.unwrap().try_collect().await.unwrap();
    assert_eq!(heard[0], Heard::Language("en".to_owned()));
    let Heard::Segment(segment) = &heard[1] else { panic!("{heard:?}") };
    assert_eq!(
        segment.text.trim().to_lowercase().trim_end_matches('.'),
        SAID.to_lowercase().trim_end_matches('.')
    );
    assert!(segment.words.len() >= 9 && segment.end > segment.start, "{segment:?}");

    let body = json!({ "messages": [{ "role": "user", "content": "What is the capital of France?" }],
                       "temperature": 0, "max_tokens": 30 });
    let answer = ask(&server, &body, false).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.contains("Paris"), "{answer}");
    assert!(answer["usage"]["completion_tokens"].as_u64().is_some_and(|tokens| tokens > 2), "{answer}");

    let mut streamed = body.clone();
    streamed["stream"] = true.into();
    streamed["stream_options"] = json!({ "include_usage": true });
    let events = String::from_utf8(ask(&server, &streamed, true).await).unwrap();
    assert!(events.ends_with("data: [DONE]\n\n"), "{events}");
    let chunks: Vec<Value> = events
        .split("\n\n")
        .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
        .collect();
    let text: String = chunks.iter().filter_map(|it| it["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, content, "the same, piece by piece");
    assert_eq!(chunks.last().unwrap()["usage"], answer["usage"]);

    let memory = health(&server).await.memory_bytes;
    println!("memory of the child with three models: {} MB", memory >> 20);
    assert!(memory < MEMORY, "{} MB", memory >> 20);
    server.stop().await;
}

async fn ask(server: &TestServer, body: &Value, streamed: bool) -> Vec<u8> {
    let question = Question { body: body.to_string().into(), streamed };
    let answer = model(server, "smollm2").chat(question).await.unwrap();
    let chunks: Vec<Bytes> = answer.bytes.map(|chunk| chunk.unwrap()).collect().await;
    chunks.concat()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real weights: script/test --voice"]
async fn a_conversation_may_be_as_long_as_it_is_configured() {
    // Some 4,800 tokens.
    let content = "This is to be read and forgotten. ".repeat(600);
    let body = json!({ "messages": [{ "role": "user", "content": content }] });
    let question = Question { body: body.to_string().into(), streamed: false };
    for (context, limit) in [("", "2048"), (", context = 64", "64"), (", context = 4096", "4096")] {
        let weights = path(SMOLLM2);
        let server =
            serve(&format!("{{ smollm2 = {{ engine = 'llama', path = '{weights}'{context} }} }}")).await;
        let refused = model(&server, "smollm2").chat(question.clone()).await.map(drop);
        let Err(Fault::Refused { code, message }) = refused else { panic!("{context}: {refused:?}") };
        assert_eq!(code.as_deref(), Some("context_length_exceeded"));
        assert!(message.contains(&format!("context length is {limit} tokens")), "{message}");
        server.stop().await;
    }
}
