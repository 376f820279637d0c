"""Sends webhooks: signs, posts from threads of its own, and keeps what was sent and answered for three days.

A delivery is tried once, as on GitHub; a redelivery is another delivery with the same GUID. Deliveries that have not
been tried when the process is killed are lost.
"""

from __future__ import annotations

import hmac
import json
import os
import queue
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from jenkins_bootstrap.embedded.github.hooks import Hook

TIMEOUT_SECONDS = 10.0
KEPT_SECONDS = 3 * 86400
WORKERS = 8
IDLE_SECONDS = 1.0
LARGEST_ANSWER = 64 * 1024
USER_AGENT = "GitHub-Hookshot/embedded"
FIRST_ID = 200_000_000_000

_TABLE = """
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY, hook INTEGER NOT NULL, at REAL NOT NULL, guid TEXT NOT NULL, event TEXT NOT NULL, action TEXT,
  redelivery INTEGER NOT NULL, duration REAL NOT NULL, status TEXT NOT NULL, status_code INTEGER NOT NULL,
  installation INTEGER, repository INTEGER, url TEXT NOT NULL, request_headers TEXT NOT NULL, payload TEXT NOT NULL,
  response_headers TEXT NOT NULL, response TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_of_hook ON deliveries (hook, id);
CREATE INDEX IF NOT EXISTS deliveries_by_time ON deliveries (at);
"""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, for one hook: `guid` is the event's, so all hooks that get it and all redeliveries share it."""

    guid: str
    name: str
    payload: Mapping[str, Any]
    repository: int | None = None
    installation: int | None = None
    redelivery: bool = False

    @property
    def action(self) -> str | None:
        found = self.payload.get("action")
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a delivery, in GitHub's words; `code` is 0 when nobody answered."""

    status: str
    code: int
    headers: Mapping[str, str]
    body: str
    seconds: float


