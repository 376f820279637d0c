"""Takes a delivery in: reads it within bounds, checks who sent it, and has it on the disk before it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver import signature
from jenkins_bootstrap.receiver.body import SMALL, Bodies
from jenkins_bootstrap.receiver.events import Effect, Malformed, action_of, effect_of
from jenkins_bootstrap.receiver.head import Refused, peer_of, read_head
from jenkins_bootstrap.receiver.keys import Keys
from jenkins_bootstrap.receiver.queue import Delivery, Queue, Verdict

if TYPE_CHECKING:
    from aiohttp import web

    from jenkins_bootstrap.config.models import Settings

REFRESH_SECONDS = 5.0


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
        self._batch: list[tuple[Delivery, asyncio.Future[Verdict]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._refreshing: asyncio.Task[None] | None = None
        # Of its own, so that nothing else that waits in a thread holds the answers up.
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="queue")
        self.bodies = Bodies()

    async def take(self, request: web.Request) -> Taken:
        """One delivery. Raises Refused."""
        try:
            head = read_head(request)
        except Refused:
            await self._drain(request)
            raise
        async with self.bodies.read(request, head.length, head.peer) as body:
            await self._check(head.signature, body)
            payload = payload_of(body, is_form=head.is_form)
        try:
            effect = effect_of(head.event, payload, self._settings)
        except Malformed as error:
            raise Refused(400, "malformed", str(error)) from None
        action = action_of(payload)
        if not effect:
            outcome = "ping" if head.event == "ping" else "ignored"
            return Taken(200, outcome, effect.because, effect, action)
        delivery = Delivery(head.hook, head.delivery, time.time(), effect.targets, effect.everything)
        verdict = await self._commit(delivery)
        if verdict == "full":
            raise Refused(429, "full", "too much waits already; the next full reconciliation makes up for it")
        if verdict == "duplicate":
            return Taken(200, "duplicate", "has been taken in before", effect, action)
        self._woken()
        return Taken(202, "queued", effect.because, effect, action)

    async def _drain(self, request: web.Request) -> None:
        """Read a small body that is refused: closed with bytes unread a connection is reset, and the answer lost."""
        if request.content_length is not None and request.content_length <= SMALL:
            with contextlib.suppress(Refused):
                async with self.bodies.read(request, request.content_length, peer_of(request)):
                    pass

    async def _check(self, header: str, body: bytearray) -> None:
        """The signature. A wrong one has the secret read again, as it may have been rotated since."""
        if await self._is_signed(header, body):
            return
        if await self._refreshed() and await self._is_signed(header, body):
            return
        if not self._keys.secrets():
            raise Refused(503, "no_secret", "the secret could not be read yet")
        raise Refused(401, "wrong_signature", "the signature is not of a secret in force")

    async def _is_signed(self, header: str, body: bytearray) -> bool:
        """In a thread where it takes long: the largest takes a tenth of a second."""
        secrets = self._keys.secrets()
        if len(body) <= SMALL:
            return signature.is_signed(header, body, secrets)
        return await asyncio.to_thread(signature.is_signed, header, body, secrets)

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


def payload_of(body: bytes | bytearray, *, is_form: bool) -> Mapping[str, Any]:
    """The JSON object of a body, sent as such or in a form's field `payload`. Raises Refused."""
    try:
        text = body.decode("utf-8")
        if is_form:
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
