"""The full reconciliations that somebody asked for, as rows of the queue's file: how far each is, and what came of it.

Of those that wait there is one, however many ask. Every function is a part of a transaction of the queue's.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

KEEP_SECONDS = 7 * 86400.0
KEEP_MOST = 200
"""Of those that have ended."""


@dataclass(frozen=True, slots=True)
class Request:
    """A reconciliation that somebody asked for; `lines` are its summary once it has ended."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    asked: float
    started: float | None
    ended: float | None
    lines: tuple[str, ...]


def waiting(db: sqlite3.Connection) -> str | None:
    """The id of the one that has not begun."""
    row = db.execute("SELECT id FROM request WHERE state='waiting' ORDER BY asked LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def add(db: sqlite3.Connection, seq: int, now: float) -> str:
    """A new one, which the work with this number covers; its id."""
    id_ = secrets.token_hex(8)
    db.execute("INSERT INTO request (id, seq, asked) VALUES (?, ?, ?)", (id_, seq, now))
    return id_


def begin(db: sqlite3.Connection, seq: int, now: float) -> None:
    db.execute("UPDATE request SET state='running', started=? WHERE seq<=? AND state='waiting'", (now, seq))


def interrupted(db: sqlite3.Connection) -> None:
    """What ran has not been done, and waits again."""
    db.execute("UPDATE request SET state='waiting', started=NULL WHERE state='running'")


def end(db: sqlite3.Connection, seq: int, state: str, now: float, lines: Sequence[str]) -> None:
    db.execute(
        "UPDATE request SET state=?, ended=?, lines=? WHERE seq<=? AND state='running'",
        (state, now, json.dumps(list(lines)), seq),
    )


def find(db: sqlite3.Connection, id_: str) -> Request | None:
    row = db.execute("SELECT id, state, asked, started, ended, lines FROM request WHERE id=?", (id_,)).fetchone()
    if row is None:
        return None
    known, state, asked, started, ended, lines = row
    return Request(known, state, asked, started, ended, tuple(json.loads(lines)))


def prune(db: sqlite3.Connection, now: float) -> None:
    """Forget the oldest of those that have ended."""
    db.execute(
        "DELETE FROM request WHERE ended < ? OR ended <="
        " (SELECT ended FROM request WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT 1 OFFSET ?)",
        (now - KEEP_SECONDS, KEEP_MOST),
    )
