"""The error bodies of both doors, checked whole."""

import httpx

TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 405: "invalid_request_error",
    409: "conflict_error", 413: "invalid_request_error", 422: "validation_error", 429: "rate_limit_error", 503: "api_error",
}
TITLES = {
    400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 409: "Conflict", 429: "Rate Limited", 500: "Server Error",
}


def assert_v1(answer: httpx.Response, status: int, code: str, field: list | None = None) -> dict:
    """The triple form of /v1; `field` is the expected `loc` of a 422."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    body = answer.json()
    assert list(body) == ["detail", "message", "error"], body
    assert list(body["error"]) == ["message", "code", "type", "details"], body
    assert (body["error"]["code"], body["error"]["type"]) == (code, TYPES[status]), body
    assert isinstance(body["message"], str) and len(body["message"]) > 5
    assert body["error"]["message"] == body["message"]
    if status == 422:
        assert body["detail"], body
        for item, other in zip(body["detail"], body["error"]["details"], strict=True):
            assert list(item) == ["loc", "msg", "type"] and list(other) == ["field", "message", "type"], body
            assert (item["msg"], item["type"]) == (other["message"], other["type"]), body
        assert body["detail"][0]["msg"] == body["message"], body
        if field:
            assert field in [item["loc"] for item in body["detail"]], body
            assert str(field[-1]) in str([item["field"] for item in body["error"]["details"]]), body
    else:
        assert body["detail"] == body["message"] and body["error"]["details"] == [], body
    return body


def assert_api(answer: httpx.Response, status: int) -> dict:
    """The flat form of /api: two strings, nothing else."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    body = answer.json()
    assert list(body) == ["error", "message"], body
    assert body["error"] == TITLES[status] and isinstance(body["message"], str) and len(body["message"]) > 5, body
    return body


def assert_nested(answer: httpx.Response, status: int, kind: str, code: str) -> dict:
    """The form of /api/v1 for the clients of OpenAI."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    body = answer.json()
    assert list(body) == ["error", "message"] and list(body["error"]) == ["message", "type", "code", "param"], body
    assert (body["error"]["type"], body["error"]["code"]) == (kind, code), body
    assert body["error"]["message"] == body["message"] and len(body["message"]) > 5, body
    return body
