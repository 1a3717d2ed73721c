//! The doors of agents, numbers and webhooks, called as a client calls them, with a carrier that hands out numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::address::Region;
use crate::app::{App, Parts, Waiting};
use crate::carriers::{Answer, Capabilities, Carrier, Connection, Outbound, Outcome, Question};
use crate::config::{CarrierKind, Config, Profile};
use crate::id::KeyId;
use crate::net::{Client, Policy};
use crate::phone::keys;
use crate::testing::{self, TempFolder};

/// Makes one number after the other, and none in area code 999.
struct Maker(AtomicI64);

#[async_trait]
impl Carrier for Maker {
    async fn submit(&self, _: Outbound) -> Outcome {
        Outcome::Later { after: None, reason: "nothing is sent here".to_owned() }
    }

    async fn ask(&self, question: Question) -> Answer {
        match question {
            Question::FreshNumber { area_code, .. } => match area_code.as_deref() {
                Some("999") => Answer::CannotTell,
                area => {
                    let line = self.0.fetch_add(1, Ordering::Relaxed);
                    Answer::Number(format!("+1{}555{line:04}", area.unwrap_or("206")))
                }
            },
            Question::NumberReleased { .. } => Answer::Done,
            Question::Message { .. } | Question::Reach { .. } => Answer::CannotTell,
        }
    }
}

struct Server {
    router: Router,
    key: String,
    _folder: TempFolder,
}

async fn server() -> Server {
    let (db, ids, clock, folder) = testing::db().await;
    let (account, key) = (testing::account(&db, &ids).await, keys::mint(&ids));
    let (id, stored, now) = (KeyId::new(&ids), key.clone(), clock.now());
    db.write(move |tx| keys::create(tx, &id, &account, "test", &stored, now)).await.unwrap();
    let mut config = Config::load(Profile::Development, None, []).unwrap();
    config.carriers = vec![crate::config::Carrier {
        name: "maker".to_owned(),
        kind: CarrierKind::Simulated,
        url: None,
        numbers: vec!["+12065550100".to_owned(), "+14165550100".to_owned()],
    }];
    config.quota.numbers = 4;
    let capabilities =
        Capabilities { sms: true, imessage: true, makes_numbers: true, ..Capabilities::default() };
    let connection = Connection {
        name: "maker".into(),
        capabilities,
        up: tokio::sync::watch::channel(true).1,
        carrier: Arc::new(Maker(AtomicI64::new(0))),
    };
    let app = App::new(Parts {
        config,
        region: Region::US,
        db,
        clock,
        ids,
        net: Client::new(Policy::default()),
        carriers: HashMap::from([("maker".to_owned(), connection)]),
        carrier_order: vec!["maker".to_owned()],
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        waiting: Waiting::default(),
        bound: OnceLock::new(),
    });
    Server { router: crate::http::router(&app), key, _folder: folder }
}

