"""GitHub's signature of a delivery, HMAC-SHA256 over the raw body (GitHub: "Validating webhook deliveries")."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

HEADER = "X-Hub-Signature-256"
SHA1_HEADER = "X-Hub-Signature"
SHAPE = re.compile(r"sha256=[0-9a-f]{64}")


def sign(secret: str, body: bytes | bytearray) -> str:
    """The header's value for this body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(header: str | None, body: bytes | bytearray, secrets: Iterable[str]) -> bool:
    """Whether one of the secrets made this signature. Every one is tried, each compared in constant time.

    An empty secret never counts: anybody can sign with it.
    """
    if header is None or not SHAPE.fullmatch(header):
        return False
    matches = [hmac.compare_digest(sign(secret, body), header) for secret in secrets if secret]
    return any(matches)
