"""A final as others are posted it: JSON, signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sotto.audio.format import seconds
from sotto.errors import BadOption
from sotto.interfaces.outbox import Delivery

TYPE = "transcript.final"
PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""How long the specification wants a secret to be."""
MAX_SECRETS = 2
"""The one in use, and the one before while receivers change over."""


def secrets_of(text: str) -> tuple[bytes, ...]:
    """`whsec_…`, or two with a space between. Raises BadOption, which does not tell them."""
    secrets = tuple(map(_secret_of, text.split()))
    if not 1 <= len(secrets) <= MAX_SECRETS:
        raise _bad(f"{len(secrets)} of them")
    return secrets


def _secret_of(word: str) -> bytes:
    if not word.startswith(PREFIX):
        raise _bad("one that begins otherwise")
    try:
        secret = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise _bad("one that is no base64") from None
    if len(secret) not in SECRET_BYTES:
        raise _bad(f"one of {len(secret)} bytes")
    return secret


def _bad(got: str) -> BadOption:
    least, most = SECRET_BYTES[0], SECRET_BYTES[-1]
    return BadOption(
        "webhook.secret",
        f"expected webhook.secret to be {PREFIX} and {least} to {most} bytes in base64, "
        f"or {MAX_SECRETS} such with a space between, got {got}",
    )


def body_of(delivery: Delivery) -> bytes:
    """The same at each attempt; seconds are of the session's sound."""
    record, segment = delivery.record, delivery.segment
    data: dict[str, Any] = {
        "session": record.id,
        "dialect": record.dialect,
        "owner": record.owner,
        "group": record.group,
        "speaker": record.speaker,
        "utterance": segment.id,
        "text": segment.text,
        "start": seconds(segment.start),
        "end": seconds(segment.end),
        "language": segment.language,
        "language_probability": round(segment.language_probability, 4),
        "words": [
            {
                "word": word.text,
                "start": seconds(word.start),
                "end": seconds(word.end),
                "probability": round(word.probability, 4),
            }
            for word in segment.words
        ],
    }
    written = datetime.fromtimestamp(delivery.written, UTC).isoformat(timespec="milliseconds")
    message = {"type": TYPE, "timestamp": written.replace("+00:00", "Z"), "data": data}
    return json.dumps(message, separators=(",", ":")).encode()


def headers_of(
    delivery: Delivery, body: bytes, secrets: Sequence[bytes], now: float
) -> dict[str, str]:
    """Of an attempt that is made `now`, in seconds since 1970."""
    attempted = str(int(now))
    signed = f"{delivery.id}.{attempted}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(each, signed, "sha256")) for each in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "sotto",
        "webhook-id": delivery.id,
        "webhook-timestamp": attempted,
        "webhook-signature": " ".join(f"v1,{each.decode()}" for each in signatures),
    }
