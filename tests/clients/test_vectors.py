"""The published signature vectors: they check the tests' own tools, and need no server."""

import base64
import datetime
import hashlib
import hmac

import agentphone
import pytest
import standardwebhooks

from harness import signatures
from harness.express import Express

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
DELIVERY = "dlv_5r8w1c6q"
TIMESTAMP = "1772442847"
NUMBER_BODY = (
    '{"event":"message.inbound","channel":"sms","from":"+14155550142","to":"+12065550199",'
    '"body":"Où est ma commande / order?","media":[],"timestamp":"2026-03-02T09:14:07.120Z",'
    '"message_id":"msg_7k2m9x4t","signature":"a852516a91ff5a036d438b3e2d3d669c077fc486aa6ea82b7f30bd79f234b3b0"}'
).encode()
NUMBER_SIGNATURE = "32e66152224e458a5c8f5e9cce27fea22033f73a79f1c56b79c5de55d2b5612e"
STANDARD_SIGNATURE = "v1,Sg9eqiW29AbtNtSCzpM/kA6CKNonWl4upSHGYjLrEqs="
V1_BODY = b'{"event":"agent.message","channel":"sms","timestamp":"2026-03-02T09:14:07.120Z","agentId":null,"data":{}}'
V1_SIGNATURE = "sha256=73d3b28cdf109507a6224def515f67c69dc5c7ad5b7be2681245b7b80a04e168"


def test_the_number_vector_is_280_bytes_and_verifies_both_ways() -> None:
    assert len(NUMBER_BODY) == 280
    assert signatures.number_header(SECRET, NUMBER_BODY) == NUMBER_SIGNATURE
    assert signatures.in_body(SECRET, NUMBER_BODY) == "a852516a91ff5a036d438b3e2d3d669c077fc486aa6ea82b7f30bd79f234b3b0"


def test_the_standard_webhooks_library_makes_the_published_signature() -> None:
    at = datetime.datetime.fromtimestamp(int(TIMESTAMP), datetime.UTC)
    assert standardwebhooks.Webhook(SECRET).sign(DELIVERY, at, NUMBER_BODY.decode()) == STANDARD_SIGNATURE
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{DELIVERY}.{TIMESTAMP}.".encode() + NUMBER_BODY
    assert "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() == STANDARD_SIGNATURE


def test_the_official_verifier_accepts_the_v1_vector_and_refuses_one_changed_byte() -> None:
    assert signatures.v1_header(SECRET, TIMESTAMP, V1_BODY) == V1_SIGNATURE
    event = agentphone.construct_event(V1_BODY, V1_SIGNATURE, SECRET, TIMESTAMP, tolerance=None)
    assert (event.event, event.channel, event.agent_id) == ("agent.message", "sms", None)
    changed = V1_BODY.replace(b"sms", b"mms")
    with pytest.raises(agentphone.WebhookVerificationError):
        agentphone.construct_event(changed, V1_SIGNATURE, SECRET, TIMESTAMP, tolerance=None)


def test_the_express_application_verifies_both_vectors(express: Express) -> None:
    hook = express.hook()
    hook.prepare(SECRET, reply="Hello")
    json_type = {"content-type": "application/json"}
    answer = express.http.post(hook.url, content=NUMBER_BODY, headers=json_type | {"x-agentphone-signature": NUMBER_SIGNATURE})
    assert answer.json() == {"reply": "Hello", "action": "respond"}
    express.http.post(
        hook.url,
        content=V1_BODY,
        headers=json_type | {"x-webhook-signature": V1_SIGNATURE, "x-webhook-timestamp": TIMESTAMP},
    )
    express.http.post(
        hook.url, content=NUMBER_BODY.replace(b"/", b"\\/"), headers=json_type | {"x-agentphone-signature": "0" * 64}
    )
    number, project, escaped = hook.seen()
    assert number["numberSignature"] and number["identical"] and not number["projectSignature"]
    assert project["projectSignature"] and project["identical"] and not project["numberSignature"]
    assert not escaped["numberSignature"] and not escaped["identical"]
