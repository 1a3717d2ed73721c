//! The child process of the built-in engines: the program itself, with a voice that has learnt nothing
//! (`tests/data/voice`). It may die at any time; messaging does not notice, and it comes back.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use agentphone::voice::child::{Child, Life};
use agentphone::voice::engines::{Health, ModelHealth};
use agentphone::voice::upstream::{Address, Model, Settings, Upstreams};
use agentphone::voice::{Fault, Speak, Speech, Utterance};
use futures_util::StreamExt;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::browser::Browser;
use crate::client::{Answer, Request};
use crate::server::{ADA, Setting, TestServer};
use crate::wait::{until, until_true};

const PROGRAM: &str = env!("CARGO_BIN_EXE_agentphone");
/// Samples a second of the voice, and of each of its phonemes.
const RATE: u32 = 16_000;
const PHONEME: usize = 1_600;

/// Far more sound than fits between two processes: who does not take it keeps the engine working.
fn long() -> String {
    "Nobody listens to all of this. ".repeat(120)
}

fn voice() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/voice/tone.onnx")
}

/// A server whose model `tone` is spoken by the child, and whose model `deaf` this build cannot run, or cannot find.
async fn server() -> TestServer {
    let models = format!(
        "{{ tone = {{ engine = 'piper', path = '{}' }}, deaf = {{ engine = 'whisper', path = 'none' }} }}",
        voice().display()
    );
    let engines = format!("{{ threads = 1, preload = false, program = '{PROGRAM}' }}");
    let setting = Setting::new().await.with("VOICE_MODELS", &models).with("VOICE_ENGINES", &engines);
    let server = setting.start().await;
    up(child(&server)).await;
    server
}

fn child(server: &TestServer) -> &Child {
    server.app.engines.as_ref().expect("built-in models are configured")
}

/// The child's number, once it serves.
async fn up(child: &Child) -> u32 {
    until("the engines to be up", async || match child.state().life {
        Life::Up { pid, .. } => Some(pid),
        Life::Starting | Life::Down { .. } => None,
    })
    .await
}

/// What answers at the child's socket for a model.
pub fn model(server: &TestServer, name: &str) -> Model {
    let upstreams = Upstreams::new(server.app.clock.clone(), server.app.ids.clone());
    upstreams.model(Settings {
        name: name.to_owned(),
        addresses: vec![Address::socket(child(server).socket())],
        model: name.to_owned(),
        api_key: None,
        concurrency: 64,
        timeout: Duration::from_secs(20),
    })
}

async fn say(model: &Model, text: &str) -> Result<Speech, Fault> {
    model.speak(Utterance { text: text.to_owned(), voice: "nobody".to_owned(), speed: 1.0 }).await
}