impl Server {
    /// The body of the answer, which must have this status.
    async fn call(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key));
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let answered = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        assert_eq!(answered, status, "{method} {path}: {answer}");
        answer
    }

    async fn get(&self, path: &str, status: u16) -> Value {
        self.call("GET", path, Value::Null, status).await
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[tokio::test]
async fn an_agent_lives_from_post_to_delete() {
    let server = server().await;
    let made = server.call("POST", "/v1/agents", json!({"name": "Shop", "begin_message": "Hi"}), 200).await;
    assert_eq!(
        (&made["beginMessage"], &made["voice"], &made["numbers"]),
        (&json!("Hi"), &json!("tara"), &json!([]))
    );
    let path = format!("/v1/agents/{}", text(&made["id"]));
    let number = server.call("POST", "/v1/numbers", json!({"agentId": made["id"]}), 200).await;
    assert_eq!(number["agentId"], made["id"]);
    let changed = server.call("PATCH", &path, json!({"beginMessage": "", "language": "de-DE"}), 200).await;
    assert_eq!((&changed["beginMessage"], &changed["language"]), (&Value::Null, &json!("de-DE")));
    assert_eq!(changed["numbers"][0]["phoneNumber"], number["phoneNumber"]);
    assert_eq!(server.get(&path, 200).await, changed);
    assert_eq!(server.get("/v1/agents", 200).await, json!({"data": [changed], "hasMore": false, "total": 1}));
    let deleted = server.call("DELETE", &path, Value::Null, 200).await;
    assert_eq!(deleted, json!({"success": true, "id": made["id"], "name": "Shop"}));
    assert_eq!(server.get(&path, 404).await["error"]["code"], "AGENT_NOT_FOUND");
    let orphan = server.get(&format!("/v1/numbers/{}", text(&number["id"])), 200).await;
    assert_eq!(orphan["agentId"], Value::Null);
}

#[tokio::test]
async fn faults_are_named_by_field() {
    let server = server().await;
    for (method, path, body, field) in [
        ("POST", "/v1/agents", json!({}), "name"),
        ("POST", "/v1/agents", json!({"name": 5}), "name"),
        ("POST", "/v1/agents", json!({"name": "A", "language": "xx"}), "language"),
        ("POST", "/v1/agents", json!({"name": "A", "voiceMode": "hosted"}), "systemPrompt"),
        ("POST", "/v1/numbers", json!({"areaCode": "20"}), "areaCode"),
        ("POST", "/v1/numbers", json!({"country": "DE"}), "country"),
        ("POST", "/v1/numbers", json!({"expiresAt": "2026-03-01"}), "expiresAt"),
        ("POST", "/v1/numbers", json!({"externalId": "x".repeat(256)}), "externalId"),
        ("POST", "/v1/webhooks", json!({"timeout": 30}), "url"),
        (
            "POST",
            "/v1/webhooks",
            json!({"url": "https://a.example", "events": ["message.inbound"]}),
            "events[0]",
        ),
        ("GET", "/v1/numbers?limit=101", Value::Null, "limit"),
        ("GET", "/v1/webhooks/deliveries?hours=0", Value::Null, "hours"),
    ] {
        let answer = server.call(method, path, body, 422).await;
        assert_eq!(answer["error"]["details"][0]["field"], field, "{answer}");
    }
}

#[tokio::test]
async fn numbers_come_from_the_list_then_from_the_carrier() {
    let server = server().await;
    let buy = async |wish: Value, status| server.call("POST", "/v1/numbers", wish, status).await;
    let listed = buy(json!({"externalId": "store-17", "expiresAt": "2027-01-01T00:00:00+01:00"}), 200).await;
    assert_eq!((&listed["phoneNumber"], &listed["country"]), (&json!("+12065550100"), &json!("US")));
    assert_eq!(
        (&listed["externalId"], &listed["expiresAt"]),
        (&json!("store-17"), &json!("2026-12-31T23:00:00.000Z"))
    );
    let made = buy(json!({"areaCode": "415", "type": "imessage"}), 200).await;
    assert_eq!(made["phoneNumber"], "+14155550000");
    assert_eq!(made["dailyNewContacts"], json!({"used": 0, "limit": 50}));
    assert_eq!(buy(json!({"country": "CA"}), 200).await["phoneNumber"], "+14165550100");
    assert_eq!(buy(json!({"phoneNumber": "(206) 555-0100"}), 404).await["error"]["code"], "NOT_FOUND");
    assert_eq!(buy(json!({"areaCode": "999"}), 502).await["error"]["code"], "CARRIER_ERROR");
    assert_eq!(buy(json!({"agentId": "agt_none"}), 404).await["error"]["code"], "AGENT_NOT_FOUND");
    buy(json!({}), 200).await;
    assert_eq!(buy(json!({}), 422).await["error"]["code"], "VALIDATION_ERROR_NUMBER_LIMIT");
}

#[tokio::test]
async fn a_released_number_is_shown_and_never_changes() {
    let server = server().await;
    let number = server.call("POST", "/v1/numbers", json!({"phoneNumber": "206 555 0100"}), 200).await;
    let path = format!("/v1/numbers/{}", text(&number["id"]));
    let named = server.call("PATCH", &path, json!({"externalId": "a"}), 200).await;
    assert_eq!((&named["externalId"], &named["expiresAt"]), (&json!("a"), &Value::Null));
    assert_eq!(
        server.call("PATCH", &path, json!({"externalId": null}), 200).await["externalId"],
        Value::Null
    );
    let gone = server.call("DELETE", &path, Value::Null, 200).await;
    assert_eq!((&gone["status"], &gone["phoneNumber"]), (&json!("released"), &json!("+12065550100")));
    assert_eq!(server.get(&path, 200).await["status"], "released");
    for method in ["PATCH", "DELETE"] {
        assert_eq!(server.call(method, &path, json!({}), 404).await["error"]["code"], "NUMBER_NOT_FOUND");
    }
    assert_eq!(server.get("/v1/numbers", 200).await["total"], 0);
    server.call("POST", "/v1/numbers", json!({"phoneNumber": "+12065550100"}), 200).await;
}

#[tokio::test]
async fn numbers_move_between_agents() {
    let server = server().await;
    let number = server.call("POST", "/v1/numbers", json!({}), 200).await;
    let agent = server.call("POST", "/v1/agents", json!({"name": "A"}), 200).await;
    let path = format!("/v1/agents/{}/numbers", text(&agent["id"]));
    let attached = server.call("POST", &path, json!({"numberId": number["id"]}), 200).await;
    let brief =
        json!({"id": number["id"], "phoneNumber": number["phoneNumber"], "status": "active", "type": "sms"});
    assert_eq!(attached, json!({"agentId": agent["id"], "number": brief}));
    let one = format!("{path}/{}", text(&number["id"]));
    assert_eq!(server.call("DELETE", &one, Value::Null, 200).await, json!({"success": true}));
    assert_eq!(server.call("DELETE", &one, Value::Null, 404).await["error"]["code"], "NUMBER_NOT_FOUND");
    server.call("POST", &path, json!({"numberId": "num_none"}), 404).await;
}

#[tokio::test]
async fn webhooks_of_every_scope() {
    let server = server().await;
    let agent = server.call("POST", "/v1/agents", json!({"name": "A"}), 200).await;
    for path in ["/v1/webhooks".to_owned(), format!("/v1/agents/{}/webhook", text(&agent["id"]))] {
        assert_eq!(server.get(&path, 200).await, Value::Null);
        let body = json!({"url": "https://bot.example/hook", "contextLimit": null});
        let first = server.call("POST", &path, body.clone(), 200).await;
        assert_eq!(
            (&first["contextLimit"], &first["timeout"], &first["status"]),
            (&json!(10), &json!(30), &json!("active"))
        );
        let second = server.call("POST", &path, body, 200).await;
        assert_ne!(first["secret"], second["secret"]);
        let kept = json!({"url": "https://bot.example/2", "keepSecret": true, "events": ["message.sent"]});
        let third = server.call("POST", &path, kept, 200).await;
        assert_eq!(
            (&third["secret"], &third["events"]),
            (&second["secret"], &json!(["agent.message", "message.sent"]))
        );
        assert_eq!(server.get(&path, 200).await, third);
        for _ in 0..2 {
            assert_eq!(server.call("DELETE", &path, Value::Null, 200).await, json!({"success": true}));
        }
    }
    assert_eq!(
        server.get(&format!("/v1/agents/{}/webhook/deliveries", text(&agent["id"])), 200).await,
        json!([])
    );
    let page = json!({"items": [], "data": [], "total": 0, "offset": 0, "limit": 50, "hasMore": false});
    assert_eq!(server.get("/v1/webhooks/deliveries", 200).await, page);
    assert_eq!(server.get("/v1/webhooks/deliveries/stats", 200).await["successRate"], 100.0);
    let all = json!({"total": 0, "success": 0, "failed": 0, "successRate": 100.0});
    assert_eq!(server.get("/v1/webhooks/deliveries/all-time", 200).await, all);
    assert_eq!(server.get("/v1/agents/agt_none/webhook", 404).await["error"]["code"], "AGENT_NOT_FOUND");
}

#[tokio::test]
async fn a_numbers_webhook_keeps_its_secret() {
    let server = server().await;
    let number = server.call("POST", "/v1/numbers", json!({}), 200).await;
    let path = format!("/api/numbers/{}/webhook", text(&number["id"]));
    assert_eq!(server.get(&path, 404).await["error"], "Not Found");
    let first = server.call("PUT", &path, json!({"url": "https://bot.example"}), 200).await;
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["numberId", "url", "timeout_seconds", "secret", "status", "createdAt"]);
    assert_eq!(first["timeout_seconds"], 10);
    server.call("DELETE", &path, Value::Null, 200).await;
    server.get(&path, 404).await;
    let again =
        server.call("PUT", &path, json!({"url": "https://bot.example", "timeoutSeconds": 60}), 200).await;
    assert_eq!((&again["secret"], &again["timeout_seconds"]), (&first["secret"], &json!(60)));
    let rotated =
        server.call("PUT", &path, json!({"url": "https://bot.example", "rotate_secret": true}), 200).await;
    assert_ne!(rotated["secret"], first["secret"]);
    for body in [
        json!({}),
        json!({"url": "http://10.0.0.1"}),
        json!({"url": "https://a.example", "timeout_seconds": 61}),
    ] {
        assert_eq!(server.call("PUT", &path, body, 400).await["error"], "Bad Request");
    }
    let listed = server.get(&format!("{path}/deliveries"), 200).await;
    assert_eq!(listed, json!({"data": [], "hasMore": false}));
}

#[tokio::test]
async fn what_comes_later_is_not_taken_for_an_id() {
    let server = server().await;
    for path in ["/v1/agents/voices", "/v1/numbers/available?areaCode=415", "/v1/numbers/lookup"] {
        assert_eq!(server.get(path, 404).await["error"]["code"], "NOT_AVAILABLE");
    }
}

#[test]
fn the_document_is_sound() {
    let document: Value = serde_json::from_str(&crate::http::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(text(&operation["operationId"]).to_owned());
            assert!(operation["summary"].is_string(), "{method} {path}");
        }
    }
    let count = operations.len();
    operations.sort();
    operations.dedup();
    assert_eq!(operations.len(), count, "every operation has an id of its own");
    let agent = json!(["name"]);
    assert_eq!(document["components"]["schemas"]["NewAgent"]["required"], agent);
    assert!(document["components"]["schemas"]["AgentFields"]["required"].is_null());
}
