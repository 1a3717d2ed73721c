//! Chat backgrounds, contract 7: told apart by URL and by bytes, counted, refused where they are no pictures.

use serde_json::{Value, json};

use super::{blue, call, phone, refused, text, thread};
use crate::receiver::{Receiver, Say};
use crate::server::{ADA, Line, TestServer};

async fn started(script: impl IntoIterator<Item = Say>) -> (TestServer, Line, Receiver, String) {
    let pictures = Receiver::new(script).await;
    let (server, line) = blue().await;
    let sent = server.send(&line, ADA, "Look behind you").await;
    let path = format!("/v1/conversations/{}/background", text(&sent, "conversation_id"));
    (server, line, pictures, path)
}

async fn set(server: &TestServer, path: &str, url: &str) -> (Value, Value, Value) {
    let set = server.post(path, json!({"image_url": url}), 200).await;
    assert_eq!((&set["channel"], &set["hasBackground"]), (&json!("imessage"), &json!(true)), "{set}");
    assert!(path.contains(&text(&set, "conversationId")));
    (set["changed"].clone(), set["backgroundVersion"].clone(), set["backgroundId"].clone())
}

#[tokio::test]
async fn each_real_change_counts_and_the_count_survives_a_removal() {
    let bytes =
        [Say::body("GIF89a-sea"), Say::body("GIF89a-sea"), Say::body("GIF89a-sky"), Say::body("GIF89a-sea")];
    let (server, line, pictures, path) = started(bytes).await;
    let (sea, copy, sky) =
        (format!("{}/sea", pictures.url), format!("{}/copy", pictures.url), format!("{}/sky", pictures.url));
    let (changed, version, id) = set(&server, &path, &sea).await;
    assert_eq!((changed, version), (json!(true), json!(1)));
    assert!(id.as_str().unwrap().starts_with("bg_"));
    assert_eq!(thread(&server, ADA, &line.number).await["background"], sea.as_str());
    assert_eq!(set(&server, &path, &sea).await, (json!(false), json!(1), id.clone()), "the same URL");
    assert_eq!(set(&server, &path, &copy).await, (json!(false), json!(1), id.clone()), "the same bytes");
    let (changed, version, other) = set(&server, &path, &sky).await;
    assert_eq!((changed, version), (json!(true), json!(2)));
    assert_ne!(other, id);
    let got = server.get(&path).await;
    assert_eq!((&got["backgroundId"], &got["changed"]), (&other, &json!(false)));
    for _ in 0..2 {
        assert_eq!(call(&server, "DELETE", &path, None).await.status, 204);
    }
    assert_eq!(thread(&server, ADA, &line.number).await["background"], Value::Null);
    let got = server.get(&path).await;
    assert_eq!((&got["hasBackground"], &got["backgroundVersion"]), (&json!(false), &Value::Null));
    let (changed, version, _) = set(&server, &path, &sea).await;
    assert_eq!((changed, version), (json!(true), json!(3)));
    assert_eq!(pictures.seen().len(), 4, "a URL that is shown is not fetched again");
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_changes_nothing() {
    let too_large = format!("GIF89a{}", "x".repeat(10 << 20));
    let bytes = [
        Say::body("<svg xmlns=\"http://www.w3.org/2000/svg\"/>").with_header("x-test", "1"),
        Say::body(""),
        Say::body(&too_large),
        Say::body("GIF89a").with_status(404),
        Say::status(302).with_header("location", "/GIF89a"),
    ];
    let count = bytes.len();
    let (server, line, pictures, path) = started(bytes).await;
    for each in 0..count {
        let body = json!({"image_url": format!("{}/{each}", pictures.url)});
        assert_eq!(refused(&server, "POST", &path, Some(body), 400).await, "MEDIA_NOT_USABLE", "{each}");
    }
    let unreachable = json!({"image_url": "http://127.0.0.1:1/a.png"});
    assert_eq!(refused(&server, "POST", &path, Some(unreachable), 400).await, "MEDIA_NOT_USABLE");
    let long = format!("http://127.0.0.1/{}", "a".repeat(2_100));
    for malformed in [
        json!({}),
        json!({"image_url": ""}),
        json!({"image_url": "file:///etc/passwd"}),
        json!({"image_url": "not a url"}),
        json!({"image_url": long}),
        json!({"image_url": 7}),
    ] {
        assert_eq!(refused(&server, "POST", &path, Some(malformed), 422).await, "VALIDATION_ERROR");
    }
    assert_eq!(server.get(&path).await["hasBackground"], false);
    assert_eq!(thread(&server, ADA, &line.number).await["background"], Value::Null);
}

#[tokio::test]
async fn a_refused_one_leaves_the_one_before() {
    let (server, line, pictures, path) = started([Say::body("GIF89a-sea"), Say::body("GIF89a-sky")]).await;
    let sea = format!("{}/sea", pictures.url);
    let (_, _, id) = set(&server, &path, &sea).await;
    server.faults(json!({"refuse_next": 1})).await;
    let sky = json!({"image_url": format!("{}/sky", pictures.url)});
    assert_eq!(refused(&server, "POST", &path, Some(sky), 400).await, "CHANNEL_NOT_SUPPORTED");
    server.faults(json!({"refuse_next": 1})).await;
    assert_eq!(refused(&server, "DELETE", &path, None, 400).await, "CHANNEL_NOT_SUPPORTED");
    assert_eq!(set(&server, &path, &sea).await, (json!(false), json!(1), id));
    assert_eq!(thread(&server, ADA, &line.number).await["background"], sea.as_str());
}

#[tokio::test]
async fn on_sms_it_has_no_effect() {
    let (server, line) = blue().await;
    phone(&server, ADA, false).await;
    let sent = server.send(&line, ADA, "Green").await;
    let path = format!("/v1/conversations/{}/background", text(&sent, "conversation_id"));
    let expected = json!({
        "conversationId": sent["conversation_id"], "channel": "sms", "hasBackground": false, "backgroundId": null,
        "backgroundVersion": null, "changed": false,
    });
    let url = json!({"image_url": "http://127.0.0.1:1/a.png"});
    assert_eq!(server.post(&path, url, 200).await, expected);
    assert_eq!(call(&server, "DELETE", &path, None).await.status, 204);
    assert!(server.column("SELECT id FROM acts").await.is_empty());
}
