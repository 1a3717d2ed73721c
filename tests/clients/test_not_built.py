"""What later stages bring answers 404 with `NOT_AVAILABLE` until it is there, never a 5xx that clients would repeat."""

import pytest

from harness.account import client
from harness.errors import assert_v1

LATER = [
    ("GET", "/v1/contacts"), ("POST", "/v1/contacts"), ("GET", "/v1/contacts/con_x"), ("PATCH", "/v1/contacts/con_x"),
    ("DELETE", "/v1/contacts/con_x"),
    ("GET", "/v1/numbers/available"), ("GET", "/v1/numbers/lookup?phoneNumbers=%2B14155550142"),
    ("GET", "/v1/numbers/num_x/calls"), ("GET", "/v1/numbers/num_x/contact-card"), ("PUT", "/v1/numbers/num_x/contact-card"),
    ("DELETE", "/v1/numbers/num_x/contact-card"),
    ("GET", "/v1/agents/voices"), ("GET", "/v1/agents/agt_x/calls"),
    ("GET", "/v1/usage"), ("GET", "/v1/usage/daily"), ("GET", "/v1/usage/monthly"), ("GET", "/v1/usage/by-number"),
    ("GET", "/v1/usage/by-agent"), ("GET", "/v1/usage/statement"),
    ("POST", "/v1/register"), ("GET", "/v1/register"), ("PATCH", "/v1/register"), ("GET", "/v1/register/status"),
    ("GET", "/v1/sub-accounts"), ("POST", "/v1/sub-accounts"), ("PATCH", "/v1/sub-accounts/acct_x"), ("DELETE", "/v1/sub-accounts/acct_x"),
    ("POST", "/v1/verify/send"), ("POST", "/v1/verify/check"), ("POST", "/v1/feedback"),
    ("GET", "/v1/calls"), ("POST", "/v1/calls"), ("POST", "/v1/calls/web"), ("GET", "/v1/calls/call_x"), ("POST", "/v1/calls/call_x/end"),
    ("GET", "/v1/calls/call_x/recording"), ("GET", "/v1/calls/call_x/transcript"), ("GET", "/v1/calls/call_x/transcript/stream"),
    ("GET", "/v1/sip-trunks"), ("POST", "/v1/sip-trunks"), ("GET", "/v1/sip-trunks/x"), ("PATCH", "/v1/sip-trunks/x"), ("DELETE", "/v1/sip-trunks/x"),
    ("GET", "/v1/location/%2B14155550142"), ("POST", "/v1/location/refresh"),
    ("POST", "/integrations/whatsapp/connect"), ("GET", "/integrations/whatsapp/status"), ("DELETE", "/integrations/whatsapp/x"),
    ("GET", "/integrations/whatsapp/x/available-numbers"), ("POST", "/integrations/whatsapp/x/numbers"),
    ("GET", "/integrations/whatsapp/x/templates"), ("POST", "/integrations/whatsapp/x/templates"), ("DELETE", "/integrations/whatsapp/x/templates"),
]


@pytest.mark.parametrize(("method", "path"), LATER, ids=[f"{method} {path}" for method, path in LATER])
def test_it_is_not_available_yet(method, path, account) -> None:
    body = {} if method in ("POST", "PUT", "PATCH") else None
    assert_v1(account.http.request(method, path, json=body), 404, "NOT_AVAILABLE")


@pytest.mark.parametrize("path", ["/v0/agent/sign-up", "/v0/agent/verify"])
def test_signing_up_needs_no_key_and_is_not_available_yet(path, server) -> None:
    assert_v1(client(server.origin, None).post(path, json={}), 404, "NOT_AVAILABLE")
