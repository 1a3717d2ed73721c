"""The signature checks as a customer writes them from the documentation, with nothing but an HMAC."""

import hashlib
import hmac
import json


def number_header(secret: str, body: bytes) -> str:
    """`X-AgentPhone-Signature` over the raw bytes."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def in_body(secret: str, body: bytes) -> str:
    """The `signature` key: the same JSON, compact, in the same order, without that key."""
    event = json.loads(body)
    del event["signature"]
    compact = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(secret.encode(), compact.encode(), hashlib.sha256).hexdigest()


def v1_header(secret: str, timestamp: str, body: bytes) -> str:
    """`X-Webhook-Signature` over time stamp and raw bytes."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
