"""Serves the embedded Jenkins over HTTP/1.1 with kept connections, a thread each.

By hand, as a general server takes longer for a request than what is asked here: thousands of calls a second matter when
10,000 jobs are made. Only what an HTTP client of ours, python-jenkins or curl sends is understood.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from jenkins_bootstrap.embedded.jenkins.app import VERSION, App, CutOff, Request, Response
from jenkins_bootstrap.embedded.jenkins.store import Store
from jenkins_bootstrap.embedded.layout import JENKINS_USER

MOST_BODY = 20 * 1024 * 1024
MOST_LINES = 100
NO_TOKEN = "not-a-real-token"  # noqa: S105 - for tests
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Server:
    """Listens on a free port of 127.0.0.1 from the moment it is made. `app` is asked for at the first request."""

    def __init__(self, app: Callable[[], App], call: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """`call` is entered for each request."""
        self._app = app
        self._call = call
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._accept, name="jenkins", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def shutdown(self) -> None:
        self._ended.set()
        for one in (self._socket, *list(self._open)):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _pause(self, seconds: float) -> None:
        self._ended.wait(seconds)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError, CutOff):
                while self._one(connection, stream):
                    pass
        finally:
            self._open.discard(connection)

    def _one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """Answers a request; whether another may come."""
        line = stream.readline(65_536)
        if not line.strip():
            return False
        with self._call():
            read = _read(line, connection, stream)
            if isinstance(read, int):
                connection.sendall(_written(Response(read), False))
                return False
            request, keep = read
            try:
                answer = self._app()(request, self._pause)
            except CutOff:
                raise
            except Exception:
                traceback.print_exc()
                answer = Response(501, b"<html>the embedded Jenkins failed at this call</html>")
            connection.sendall(_written(answer, keep))
            return keep


def _read(line: bytes, connection: socket.socket, stream: BinaryIO) -> tuple[Request, bool] | int:
    """A request and whether its connection is to be kept, or the status that refuses it."""
    parts = line.split()
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        return 400
    headers: dict[str, str] = {}
    for _ in range(MOST_LINES):
        one = stream.readline(65_536)
        if one in (b"\r\n", b"\n", b""):
            break
        name, _, value = one.partition(b":")
        headers[name.strip().lower().decode("latin-1")] = value.strip().decode("latin-1")
    else:
        return 431
    if "transfer-encoding" in headers:
        return 501
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MOST_BODY:
        return 413
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = stream.read(int(length)) if length != "0" else b""
    wanted = headers.get("connection", "").lower()
    keep = wanted != "close" if parts[2] == b"HTTP/1.1" else wanted == "keep-alive"
    return Request(parts[0].decode("latin-1"), parts[1].decode("latin-1"), headers, body), keep


def _written(answer: Response, keep: bool) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}", f"X-Jenkins: {VERSION}"]
    lines += [f"Content-Type: {answer.kind}", f"Content-Length: {len(answer.body)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if not keep:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + answer.body


class Mount:
    """The embedded Jenkins of a folder, loaded at the first request: many commands make none."""

    def __init__(self, folder: Path, token: str) -> None:
        self._folder = folder
        self._token = token
        self._lock = threading.Lock()
        self._made: App | None = None
        self.url = "http://127.0.0.1/"

    def __call__(self) -> App:
        with self._lock:
            if self._made is None:
                self._made = App(Store(self._folder / "jobs.db"), self._token)
                self._made.url = self.url
            return self._made


class Running:
    """An embedded Jenkins in this process, for tests: `app` has its calls, faults, scans and items."""

    def __init__(self, folder: Path, *, token: str = NO_TOKEN, scan_after_save: bool = False) -> None:
        self.user, self.token = JENKINS_USER, token
        self.app = App(Store(folder / "jobs.db"), token, scan_after_save=scan_after_save)
        self.server = Server(lambda: self.app)
        self.url = self.app.url = self.server.url

    def close(self) -> None:
        self.server.shutdown()
        self.app.store.close()


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    token: str = NO_TOKEN,
    scan_after_save: bool = False,
) -> Iterator[Running]:
    """An embedded Jenkins with its items in `folder`; ended with the block, its items stay."""
    made = Running(folder, token=token, scan_after_save=scan_after_save)
    try:
        yield made
    finally:
        made.close()
