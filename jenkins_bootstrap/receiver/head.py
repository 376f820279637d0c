"""What a delivery's head tells: whatever can be refused by it is refused before the body is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jenkins_bootstrap.receiver import signature

if TYPE_CHECKING:
    from aiohttp import web

MOST_BYTES = 25_000_000
"""GitHub sends no larger payload ("Webhook events and payloads": capped at 25 MB)."""
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
_WORD = re.compile(r"[\x21-\x7e]{1,100}")


class Refused(Exception):
    """A delivery that is not taken: the status of HTTP, a word for the count, and what is wrong, in words."""

    def __init__(self, status: int, outcome: str, what: str) -> None:
        super().__init__(what)
        self.status, self.outcome, self.what = status, outcome, what


@dataclass(frozen=True, slots=True)
class Head:
    """Of a delivery that may be GitHub's: its signature is well formed and not yet looked into, its body `length` bytes
    of JSON, or (`is_form`) a form with JSON in it. `peer` is who sent it, as far as that is known."""

    event: str
    delivery: str
    hook: str
    signature: str
    is_form: bool
    length: int
    peer: str


def read_head(request: web.Request) -> Head:
    """Raises Refused."""
    length = request.content_length
    if length is None:
        raise Refused(411, "no_length", "Content-Length is missing")
    if length > MOST_BYTES:
        raise Refused(413, "too_large", f"more than {MOST_BYTES} bytes")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(415, "wrong_type", "the body must not be compressed")
    if request.content_type not in (JSON, FORM):
        raise Refused(415, "wrong_type", f"{JSON}, or a form with payload")
    if request.charset is not None and request.charset.lower().replace("-", "") not in ("utf8", "usascii"):
        raise Refused(415, "wrong_type", "the charset must be UTF-8")
    signed = request.headers.get(signature.HEADER)
    if signed is None:
        what = "signed with SHA-1 alone" if signature.SHA1_HEADER in request.headers else "not signed"
        raise Refused(401, "unsigned", f"{what}; give the hook its secret")
    if not signature.SHAPE.fullmatch(signed):
        raise Refused(401, "wrong_signature", f"{signature.HEADER} must be sha256= and 64 hex digits")
    event, delivery, hook = (_word(request, f"X-GitHub-{name}") for name in ("Event", "Delivery", "Hook-ID"))
    if not event or not delivery:
        raise Refused(400, "malformed", "X-GitHub-Event or X-GitHub-Delivery is missing")
    return Head(event, delivery, hook, signed, request.content_type == FORM, length, peer_of(request))


def _word(request: web.Request, name: str) -> str:
    value = request.headers.get(name, "")
    if value and not _WORD.fullmatch(value):
        raise Refused(400, "malformed", f"{name} is none that GitHub sends")
    return value


def peer_of(request: web.Request) -> str:
    """The address that the load balancer, which all come through, added last."""
    return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or request.remote or ""
