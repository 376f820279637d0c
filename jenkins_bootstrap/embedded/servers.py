"""The daemon's two HTTP servers: the AWS port (moto behind a gate, and the control path) and the GitHub port.

The gate is where every AWS call passes: it counts as use, holds the state lock while a call changes something, lets the
answer go only when the change is in the state file, and turns what moto cannot do into an answer that an SDK
understands at once (a bare 500 would be tried again for minutes).
"""

from __future__ import annotations

import io
import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from werkzeug.serving import WSGIRequestHandler, make_server

from jenkins_bootstrap.embedded.locks import StateLock

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
CONTROL = "/_embedded/"
READS = ("Describe", "Get", "List", "Head", "Search", "Lookup", "Validate", "Estimate", "BatchGet")


class Activity:
    """Who uses the daemon: the calls under way, and since when there is none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._last = clock()
        self.closing = False

    @contextmanager
    def call(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._last = self._clock()

    def close_if_idle(self, seconds: float) -> bool:
        """Begin to close when nothing has used the daemon for so long; from then on no call begins."""
        with self._lock:
            if not self.closing and self._running == 0 and self._clock() - self._last >= seconds:
                self.closing = True
            return self.closing

    def close(self) -> None:
        with self._lock:
            self.closing = True

    def quiet(self) -> bool:
        with self._lock:
            return self._running == 0


class Gate:
    """WSGI: AWS calls to `moto`, control calls to `control`."""

    def __init__(
        self, moto: Wsgi, control: Wsgi, lock: StateLock, save: Callable[[bool], None], activity: Activity
    ) -> None:
        """`save` is called after each call, with whether it was one that only reads."""
        self._moto = moto
        self._control = control
        self._lock = lock
        self._save = save
        self._activity = activity

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(CONTROL):
            return self._control(environ, start_response)
        with self._activity.call():
            if self._activity.closing:
                status, headers, body = _refusal(environ, "ServiceUnavailable", "the embedded AWS is ending", 503)
            else:
                reads = is_read(environ)
                with nullcontext() if reads else self._lock:
                    status, headers, body = self._answer(environ)
                try:
                    self._save(reads)
                except Exception as error:
                    traceback.print_exc()
                    status, headers, body = _refusal(environ, "InternalFailure", f"not kept: {error}", 500)
        start_response(status, headers)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        got: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
            got[:] = [status, headers]
            return lambda _data: None

        try:
            answer = self._moto(environ, start)
            body = b"".join(answer)
            if hasattr(answer, "close"):
                answer.close()
            return got[0], got[1], body
        except NotImplementedError as error:
            return _refusal(environ, "UnsupportedOperation", f"not in the embedded AWS: {error}", 400)
        except Exception as error:
            traceback.print_exc()
            text = f"the embedded AWS failed at this call: {type(error).__name__}: {error}"
            return _refusal(environ, "UnsupportedOperation", text, 400)


def action(environ: dict[str, Any]) -> str | None:
    """The name of the AWS call in a request; the body can still be read afterwards. None for a REST call."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        named = parse_qs(body.decode("latin-1")).get("Action")
        return named[0] if named else None
    named = parse_qs(environ.get("QUERY_STRING", "")).get("Action")
    return named[0] if named else None


def is_read(environ: dict[str, Any]) -> bool:
    """Whether a request only reads; an unknown one counts as a change."""
    name = action(environ)
    return environ["REQUEST_METHOD"] in ("GET", "HEAD") if name is None else name.startswith(READS)


def _refusal(environ: dict[str, Any], code: str, message: str, status: int) -> tuple[str, list[tuple[str, str]], bytes]:
    """An error as the protocol of the request wants it: JSON, EC2's XML, or that of the other query services."""
    if environ.get("HTTP_X_AMZ_TARGET"):
        kind, text = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message})
    else:
        error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        ec2 = "/ec2/" in environ.get("HTTP_AUTHORIZATION", "")
        text = (
            f"<Response><Errors>{error}</Errors><RequestID>embedded</RequestID></Response>"
            if ec2
            else f"<ErrorResponse>{error}<RequestId>embedded</RequestId></ErrorResponse>"
        )
        kind = "text/xml"
    body = text.encode()
    return f"{status} {code}", [("Content-Type", kind), ("Content-Length", str(len(body)))], body


class Control:
    """WSGI under `/_embedded/`: for this project's own client and tests; every call needs the daemon's token."""

    def __init__(self, token: str, handlers: dict[str, Callable[[Any], Any]]) -> None:
        """`handlers` takes a path's last part to a function from the request's JSON (or None) to the answer's."""
        self._token = token
        self._handlers = handlers

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, value = self._handle(environ)
        body = json.dumps(value).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _handle(self, environ: dict[str, Any]) -> tuple[str, Any]:
        if environ.get("HTTP_X_EMBEDDED_TOKEN") != self._token:
            return "403 Forbidden", {"what": "wrong token"}
        handler = self._handlers.get(environ["PATH_INFO"].removeprefix(CONTROL))
        if handler is None:
            return "404 Not Found", {"what": "no such control call"}
        length = int(environ.get("CONTENT_LENGTH") or 0)
        try:
            return "200 OK", handler(json.loads(environ["wsgi.input"].read(length)) if length else None)
        except Exception as error:
            traceback.print_exc()
            return "500 Failed", {
                "what": getattr(error, "what", f"{type(error).__name__}: {error}"),
                "where": getattr(error, "where", ""),
                "hint": getattr(error, "hint", ""),
            }


class Counted:
    """WSGI: passes everything on, and counts as use."""

    def __init__(self, app: Wsgi, activity: Activity) -> None:
        self._app = app
        self._activity = activity

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._activity.call():
            answer = self._app(environ, start_response)
            try:
                # Streamed on, as a clone may be large; the call lasts until the last byte is away.
                yield from answer
            finally:
                if hasattr(answer, "close"):
                    answer.close()


class QuietHandler(WSGIRequestHandler):  # type: ignore[misc]
    """Without a line a request in the log, and without a name look-up of the client."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def log(self, type: str, message: str, *args: Any) -> None:
        print(f"{type}: {message % args if args else message}", file=sys.stderr, flush=True)

    def address_string(self) -> str:
        return str(self.client_address[0])


def serve(app: Wsgi, handler: type[WSGIRequestHandler] = QuietHandler) -> Any:
    """Serve an app on a free port of 127.0.0.1 in a thread; the server's `port` says which, `shutdown()` ends it."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), name="server", daemon=True).start()
    return server
