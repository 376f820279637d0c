"""Small update-center documents, written as a few words a plugin."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jenkins_bootstrap.plugins import update_center
from jenkins_bootstrap.plugins.update_center import UpdateCenter

REAL = Path(__file__).resolve().parents[3] / "shared/data/jenkins-update-center-2025-09-13.json"


def body(name: str, version: str) -> bytes:
    """What the plugin file of the test documents holds."""
    return f"plugin {name} {version}\n".encode() * 1000


def raw_document(plugins: dict[str, str], **more: Any) -> dict[str, Any]:
    """A document of `name: "version core needs..."`; a need is NAME@VERSION, or ?NAME@VERSION when optional."""
    entries = {}
    for name, words in plugins.items():
        version, core, *needs = words.split()
        dependencies = []
        for need in needs:
            other, minimum = need.removeprefix("?").split("@")
            dependencies.append({"name": other, "version": minimum, "optional": need.startswith("?")})
        entries[name] = {
            "name": name,
            "version": version,
            "requiredCore": core,
            "sha256": base64.b64encode(hashlib.sha256(body(name, version)).digest()).decode(),
            "url": f"https://updates.example.com/{name}/{version}/{name}.hpi",
            "dependencies": dependencies,
        }
    return {
        "core": {"version": "2.516.2"},
        "id": "test",
        "generationTimestamp": "2025-01-01T00:00:00Z",
        "plugins": entries,
        **more,
    }


@pytest.fixture
def document() -> Callable[..., UpdateCenter]:
    def make(plugins: dict[str, str], **more: Any) -> UpdateCenter:
        return update_center.parse(json.dumps(raw_document(plugins, **more)).encode(), "test.json")

    return make


@pytest.fixture
def raw() -> Callable[..., dict[str, Any]]:
    return raw_document


@pytest.fixture
def content() -> Callable[[str, str], bytes]:
    return body


@pytest.fixture(scope="session")
def real() -> UpdateCenter:
    if not REAL.is_file():
        pytest.skip("the real update-center document is not here")
    return update_center.read(REAL)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """A function that starts a server on loopback, where a function answers each GET, and gives its address."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()
