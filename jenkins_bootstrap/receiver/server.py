"""The HTTP face: deliveries, health, figures, and a reconciliation that somebody asks for."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.config.controller import RECEIVER_PATH
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.head import Refused
from jenkins_bootstrap.receiver.intake import Intake, Taken
from jenkins_bootstrap.receiver.telling import Metrics, Say, line

if TYPE_CHECKING:
    from aiohttp import web

    from jenkins_bootstrap.receiver.keys import Keys
    from jenkins_bootstrap.receiver.queue import Queue
    from jenkins_bootstrap.receiver.worker import Worker

_MACHINE = [ipaddress.ip_network(one) for one in ("127.0.0.0/8", "::1/128")]
_ID = re.compile(r"[0-9a-f]{16}")


class Server:
    """The handlers. `token` reads the reconcile token, which a boot makes; empty when there is none."""

    def __init__(
        self,
        queue: Queue,
        keys: Keys,
        intake: Intake,
        worker: Worker,
        *,
        token: Callable[[], str],
        metrics: Metrics,
        metrics_from: Sequence[str],
        say: Say,
    ) -> None:
        self._queue, self._keys, self._intake, self._worker = queue, keys, intake, worker
        self._token, self._metrics, self._say = token, metrics, say
        self._metrics_from = _MACHINE + [ipaddress.ip_network(one) for one in metrics_from]

    def app(self) -> web.Application:
        from aiohttp import web

        app = web.Application()
        root = f"/{RECEIVER_PATH}"
        app.router.add_post(f"{root}/webhook", self._explained(self._webhook))
        app.router.add_get(f"{root}/healthz", self._explained(self._health))
        app.router.add_get("/healthz", self._explained(self._health))
        app.router.add_get(f"{root}/metrics", self._explained(self._figures))
        app.router.add_post(f"{root}/reconcile", self._explained(self._ask))
        app.router.add_get(f"{root}/reconcile/{{id}}", self._explained(self._asked))
        return app

    def _explained(
        self, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """What the queue cannot do is a 503; what nobody expected a 500 without a word of it."""
        from aiohttp import web

        async def handle(request: web.Request) -> web.Response:
            try:
                return await handler(request)
            except BootstrapError as error:
                self._say(line("http", path=request.path, status=503, error=error.what))
                return web.json_response({"error": error.what}, status=503)
            except web.HTTPException:
                raise
            except Exception as error:
                self._say(line("http", path=request.path, status=500, error=type(error).__name__))
                return web.json_response({"error": "unexpected"}, status=500)

        return handle

    async def _webhook(self, request: web.Request) -> web.Response:
        from aiohttp import web

        started = time.monotonic()
        try:
            taken = await self._intake.take(request)
        except Refused as refused:
            taken = Taken(refused.status, refused.outcome, refused.what)
        seconds = time.monotonic() - started
        event = request.headers.get("X-GitHub-Event", "")
        self._metrics.delivered(event, taken.outcome, seconds)
        self._say(
            line(
                "delivery",
                event=event[:60] or "none",
                action=taken.action or None,
                outcome=taken.outcome,
                hook=request.headers.get("X-GitHub-Hook-ID", "")[:60] or None,
                id=request.headers.get("X-GitHub-Delivery", "")[:60] or None,
                repositories=",".join(map(str, taken.effect.targets[:3])) or None,
                because=taken.what,
                seconds=seconds,
            )
        )
        response = web.json_response({"outcome": taken.outcome, "because": taken.what}, status=taken.status)
        if not request.content.is_eof():
            response.force_close()  # the rest of the body is not read
        if taken.status in (429, 503):
            response.headers["Retry-After"] = "60"
        return response

    async def _health(self, request: web.Request) -> web.Response:
        """Whether it works, for anybody; how, for those on this machine alone, as names of repositories are in it."""
        from aiohttp import web

        well = not self._worker.has_died
        state: dict[str, Any] = {"status": "ok" if well else "the worker has ended"}
        if comes_from(request, _MACHINE):
            waiting = await asyncio.to_thread(self._queue.waiting)
            failing = await asyncio.to_thread(self._queue.failing)
            state |= {
                "secrets": len(self._keys.secrets()),
                "waiting": waiting.length,
                "oldest_seconds": None if waiting.oldest is None else round(max(0.0, time.time() - waiting.oldest), 1),
                "failing": [
                    {"what": one.what, "attempts": one.attempts, "error": one.error, "again": round(one.due)}
                    for one in failing
                ],
            }
        return web.json_response(state, status=200 if well else 503)

    async def _figures(self, request: web.Request) -> web.Response:
        from aiohttp import web

        if not comes_from(request, self._metrics_from):
            raise web.HTTPNotFound
        text = await asyncio.to_thread(self._metrics.text)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _ask(self, request: web.Request) -> web.Response:
        from aiohttp import web

        self._check_token(request)
        id_ = await asyncio.to_thread(self._queue.ask, time.time())
        self._worker.wake()
        self._say(line("request", id=id_, outcome="queued"))
        return web.Response(text=id_, status=202) if wants_text(request) else web.json_response({"id": id_}, status=202)

    async def _asked(self, request: web.Request) -> web.Response:
        from aiohttp import web

        self._check_token(request)
        id_ = request.match_info["id"]
        found = await asyncio.to_thread(self._queue.asked, id_) if _ID.fullmatch(id_) else None
        if found is None:
            return web.json_response({"error": "no such request"}, status=404)
        if wants_text(request):  # what a Pipeline in its sandbox can read, which may parse no JSON
            return web.Response(
                text="\n".join((found.state, *(one for told in found.lines for one in told.splitlines())))
            )
        seconds = round(found.ended - found.started, 1) if found.ended and found.started else None
        return web.json_response(
            {"id": id_, "state": found.state, "seconds": seconds, "lines": list(found.lines)},
        )

    def _check_token(self, request: web.Request) -> None:
        from aiohttp import web

        wanted, (kind, _, given) = self._token(), request.headers.get("Authorization", "").partition(" ")
        # Compared as bytes: a header may hold anything.
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), wanted.encode())
        if not wanted or kind.lower() != "bearer" or not same:
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})


def wants_text(request: web.Request) -> bool:
    return "text/plain" in request.headers.get("Accept", "")


def comes_from(request: web.Request, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """Whether the peer is in one of them, and no proxy that speaks for somebody else."""
    try:
        peer = ipaddress.ip_address(request.remote or "")
    except ValueError:
        return False
    return "X-Forwarded-For" not in request.headers and any(peer in network for network in networks)
