"""What is posted and how it is signed (Standard Webhooks 1.0). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

from staycalm.ports.errors import InvalidSpec
from staycalm.ports.messages import Message

BODY_LIMIT_BYTES = 256 * 1024
_PREFIX = "whsec_"


def body_of(message: Message) -> bytes:
    """Return the JSON body, with keys in a fixed order; raises InvalidSpec when it is too large or no JSON."""
    content = {
        "id": message.idempotency_key,
        "subject": message.subject,
        "text": message.text,
        "priority": message.priority,
        "action_url": message.action_url,
        "is_duplicate_possible": message.is_duplicate_possible,
        "data": message.data,
    }
    try:
        body = json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError) as error:
        raise InvalidSpec(f"the webhook's data is not JSON: {error}") from None
    if len(body) > BODY_LIMIT_BYTES:
        raise InvalidSpec(f"the webhook's body has {len(body)} bytes; {BODY_LIMIT_BYTES} are the limit")
    return body


def key_of(secret: str) -> bytes:
    """Return the key's bytes: what follows `whsec_` is base64, any other text stands for itself."""
    if not secret.startswith(_PREFIX):
        return secret.encode("utf-8")
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSpec("webhook.secret starts with whsec_ but what follows is not base64") from None


def signature(key: bytes, *, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")
