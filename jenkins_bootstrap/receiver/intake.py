"""Takes a delivery in: reads it within bounds, checks who sent it, and has it on the disk before it is answered."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver import signature
from jenkins_bootstrap.receiver.events import Effect, Malformed, action_of, effect_of
from jenkins_bootstrap.receiver.keys import Keys
from jenkins_bootstrap.receiver.queue import Delivery, Queue, Verdict

if TYPE_CHECKING:
    from aiohttp import web

    from jenkins_bootstrap.config.models import Settings

MOST_BYTES = 25_000_000
"""GitHub sends no larger payload ("Webhook events and payloads": capped at 25 MB)."""
MOST_BYTES_AT_ONCE = 4 * MOST_BYTES
"""Bodies under way, of everybody together: before the signature is checked, anybody may send them."""
BODY_SECONDS = 10.0
"""GitHub itself gives up after ten."""
REFRESH_SECONDS = 5.0
_CHUNK = 64 * 1024
_HEADER = re.compile(r"[\x21-\x7e]{1,100}")


class Refused(Exception):
    """A delivery that is not taken: the status of HTTP, a word for the count, and what is wrong, in words."""

    def __init__(self, status: int, outcome: str, what: str) -> None:
        super().__init__(what)
        self.status, self.outcome, self.what = status, outcome, what


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery: the answer's status, a word for the count, and the same in words."""

    status: int
    outcome: str
    what: str
    effect: Effect = field(default_factory=lambda: Effect(""))
    action: str = ""


class Intake:
    """Everything from a request's first byte to the commit. All of it runs in the event loop but the disk's part."""

    def __init__(self, settings: Settings, queue: Queue, keys: Keys, woken: Callable[[], None]) -> None:
        self._settings, self._queue, self._keys, self._woken = settings, queue, keys, woken
        self._bytes = 0
        self._batch: list[tuple[Delivery, asyncio.Future[Verdict]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        # Of its own, so that nothing else that waits in a thread holds the answers up.
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="queue")
        self.body_seconds = BODY_SECONDS

    async def take(self, request: web.Request) -> Taken:
        """One delivery. Raises Refused."""
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused(415, "wrong_type", "the body must not be compressed")
        body = await self._body(request)
        await self._check(request.headers.get(signature.HEADER), signature.SHA1_HEADER in request.headers, body)
        event, delivery, hook = (
            _header(request, name) for name in ("X-GitHub-Event", "X-GitHub-Delivery", "X-GitHub-Hook-ID")
        )
        if not event or not delivery:
            raise Refused(400, "malformed", "X-GitHub-Event or X-GitHub-Delivery is missing")
        payload = payload_of(request.content_type, request.charset, body)
        try:
            effect = effect_of(event, payload, self._settings)
        except Malformed as error:
            raise Refused(400, "malformed", str(error)) from None
        action = action_of(payload)
        if not effect:
            outcome = "ping" if event == "ping" else "ignored"
            return Taken(200, outcome, effect.because, effect, action)
        verdict = await self._commit(Delivery(hook, delivery, time.time(), effect.targets, effect.everything))
        if verdict == "full":
            raise Refused(429, "full", "too much waits already; the next full reconciliation makes up for it")
        if verdict == "duplicate":
            return Taken(200, "duplicate", "has been taken in before", effect, action)
        self._woken()
        return Taken(202, "queued", effect.because, effect, action)

    async def _body(self, request: web.Request) -> bytes:
        """The raw body, read no further than allowed."""
        from aiohttp import ClientPayloadError

        if (request.content_length or 0) > MOST_BYTES:
            raise Refused(413, "too_large", f"more than {MOST_BYTES} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(self.body_seconds):
                async for chunk in request.content.iter_chunked(_CHUNK):
                    body += chunk
                    self._bytes += len(chunk)
                    if len(body) > MOST_BYTES:
                        raise Refused(413, "too_large", f"more than {MOST_BYTES} bytes")
                    if self._bytes > MOST_BYTES_AT_ONCE:
                        raise Refused(503, "full", "too many large bodies at once")
        except TimeoutError:
            raise Refused(408, "slow", f"the body was not there within {self.body_seconds:.0f} s") from None
        except (ClientPayloadError, ConnectionError):
            raise Refused(400, "cut_off", "the body ended early") from None
        finally:
            self._bytes -= len(body)
        return bytes(body)

    async def _check(self, header: str | None, has_sha1: bool, body: bytes) -> None:
        """The signature. A wrong one has the secret read again, as it may have been rotated since."""
        if header is None:
            what = "signed with SHA-1 alone" if has_sha1 else "not signed"
            raise Refused(401, "unsigned", f"{what}; give the hook its secret")
        if signature.is_signed(header, body, self._keys.secrets()):
            return
        if await self._refreshed() and signature.is_signed(header, body, self._keys.secrets()):
            return
        if not self._keys.secrets():
            raise Refused(503, "no_secret", "the secret could not be read yet")
        raise Refused(401, "wrong_signature", "the signature is not of a secret in force")

    async def _refreshed(self) -> bool:
        """Have the secret read again, once for all who wait for it. False when it was read a moment ago."""
        if self._refreshing is None or self._refreshing.done():
            if not self._keys.may_ask():
                return False
            self._refreshing = asyncio.create_task(asyncio.to_thread(self._keys.refresh))
        await asyncio.wait([self._refreshing], timeout=REFRESH_SECONDS)  # the reading itself goes on
        return True

    async def _commit(self, delivery: Delivery) -> Verdict:
        """Have it written; deliveries that come while one is being written go together into the next commit."""
        done: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._batch.append((delivery, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await done

    async def _write(self) -> None:
        while self._batch:
            batch, self._batch = self._batch, []
            try:
                write = partial(self._queue.add, [delivery for delivery, _ in batch])
                verdicts = await asyncio.get_running_loop().run_in_executor(self._disk, write)
            except BootstrapError as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(Refused(503, "not_written", f"{error.what}: not taken in"))
                continue
            for (_, done), verdict in zip(batch, verdicts, strict=True):
                if not done.done():  # whoever sent it may be gone
                    done.set_result(verdict)


def payload_of(content_type: str, charset: str | None, body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body, sent as such or in a form's field `payload`. Raises Refused."""
    if content_type not in ("application/json", "application/x-www-form-urlencoded"):
        raise Refused(415, "wrong_type", "application/json, or a form with payload")
    if charset is not None and charset.lower().replace("-", "") not in ("utf8", "usascii"):
        raise Refused(415, "wrong_type", "the charset must be UTF-8")
    try:
        text = body.decode("utf-8")
        if content_type != "application/json":
            fields = parse_qs(text, encoding="utf-8", errors="strict", max_num_fields=10)
            if len(fields.get("payload", ())) != 1:
                raise Refused(400, "malformed", "the form has no field payload, or several")
            text = fields["payload"][0]
        value = json.loads(text)
    except UnicodeDecodeError:
        raise Refused(400, "malformed", "the body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Refused(400, "malformed", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refused(400, "malformed", "the body is JSON, but no object")
    return value


def _header(request: web.Request, name: str) -> str:
    value = request.headers.get(name, "")
    if value and not _HEADER.fullmatch(value):
        raise Refused(400, "malformed", f"{name} is none that GitHub sends")
    return value