class Deliveries:
    """Sends and keeps them. For several threads; without a file they are kept in memory."""

    def __init__(self, file: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._file = file
        self._database: sqlite3.Connection | None = None
        self._waiting: queue.SimpleQueue[tuple[Hook, Event]] = queue.SimpleQueue()
        self._quiet = threading.Condition()
        self._open = 0
        self._workers = 0
        self.host = "github.invalid"
        """The host by which the server was last asked; an Enterprise server names itself in each delivery."""

    def send(self, hook: Hook, event: Event) -> None:
        """Deliver in the background."""
        with self._quiet:
            self._open += 1
            self._waiting.put((hook, event))
            if self._workers < min(WORKERS, self._open):
                self._workers += 1
                threading.Thread(target=self._work, name="github-delivery", daemon=True).start()

    def settle(self, seconds: float = 15.0) -> bool:
        """Wait until everything that was sent is answered and recorded; False when it took longer."""
        with self._quiet:
            return self._quiet.wait_for(lambda: self._open == 0, seconds)

    def newest(
        self, hook: int, most: int, before: int | None = None, status: str | None = None
    ) -> list[Mapping[str, Any]]:
        """The newest `most` deliveries of a hook whose ids are not above `before`, without request and response.

        `status` is "success" (2xx) or "failure".
        """
        condition, values = "hook = ? AND at >= ?", [hook, self._clock() - KEPT_SECONDS]
        if before is not None:
            condition += " AND id <= ?"
            values.append(before)
        if status in ("success", "failure"):
            condition += f" AND {'' if status == 'success' else 'NOT '}(status_code BETWEEN 200 AND 299)"
        rows = self._query(f"SELECT * FROM deliveries WHERE {condition} ORDER BY id DESC LIMIT ?", *values, most)  # noqa: S608 - our own words
        return [_shown(row) for row in rows]

    def get(self, hook: int, number: int) -> Mapping[str, Any] | None:
        """One delivery whole."""
        row = self._row(hook, number)
        if row is None:
            return None
        return {
            **_shown(row),
            "url": row["url"],
            "request": {"headers": json.loads(row["request_headers"]), "payload": json.loads(row["payload"])},
            "response": {"headers": json.loads(row["response_headers"]), "payload": row["response"]},
        }

    def event(self, hook: int, number: int) -> Event | None:
        """What has to be sent for a redelivery."""
        row = self._row(hook, number)
        if row is None:
            return None
        payload = json.loads(row["payload"])
        return Event(row["guid"], row["event"], payload, row["repository"], row["installation"], redelivery=True)

    def _row(self, hook: int, number: int) -> sqlite3.Row | None:
        oldest = self._clock() - KEPT_SECONDS
        rows = self._query("SELECT * FROM deliveries WHERE hook = ? AND id = ? AND at >= ?", hook, number, oldest)
        return rows[0] if rows else None

    def _work(self) -> None:
        import requests

        session = requests.Session()
        session.trust_env = False
        while True:
            try:
                hook, event = self._waiting.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._quiet:
                    if self._waiting.empty():
                        self._workers -= 1
                        session.close()
                        return
                continue
            try:
                self._deliver(session, hook, event)
            except Exception:  # a full disk, a folder that is gone: the next one may fare better
                traceback.print_exc()
            finally:
                with self._quiet:
                    self._open -= 1
                    self._quiet.notify_all()

    def _deliver(self, session: Any, hook: Hook, event: Event) -> None:
        body, headers = request_of(hook, event, self.host)
        at = self._clock()
        answered = _post(session, hook, body, headers)
        hook.last_code = answered.code or None
        hook.last_status = "active" if 200 <= answered.code < 300 else "failed"
        hook.last_message = answered.status
        self._query(
            "INSERT INTO deliveries (hook, at, guid, event, action, redelivery, duration, status, status_code,"
            " installation, repository, url, request_headers, payload, response_headers, response)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(hook.id, at, event.guid, event.name, event.action, event.redelivery, answered.seconds),
            *(answered.status, answered.code, event.installation, event.repository, hook.config.get("url", "")),
            *(json.dumps(headers), json.dumps(event.payload), json.dumps(dict(answered.headers)), answered.body),
        )
        self._query("DELETE FROM deliveries WHERE at < ?", at - KEPT_SECONDS)

    def _query(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            if self._database is None:
                self._database = self._connect()
            return self._database.execute(statement, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._file or ":memory:", check_same_thread=False, isolation_level=None)
        database.row_factory = sqlite3.Row
        # Each delivery is on its own, and a power cut may cost the last ones.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(_TABLE)
        first = database.execute("SELECT 1 FROM deliveries LIMIT 1").fetchone()
        if first is None:
            database.execute(
                "INSERT INTO deliveries VALUES (?, 0, 0, '', '', NULL, 0, 0, '', 0, NULL, NULL, '', '', '', '', '')",
                (FIRST_ID,),
            )
        return database


def request_of(hook: Hook, event: Event, host: str) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a delivery. Source: docs.github.com, "Webhook events and payloads", delivery headers."""
    text = json.dumps(event.payload, separators=(",", ":"), ensure_ascii=False)
    form = hook.config.get("content_type") != "json"
    body = ("payload=" + quote_plus(text) if form else text).encode()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        "User-Agent": USER_AGENT,
        "X-GitHub-Delivery": event.guid,
        "X-GitHub-Enterprise-Host": host,
        "X-GitHub-Enterprise-Version": "3.16.0",
        "X-GitHub-Event": event.name,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.target_id),
        "X-GitHub-Hook-Installation-Target-Type": hook.kind,
    }
    secret = hook.config.get("secret")
    if secret:
        for name, kind in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
            headers[name] = f"{kind}={hmac.new(secret.encode(), body, kind).hexdigest()}"
    return body, headers


def _post(session: Any, hook: Hook, body: bytes, headers: Mapping[str, str]) -> Answered:
    from requests import exceptions

    began = time.monotonic()
    verify: Any = hook.config.get("insecure_ssl") != "1" and (os.environ.get("REQUESTS_CA_BUNDLE") or True)
    try:
        with session.post(
            hook.config.get("url", ""),
            data=body,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            verify=verify,
            stream=True,
        ) as response:
            found = b""
            for piece in response.iter_content(8192):
                found += piece
                if time.monotonic() - began > TIMEOUT_SECONDS:
                    raise exceptions.ReadTimeout
                if len(found) > LARGEST_ANSWER:
                    break
            code, text = response.status_code, found[:LARGEST_ANSWER].decode("utf-8", "replace")
            status = "OK" if 200 <= code < 300 else f"Invalid HTTP Response: {code}"
            return Answered(status, code, dict(response.headers), text, _since(began))
    except exceptions.Timeout:
        return Answered("timed out", 0, {}, "", _since(began))
    except exceptions.SSLError:
        return Answered("failed to verify the certificate", 0, {}, "", _since(began))
    except (exceptions.RequestException, ValueError):
        return Answered("failed to connect to host", 0, {}, "", _since(began))


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "guid": row["guid"],
        "delivered_at": datetime.fromtimestamp(row["at"], UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "redelivery": bool(row["redelivery"]),
        "duration": row["duration"],
        "status": row["status"],
        "status_code": row["status_code"],
        "event": row["event"],
        "action": row["action"],
        "installation_id": row["installation"],
        "repository_id": row["repository"],
        "throttled_at": None,
    }