async fn all(speech: Speech) -> Result<Vec<i16>, Fault> {
    let chunks: Vec<_> = speech.chunks.collect().await;
    Ok(chunks.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

pub async fn health(server: &TestServer) -> Health {
    until("the engines to say how they are", async || child(server).health().await).await
}

async fn tone(server: &TestServer) -> ModelHealth {
    health(server).await.models.into_iter().find(|model| model.name == "tone").unwrap()
}

/// Asks at the door for clients of `OpenAI`, as one of them does.
async fn at_the_door(server: &TestServer) -> Answer {
    let body = json!({"model": "tone", "voice": "tara", "input": "Hello."});
    let headers = [("x-stainless-lang", "python")];
    let request =
        Request { method: "POST", path: "/api/v1/audio/speech", headers: &headers, body: Some(&body) };
    server.call(request).await
}

/// That the door says, in the form of its protocol, that the engine failed (contract 2.3).
fn assert_failed(answer: &Answer) {
    let body = answer.json();
    let error = &body["error"];
    assert_eq!(answer.status, 500, "{body}");
    let said = (error["type"].as_str(), error["code"].as_str(), &error["param"]);
    assert_eq!(said, (Some("server_error"), Some("backend_error"), &Value::Null), "{body}");
    assert!(error["message"].as_str().is_some_and(|message| message.starts_with("tone: ")), "{body}");
    assert_eq!(error["message"], body["message"]);
}

/// That the page Voice says each of this of the engines.
async fn assert_shown(browser: &Browser<'_>, expected: &[&str]) {
    let page = browser.page("/voice").await;
    let engines = &page[page.find("Built-in engines").expect("it has a part for them")..];
    for text in expected {
        assert!(engines.contains(text), "{text}: {engines}");
    }
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_and_says_how_it_is() {
    let server = server().await;
    assert!(!tone(&server).await.loaded, "nobody has asked yet");
    let model = model(&server, "tone");
    let speech = say(&model, "Hello there. And again.").await.unwrap();
    assert_eq!(speech.rate, RATE);
    let sound = all(speech).await.unwrap();
    assert!(!sound.is_empty() && sound.len().is_multiple_of(PHONEME), "{} samples", sound.len());
    let loudest = sound.iter().map(|sample| sample.unsigned_abs()).max();
    assert_eq!(loudest, Some(9_830), "a tone of 0.3");
    let tone = until("it to be counted", async || Some(tone(&server).await).filter(|it| it.done == 1)).await;
    assert!(tone.loaded && tone.speed > 0.0, "{tone:?}");
    assert!(health(&server).await.memory_bytes > 1 << 20);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_enter_and_nothing_stays() {
    let server = server().await;
    let socket = child(&server).socket().to_owned();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    let pid = up(child(&server)).await;
    let _setting = server.stop().await;
    assert!(!socket.exists());
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it has ended with its parent");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_comes_back_and_messages_go_on() {
    let server = server().await;
    let line = server.buy_number("sms").await;
    let model = model(&server, "tone");
    let speeches: JoinSet<_> = (0..4)
        .map(|_| {
            let model = model.clone();
            async move { all(say(&model, &long()).await?).await }
        })
        .collect();
    until_true("the engine to be at work", async || tone(&server).await.working == 1).await;
    let pid = up(child(&server)).await;
    let mut sent = Vec::new();
    for count in 0..20 {
        if count == 5 {
            kill(pid);
        }
        let message = server.send(&line, ADA, &format!("text {count}")).await;
        sent.push(message["status"].as_str().unwrap().to_owned());
    }
    assert!(sent.iter().all(|status| status == "sent"), "{sent:?}");
    for speech in speeches.join_all().await {
        assert!(matches!(speech, Err(Fault::Failed { .. })), "{:?}", speech.map(|sound| sound.len()));
    }
    until_true("the death to be seen", async || child(&server).state().restarts == 1).await;
    let state = child(&server).state();
    assert!(matches!(state.life, Life::Down { .. }), "time stands still: {state:?}");
    assert!(state.last_exit.as_deref().is_some_and(|exit| exit.contains("SIGKILL")), "{state:?}");
    assert!(matches!(say(&model, "Hello.").await, Err(Fault::Failed { .. })), "at once, and clearly");
    server.advance(Duration::from_millis(200));
    assert_ne!(up(child(&server)).await, pid);
    // What was known of the dead one is forgotten after a while.
    server.advance(Duration::from_mins(2));
    let fresh = self::model(&server, "tone");
    assert!(!all(say(&fresh, "Hello.").await.unwrap()).await.unwrap().is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_door_its_death_is_a_clear_failure_and_the_page_shows_how_it_is() {
    let server = server().await;
    let (line, browser) = (server.buy_number("sms").await, Browser::of(&server).await);
    let sends = async || assert_eq!(server.send(&line, ADA, "Still there?").await["status"], "sent");
    let pid = up(child(&server)).await;
    let is_up = |pid: u32| format!("process {pid}, since");
    assert_shown(&browser, &[&is_up(pid), "<dd>0</dd>", "Memory", "tone", "piper", "loads when asked"]).await;

    let busy = say(&model(&server, "tone"), &long()).await.unwrap();
    let dies = async {
        until_true("the others to wait for it", async || tone(&server).await.waiting == 3).await;
        kill(pid);
        sends().await;
    };
    let (answers, ()) = tokio::join!(join_all((0..3).map(|_| at_the_door(&server))), dies);
    answers.iter().for_each(assert_failed);
    drop(busy);

    until_true("the death to be seen", async || child(&server).state().restarts == 1).await;
    assert_failed(&at_the_door(&server).await);
    sends().await;
    let of_the_dead = ["down", "started again", "<dd>1</dd>", "SIGKILL", "does not say how its models are"];
    assert_shown(&browser, &of_the_dead).await;

    server.advance(Duration::from_millis(200));
    let next = up(child(&server)).await;
    // What was known of the dead one is forgotten after a while.
    server.advance(Duration::from_mins(2));
    let spoken = at_the_door(&server).await;
    assert_eq!((spoken.status, spoken.header("x-agentphone-engine")), (200, Some("piper tone")));
    assert_shown(&browser, &[&is_up(next), "<dd>1</dd>", "SIGKILL", "loaded", "× real time"]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_dies_again_and_again_is_waited_for_longer() {
    let server = server().await;
    for (deaths, pause) in [(1, 200), (2, 1_000), (3, 2_000)] {
        kill(up(child(&server)).await);
        until_true("the death to be seen", async || child(&server).state().restarts == deaths).await;
        let Life::Down { again } = child(&server).state().life else { panic!("it is down") };
        assert_eq!(again, server.app.clock.now() + Duration::from_millis(pause));
        server.advance(Duration::from_millis(pause));
    }
    up(child(&server)).await;
    server.advance(Duration::from_mins(2));
    kill(up(child(&server)).await);
    until_true("the death to be seen", async || child(&server).state().restarts == 4).await;
    let Life::Down { again } = child(&server).state().life else { panic!("it is down") };
    assert_eq!(again, server.app.clock.now() + Duration::from_millis(200), "it had lived long enough");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_stops_the_work() {
    let server = server().await;
    let speech = say(&model(&server, "tone"), &long()).await.unwrap();
    assert_eq!(tone(&server).await.working, 1, "nobody takes the sound");
    drop(speech);
    until_true("the engine to be free", async || tone(&server).await.working == 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_is_bounded() {
    let server = server().await;
    let model = model(&server, "tone");
    let first = say(&model, &long()).await.unwrap();
    let mut waiting = JoinSet::new();
    for _ in 0..16 {
        let model = model.clone();
        waiting.spawn(async move { say(&model, "Hello.").await.map(drop) });
    }
    until_true("all of them to wait", async || tone(&server).await.waiting == 16).await;
    let turned_away = say(&model, "Hello.").await.map(drop);
    assert!(matches!(turned_away, Err(Fault::Busy { .. })), "{turned_away:?}");
    drop(first);
    let spoken = waiting.join_all().await;
    assert!(spoken.iter().all(Result::is_ok), "{spoken:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_not_there_says_so() {
    let server = server().await;
    let deaf = say(&model(&server, "deaf"), "Hello.").await.map(drop);
    let Err(Fault::Failed { message }) = deaf else { panic!("{deaf:?}") };
    let expected = if cfg!(feature = "whisper") { "cannot be loaded" } else { "--features engines" };
    assert!(message.contains("deaf"), "{message}");
    assert!(message.contains(expected) || message.contains("status 500"), "{message}");
    let nobody = say(&model(&server, "nobody"), "Hello.").await.map(drop);
    assert!(matches!(nobody, Err(Fault::Refused { .. })), "{nobody:?}");
    server.stop().await;
}

#[test]
fn it_ends_when_its_parent_does() {
    let socket = std::env::temp_dir().join(format!("agentphone-engines-{}.sock", std::process::id()));
    let mut program = Command::new(PROGRAM);
    // What it is to do its parent says: settings do not matter here, not even those that would be refused.
    program.arg("engines").arg("--socket").arg(&socket).env("AGENTPHONE_SEND_WAIT", "-1");
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"{\"threads\":1,\"preload\":true,\"models\":[]}\n").unwrap();
    let mut ready = String::new();
    let output = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    assert!(socket.exists());
    drop(input);
    assert!(child.wait().unwrap().success());
    assert!(!socket.exists());
}
