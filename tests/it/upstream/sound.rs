//! Transcription and speech through an upstream, and through a socket as the child process serves it.

use agentphone::voice::{Fault, Heard, Listen, Speak, Speech, Utterance};
use futures_util::StreamExt;
use serde_json::json;

use super::peer::{Peer, listening, model};

async fn heard(model: &impl Listen, listening: agentphone::voice::Listening) -> Result<Vec<Heard>, Fault> {
    let stream = model.listen(listening).await?;
    stream.collect::<Vec<_>>().await.into_iter().collect()
}

fn utterance() -> Utterance {
    Utterance { text: "Hello you".to_owned(), voice: "tara".to_owned(), speed: 1.25 }
}

async fn sound(speech: Speech) -> Result<Vec<i16>, Fault> {
    let chunks = speech.chunks.collect::<Vec<_>>().await;
    Ok(chunks.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

#[tokio::test]
async fn text_alone_is_asked_for_as_json_with_the_callers_own_file() {
    let peer = Peer::start();
    let heard = heard(&model(&[&peer]), listening()).await.unwrap();
    assert_eq!(heard, [Heard::Text("We open at nine. Please call back.".into())]);
    let seen = &peer.seen().await[0];
    assert_eq!(
        seen["fields"],
        json!({ "model": ["Qwen/Qwen3"], "language": ["en"], "response_format": ["json"] })
    );
    let file = &seen["files"]["file"];
    assert_eq!((&file["name"], &file["size"]), (&json!("note.ogg"), &json!(14)));
}

#[tokio::test]
async fn times_are_asked_for_as_verbose_json() {
    let peer = Peer::start();
    let listening = agentphone::voice::Listening { times: true, words: true, streamed: true, ..listening() };
    let heard = heard(&model(&[&peer]), listening).await.unwrap();
    let [Heard::Language(language), Heard::Segment(first), Heard::Segment(second)] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!((language.as_str(), first.text.as_str()), ("en", "We open at nine."));
    assert_eq!((second.words.len(), second.words[0].word.as_str()), (3, "Please"));
    let seen = &peer.seen().await[0];
    assert_eq!(seen["fields"]["timestamp_granularities[]"], json!(["segment", "word"]));
    assert_eq!(seen["fields"]["stream"], json!(null));
}

#[tokio::test]
async fn text_comes_as_it_is_told() {
    let peer = Peer::start();
    peer.rules(json!([{ "stepped": true }])).await;
    let listening = agentphone::voice::Listening { streamed: true, ..listening() };
    peer.step(1).await;
    let mut stream = model(&[&peer]).listen(listening).await.unwrap();
    assert_eq!(stream.next().await, Some(Ok(Heard::Text("We open at nine.".into()))));
    peer.step(1).await;
    assert_eq!(stream.next().await, Some(Ok(Heard::Text(" Please call back.".into()))));
    peer.step(1).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_transcript_that_breaks_off_or_makes_no_sense_is_a_fault() {
    let peer = Peer::start();
    let model = model(&[&peer]);
    let delta = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\n";
    for rule in [
        json!({ "drop": 1 }),
        json!({ "pieces": [delta] }),
        json!({ "pieces": [delta, "data: {\"error\":{\"message\":\"out of memory at 10.0.0.7\"}}\n\n"] }),
        json!({ "pieces": [delta, "data: <html>\n\n"] }),
        json!({ "body": "{\"words\":3}" }),
        json!({ "body": "[]" }),
    ] {
        peer.rules(json!([rule])).await;
        let listening = agentphone::voice::Listening { streamed: true, ..listening() };
        let fault = heard(&model, listening).await.unwrap_err();
        let Fault::Failed { message } = &fault else { panic!("{rule}: {fault:?}") };
        assert!(!message.contains("10.0.0.7"), "{message}");
        peer.rules(json!([])).await;
        heard(&model, self::listening()).await.unwrap();
    }
}

#[tokio::test]
async fn our_child_is_sent_samples_and_tells_segments() {
    let folder = std::env::temp_dir().join(format!("agentphone-upstream-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let peer = Peer::on_socket(folder.join("engines.sock"));
    let events = [
        json!({ "type": "transcript.language", "language": "en" }),
        json!({ "type": "transcript.text.segment", "start": 0.0, "end": 1.0, "text": "Hi",
                "words": [{ "word": "Hi", "start": 0.1, "end": 0.9 }] }),
        json!({ "type": "transcript.text.done", "text": "Hi" }),
    ];
    let pieces: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    peer.rules(json!([{ "pieces": pieces }])).await;
    let child = model(&[&peer]);
    let heard = heard(&child, listening()).await.unwrap();
    assert!(
        matches!(&heard[..], [Heard::Language(_), Heard::Segment(it)] if it.words.len() == 1),
        "{heard:?}"
    );
    let seen = &peer.seen().await[0];
    assert_eq!(seen["fields"]["stream"], json!(["true"]));
    let file = &seen["files"]["file"];
    assert_eq!(file["size"], 44 + 8);
    let header = hex::decode(file["begins"].as_str().unwrap()).unwrap();
    assert_eq!((&header[..4], &header[24..28]), (&b"RIFF"[..], &16_000_u32.to_le_bytes()[..]));

    // A fault of the child is told in its own words, and the next request finds it called.
    let error = json!({ "error": { "message": "The engine ran out of memory", "type": "server_error", "code": null } });
    peer.rules(json!([{ "status": 500, "body": error.to_string() }])).await;
    for _ in 0..7 {
        let fault = self::heard(&child, listening()).await.unwrap_err();
        assert_eq!(fault, Fault::Failed { message: "The engine ran out of memory".into() });
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn speech_is_read_as_it_comes_as_wav_and_raw() {
    let peer = Peer::start();
    let model = model(&[&peer]);
    let wav = model.speak(utterance()).await.unwrap();
    assert_eq!(wav.rate, 24_000);
    let wav = sound(wav).await.unwrap();
    assert_eq!(wav.len(), 24_000 / 50 * 9);
    assert_eq!(
        peer.seen().await[0]["json"],
        json!({ "model": "Qwen/Qwen3", "input": "Hello you", "voice": "tara",
        "response_format": "wav", "speed": 1.25 })
    );
    peer.rules(json!([{ "raw": true }])).await;
    let raw = model.speak(utterance()).await.unwrap();
    assert_eq!((raw.rate, sound(raw).await.unwrap()), (24_000, wav));
    peer.rules(json!([{ "rate": 22_050 }])).await;
    assert_eq!(model.speak(utterance()).await.unwrap().rate, 22_050);
}

#[tokio::test]
async fn sound_of_another_form_is_refused_by_name() {
    let peer = Peer::start();
    let model = model(&[&peer]);
    for (rule, says) in [
        (json!({ "channels": 2 }), "2 channels of 16 bits"),
        (json!({ "bits": 24 }), "1 channels of 24 bits"),
        (json!({ "pieces": ["ID3 this is an mp3"], "content_type": "audio/mpeg" }), "neither WAV nor PCM"),
        (json!({ "pieces": ["RIFF"] }), "ended before it began"),
        (json!({ "body": "{\"error\":\"x\"}" }), "something else than was asked for"),
    ] {
        peer.rules(json!([rule])).await;
        let fault = model.speak(utterance()).await.err();
        let Some(Fault::Failed { message }) = fault else { panic!("{rule}: {fault:?}") };
        assert!(message.contains(says), "{rule}: {message}");
        peer.rules(json!([])).await;
        sound(model.speak(utterance()).await.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn speech_that_breaks_off_says_so() {
    let peer = Peer::start();
    peer.rules(json!([{ "drop": 2, "stepped": true }])).await;
    let model = model(&[&peer]);
    peer.step(1).await;
    let speech = model.speak(utterance()).await.unwrap();
    peer.step(1).await;
    assert!(matches!(sound(speech).await, Err(Fault::Failed { .. })));
}
