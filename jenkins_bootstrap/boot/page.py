"""The page on Jenkins' port while Jenkins is not there: why, and whether it is tried again.

Every answer is 503, so that a load balancer sees the controller as it is and GitHub delivers again. It reads
failed.json at each request and no other file, and shows nothing else of the controller.
"""

from __future__ import annotations

import html
import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jenkins_bootstrap.boot.failures import Failure
from jenkins_bootstrap.boot.layout import PORT, Layout
from jenkins_bootstrap.errors import BootstrapError

SECONDS = 10
"""How long one client may take."""
_LATER = 300
"""Retry-After, seconds, when nothing is tried by itself."""
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:4rem auto;padding:0 1rem;color:#1b1f24;"
    "background:#fff}h1{font-size:1.6rem;margin-bottom:.2rem}p.now{color:#57606a;margin-top:0}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1.5rem;border-top:1px solid #d0d7de;"
    "padding-top:1rem}dt{color:#57606a}dd{margin:0;overflow-wrap:anywhere;white-space:pre-wrap}"
    "dd.what{font-weight:600}@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}"
    "dt,p.now{color:#8d96a0}dl{border-color:#30363d}}"
)


def rows(failure: Failure | None) -> list[tuple[str, str]]:
    """What the page says, line by line."""
    if failure is None:
        return [("Why", "not known yet"), ("Try", "journalctl -u jenkins.service on the controller")]
    said = []
    for each in failure.reasons:
        said += [("Where", each.where), ("What", each.what), ("Try", each.hint)]
    said.append(("When", failure.at))
    if failure.attempt:
        said.append(("Attempt", f"{failure.attempt} of {failure.attempts}"))
    return [(name, value) for name, value in [*said, ("Next", _next(failure))] if value]


def as_text(failure: Failure | None) -> str:
    lines = [f"{name}: {value}" for name, value in rows(failure)]
    return "\n".join(["Jenkins is not available.", *lines, ""])


def as_html(failure: Failure | None) -> str:
    listed = "".join(
        f'<dt>{html.escape(name)}</dt><dd class="{name.lower()}">{html.escape(value)}</dd>'
        for name, value in rows(failure)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<title>Jenkins is not available</title><style>{_STYLE}</style></head><body>"
        "<h1>Jenkins is not available</h1>"
        '<p class="now">This controller did not come up. It stays closed until it can come up whole.</p>'
        f"<dl>{listed}</dl></body></html>\n"
    )


def as_json(failure: Failure | None) -> str:
    reasons = [{"where": e.where, "what": e.what, "try": e.hint} for e in failure.reasons] if failure else []
    return json.dumps({"errors": reasons, "next_seconds": failure.next_seconds if failure else None}) + "\n"


def server(layout: Layout, *, host: str = "", port: int = PORT) -> ThreadingHTTPServer:
    """A server that is bound and not yet serving; all addresses by default. Raises BootstrapError for a port in use."""
    failed = layout.failed

    class Handler(_Page):
        path_of_failure = failed

    try:
        return _Server((host, port), Handler)
    except OSError as error:
        raise BootstrapError(
            f"{error.strerror or error}", where=f"port {port}", hint="another process has it: ss -ltnp"
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class _Page(BaseHTTPRequestHandler):
    path_of_failure: Path
    protocol_version = "HTTP/1.1"
    server_version = "jenkins-bootstrap"
    sys_version = ""
    timeout = SECONDS

    def _answer(self) -> None:
        failure = Failure.read(self.path_of_failure)
        kind, text = self._as_wanted(failure)
        body = text.encode("utf-8", "replace")
        later = failure.next_seconds if failure is not None and failure.next_seconds is not None else _LATER
        self.send_response(503)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", str(later))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        # What a request carries is not read, so its connection cannot be used again.
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer  # noqa: N815 - names of the library

    def _as_wanted(self, failure: Failure | None) -> tuple[str, str]:
        accepted = self.headers.get("Accept", "")
        if "text/html" in accepted:
            return "text/html", as_html(failure)
        if "application/json" in accepted:
            return "application/json", as_json(failure)
        return "text/plain", as_text(failure)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a health check each few seconds would fill the journal."""

    def setup(self) -> None:
        super().setup()
        # A client that is gone does not hold its thread.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _next(failure: Failure) -> str:
    if not failure.counted:
        return "tried again soon"
    if failure.next_seconds is not None:
        return f"tried again after {failure.next_seconds} s"
    return "nothing by itself: once the cause is gone, systemctl start jenkins, or replace the instance"
