"""The embedded GitHub on the daemon's second port: loaded when first asked, and again when its file is another."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError


class GitHubMount:
    """WSGI: the embedded GitHub, loaded at its first request (many commands make none), and anew with a new file."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._file: Path | None = None
        self._loaded: tuple[Any, Any] = (None, None)
        self._lock = threading.Lock()

    def use(self, file: Path) -> None:
        self._file = file

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            app = self._app()
        except (BootstrapError, OSError) as error:
            body = json.dumps({"message": f"embedded GitHub: {error}"}).encode()
            # Asking again cannot help before the file is another, and a status of 5xx would be asked again.
            start_response(
                "422 Unprocessable Entity",
                [("Content-Type", "application/json; charset=utf-8"), ("Content-Length", str(len(body)))],
            )
            return [body]
        answer: Iterable[bytes] = app(environ, start_response)
        return answer

    def _app(self) -> Any:
        from jenkins_bootstrap.embedded.github import Store, create_app
        from jenkins_bootstrap.resources import sample

        with self._lock:
            file = self._file or sample("github-sample.json")
            status = file.stat()
            key = (file, status.st_mtime_ns, status.st_size, status.st_ino)
            if self._loaded[0] != key:
                self._loaded = (key, create_app(Store.load(file, self._state)))
            return self._loaded[1]
