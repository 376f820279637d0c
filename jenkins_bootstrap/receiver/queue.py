"""What is still to be done, on disk: an SQLite file that a crash of the program or of the machine leaves whole.

A delivery is written down, and only then answered. Work is one row a repository, however many deliveries asked for it:
the newest wins, and the row goes only when the work is done that began after it. Knows nothing of HTTP and of GitHub.

Each commit is on the disk before it returns (WAL with synchronous=FULL: one fsync a commit). Deliveries that come
together share one commit; `add` takes them as a batch for that.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.receiver.events import Target

Verdict = Literal["queued", "duplicate", "full"]
EVERYTHING = "all"
KEEP_SECONDS = 4 * 86400.0
"""Deliveries are remembered longer than GitHub can send them again (3 days)."""
KEEP_MOST = 500_000
"""Deliveries remembered at most, the oldest go first: some 50 MB."""
KEEP_REQUESTS = 200
_AT_ONCE = 1000
_MOST_LOG_PAGES = 10_000
"""40 MB; a log that is longer is settled by the next commit."""
_SCHEMA_VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL, hook TEXT NOT NULL, received REAL NOT NULL, UNIQUE (id, hook)
);
CREATE TABLE IF NOT EXISTS work (
    key TEXT PRIMARY KEY, owner TEXT, name TEXT, id INTEGER, node TEXT, gone INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL, first REAL NOT NULL, newest REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, asked REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', started REAL, ended REAL, lines TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is kept of a delivery: who sent it under which id, when (epoch seconds), and what it asks for."""

    hook: str
    id: str
    received: float
    targets: tuple[Target, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work as it was taken: a repository, or everything (`target` None). `seq` is the newest that it covers;
    `first` is when the oldest of it came, in epoch seconds."""

    key: str
    target: Target | None
    seq: int
    first: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits: pieces of work, those of them that failed at least once, and the oldest's time."""

    length: int
    failing: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class Failing:
    """A piece of work that failed, and why, for people."""

    what: str
    attempts: int
    due: float
    error: str


@dataclass(frozen=True, slots=True)
class Request:
    """A reconciliation that somebody asked for; `lines` are its summary once it has ended."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    asked: float
    started: float | None
    ended: float | None
    lines: tuple[str, ...]


class Queue:
    """The file at `path`, made when it is not there. May be used by several threads of one process.

    Raises BootstrapError when it cannot be opened, or another process has it.
    """

    def __init__(self, path: Path, most: int = 10_000, *, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> None:
        self.path, self._most = path, most
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
            # Before WAL: its index then lies in memory, and no second process can have the file.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={synchronous}")
            self._db.execute(f"PRAGMA wal_autocheckpoint={_MOST_LOG_PAGES}")
            self._open()
        except sqlite3.Error as error:
            raise self._wrong(error) from error
        except OSError as error:
            raise BootstrapError(
                f"cannot be made: {error.strerror}", where=str(path), hint="give the folder to the user of serve"
            ) from error

    def _open(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, 1, _SCHEMA_VERSION):
            raise BootstrapError(
                f"is of version {version}, this program knows {_SCHEMA_VERSION}",
                where=str(self.path),
                hint="a newer image wrote it; move it away, the next full reconciliation makes up for it",
            )
        self._db.executescript(_SCHEMA)
        with self._transaction() as db:
            if version == 1:
                db.execute("ALTER TABLE work ADD COLUMN gone INTEGER NOT NULL DEFAULT 0")
            db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
            # What a stop or a crash interrupted is tried at once.
            db.execute("UPDATE work SET due = 0")
        found = self._db.execute("SELECT max(seq) FROM (SELECT seq FROM work UNION ALL SELECT seq FROM request)")
        self._seq = int(found.fetchone()[0] or 0)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def add(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        """Write deliveries down, all in one commit; a verdict each. One that is refused (full) leaves no trace."""
        with self._transaction() as db:
            length = self._length(db)
            verdicts: list[Verdict] = []
            for delivery in deliveries:
                known = db.execute("SELECT 1 FROM delivery WHERE hook=? AND id=?", (delivery.hook, delivery.id))
                if known.fetchone():
                    verdicts.append("duplicate")
                    continue
                wanted: dict[str, Target | None] = {f"id:{target.id}": target for target in delivery.targets}
                if delivery.everything:
                    wanted[EVERYTHING] = None
                fresh = sum(not self._has(db, key) for key in wanted)
                if fresh and length + fresh > self._most:
                    verdicts.append("full")
                    continue
                length += fresh
                db.execute(
                    "INSERT INTO delivery (id, hook, received) VALUES (?, ?, ?)",
                    (delivery.id, delivery.hook, delivery.received),
                )
                for key, target in wanted.items():
                    self._put(db, key, target, delivery.received)
                verdicts.append("queued")
            return verdicts

    def add_everything(self, now: float) -> None:
        """A full reconciliation is due; nothing changes when one waits already."""
        with self._transaction() as db:
            if not self._has(db, EVERYTHING):
                self._put(db, EVERYTHING, None, now)

    def ask(self, now: float) -> str:
        """Somebody asks for a full reconciliation, one that begins after now. Returns the id to ask with later."""
        with self._transaction() as db:
            self._put(db, EVERYTHING, None, now)
            id_ = secrets.token_hex(8)
            db.execute("INSERT INTO request (id, seq, asked) VALUES (?, ?, ?)", (id_, self._seq, now))
            db.execute(
                "DELETE FROM request WHERE ended IS NOT NULL AND id NOT IN"
                " (SELECT id FROM request ORDER BY asked DESC LIMIT ?)",
                (KEEP_REQUESTS,),
            )
            return id_

    def asked(self, id_: str) -> Request | None:
        with self._reading() as db:
            row = db.execute(
                "SELECT id, state, asked, started, ended, lines FROM request WHERE id=?", (id_,)
            ).fetchone()
        if row is None:
            return None
        known, state, asked, started, ended, lines = row
        return Request(known, state, asked, started, ended, tuple(json.loads(lines)))

    def take(self, now: float) -> Work | None:
        """The work that is due and has waited longest, everything before single repositories. It stays in the queue."""
        with self._reading() as db:
            row = db.execute(
                "SELECT key, owner, name, id, node, gone, seq, first, attempts FROM work WHERE due <= ?"
                " ORDER BY key = ? DESC, first LIMIT 1",
                (now, EVERYTHING),
            ).fetchone()
        if row is None:
            return None
        key, owner, name, number, node, gone, seq, first, attempts = row
        target = None if key == EVERYTHING else Target(owner, name, number, node, bool(gone))
        # Everything covers what is there now, not only what asked for it.
        return Work(key, target, seq if target else self._seq, first, attempts)

    def begin(self, work: Work, now: float) -> None:
        """Work starts: those who asked for it can see it."""
        if work.target is None:
            with self._transaction() as db:
                db.execute(
                    "UPDATE request SET state='running', started=? WHERE seq<=? AND state IN ('waiting', 'running')",
                    (now, work.seq),
                )

    def done(self, work: Work, now: float, lines: Sequence[str] = ()) -> None:
        """The work is done; what came for the same repository meanwhile stays. Everything covers each repository."""
        which, values = ("seq<=?", (work.seq,)) if work.target is None else ("key=? AND seq<=?", (work.key, work.seq))
        with self._transaction() as db:
            db.execute(f"DELETE FROM work WHERE {which}", values)  # noqa: S608 - one of two constants
            db.execute("UPDATE work SET first=newest, attempts=0, error='', due=0 WHERE key=?", (work.key,))
            self._end(db, work, "done", now, lines)

    def failed(self, work: Work, now: float, due: float, error: str, lines: Sequence[str] = ()) -> None:
        """The work failed and is due again at `due` (epoch seconds); `error` is for people and holds no secret."""
        with self._transaction() as db:
            db.execute(
                "UPDATE work SET attempts=attempts+1, error=?, due=CASE WHEN seq<=? THEN ? ELSE 0 END WHERE key=?",
                (error, work.seq, due, work.key),
            )
            self._end(db, work, "failed", now, (*lines, error))

    def postpone(self, work: Work, due: float) -> None:
        """The work could not begin, by no fault of its own."""
        with self._transaction() as db:
            db.execute("UPDATE work SET due=? WHERE key=?", (due, work.key))

    def next_due(self) -> float | None:
        with self._reading() as db:
            found = db.execute("SELECT min(due) FROM work").fetchone()[0]
        return None if found is None else float(found)

    def waiting(self) -> Waiting:
        with self._reading() as db:
            row = db.execute("SELECT count(*), coalesce(sum(attempts > 0), 0), min(first) FROM work").fetchone()
        return Waiting(*row)

    def failing(self, most: int = 20) -> list[Failing]:
        """What failed last time, most often failed first."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT coalesce(owner || '/' || name, 'everything'), attempts, due, error FROM work"
                " WHERE attempts > 0 ORDER BY attempts DESC, first LIMIT ?",
                (most,),
            ).fetchall()
        return [Failing(*row) for row in rows]

    def knows(self, hook: str | None, id_: str) -> bool:
        """Whether this delivery has been taken in; with None by any hook, as those of one event share its id."""
        with self._reading() as db:
            found = db.execute("SELECT 1 FROM delivery WHERE id=? AND hook=coalesce(?, hook) LIMIT 1", (id_, hook))
            return found.fetchone() is not None

    def prune(self, now: float) -> None:
        """Forget deliveries that cannot come again, a few at a time, so that no new one waits for it."""
        while True:
            with self._transaction() as db:
                oldest = db.execute(
                    "SELECT number, received FROM delivery ORDER BY number LIMIT ?", (_AT_ONCE,)
                ).fetchall()
                newest = db.execute("SELECT coalesce(max(number), 0) FROM delivery").fetchone()[0]
                forgotten = [n for n, received in oldest if received < now - KEEP_SECONDS or n <= newest - KEEP_MOST]
                if forgotten:
                    # Up to the last of them: numbers go up with time, but for a clock that was set back.
                    db.execute("DELETE FROM delivery WHERE number <= ?", (forgotten[-1],))
            if len(forgotten) < _AT_ONCE:
                return

    def settle(self) -> None:
        """Bring what is in the log of changes into the file itself. Done when there is nothing else to do, as it takes
        several times what a commit takes."""
        with self._reading() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _put(self, db: sqlite3.Connection, key: str, target: Target | None, now: float) -> None:
        self._seq += 1
        which = astuple(target) if target else (None, None, None, None, False)
        db.execute(
            "INSERT INTO work (key, owner, name, id, node, gone, seq, first, newest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET owner=excluded.owner, name=excluded.name, node=excluded.node,"
            " gone=excluded.gone, seq=excluded.seq, newest=excluded.newest, due=0",
            (key, *which, self._seq, now, now),
        )

    @staticmethod
    def _has(db: sqlite3.Connection, key: str) -> bool:
        return db.execute("SELECT 1 FROM work WHERE key=?", (key,)).fetchone() is not None

    @staticmethod
    def _length(db: sqlite3.Connection) -> int:
        return int(db.execute("SELECT count(*) FROM work").fetchone()[0])

    @staticmethod
    def _end(db: sqlite3.Connection, work: Work, state: str, now: float, lines: Sequence[str]) -> None:
        if work.target is None:
            db.execute(
                "UPDATE request SET state=?, ended=?, lines=? WHERE seq<=? AND state='running'",
                (state, now, json.dumps(list(lines)), work.seq),
            )

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise self._wrong(error) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise

    def _wrong(self, error: sqlite3.Error) -> BootstrapError:
        hints: dict[Any, str] = {
            "SQLITE_BUSY": "another serve is running here; stop it",
            "SQLITE_FULL": "free space on its disk",
            "SQLITE_NOTADB": "move the file away: the next full reconciliation makes up for it",
            "SQLITE_CORRUPT": "move the file away: the next full reconciliation makes up for it",
        }
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        return BootstrapError(
            f"the queue answers {name}", where=str(self.path), hint=hints.get(name, "look at the disk and its rights")
        )
