//! Contract 5.2: a number that is not to be had is 404; a carrier that cannot be asked is a failure of its own.

use serde_json::json;

use crate::client::Request;
use crate::server::TestServer;

/// The status and the code of a purchase that comes to nothing.
async fn refused(server: &TestServer, area_code: &str) -> (u16, String) {
    let wish = json!({"areaCode": area_code});
    let request = Request { method: "POST", path: "/v1/numbers", headers: &[], body: Some(&wish) };
    let answer = server.call(request).await;
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_number_that_nobody_has_is_not_found_and_a_malformed_wish_is_invalid() {
    let server = TestServer::start().await;
    for area_code in ["123", "012"] {
        assert_eq!(refused(&server, area_code).await, (404, "NOT_FOUND".to_owned()), "{area_code}");
    }
    for area_code in ["12", "4x6", "2066", ""] {
        let answer = refused(&server, area_code).await;
        assert_eq!(answer, (422, "VALIDATION_ERROR".to_owned()), "{area_code}");
    }
    assert_eq!(server.get("/v1/numbers").await["total"], 0);
}

#[tokio::test]
async fn a_carrier_that_cannot_be_asked_has_failed() {
    let server = TestServer::start().await;
    server.line_down(true).await;
    for area_code in ["206", "123"] {
        assert_eq!(refused(&server, area_code).await, (502, "CARRIER_ERROR".to_owned()), "{area_code}");
    }
    assert_eq!(server.get("/v1/numbers").await["total"], 0);
}
