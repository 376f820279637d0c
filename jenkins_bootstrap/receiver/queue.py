"""What is still to be done, on disk.

A delivery is written down, and only then answered. Work is one row a repository, however many deliveries asked for it:
the newest wins, and the row goes only when the work is done that began after it. Knows nothing of HTTP and of GitHub.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Literal

from jenkins_bootstrap.receiver import asked
from jenkins_bootstrap.receiver.database import Database
from jenkins_bootstrap.receiver.events import Target

Verdict = Literal["queued", "duplicate", "full"]
EVERYTHING = "all"
KEEP_SECONDS = 4 * 86400.0
"""Deliveries are remembered longer than GitHub can send them again (3 days)."""
KEEP_MOST = 500_000
"""Deliveries remembered at most, the oldest go first: some 50 MB."""
_AT_ONCE = 1000


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


class Queue:
    """The work in the file at `path`, of which at most `most` pieces wait. May be used by several threads.

    Raises BootstrapError when the file cannot be opened or written, or another process has it.
    """

    def __init__(self, path: Path, most: int = 10_000) -> None:
        self._most = most
        self._file = Database(path)
        with self._file.transaction() as db:
            # What a stop or a crash interrupted is tried at once.
            db.execute("UPDATE work SET due = 0")
            asked.interrupted(db)
            found = db.execute("SELECT max(seq) FROM (SELECT seq FROM work UNION ALL SELECT seq FROM request)")
            self._seq = int(found.fetchone()[0] or 0)

    def close(self) -> None:
        self._file.close()

    def settle(self) -> None:
        """Put the file in order: for when there is nothing else to do."""
        self._file.settle()

    def add(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        """Write deliveries down, all in one commit; a verdict each. One that is refused (full) leaves no trace."""
        with self._file.transaction() as db:
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
        with self._file.transaction() as db:
            if not self._has(db, EVERYTHING):
                self._put(db, EVERYTHING, None, now)

    def ask(self, now: float) -> str:
        """Somebody asks for a full reconciliation, one that begins after now. Returns the id to ask with later; those
        who ask while one waits share it."""
        with self._file.transaction() as db:
            waiting = asked.waiting(db)
            if waiting is not None:
                return waiting
            self._put(db, EVERYTHING, None, now)
            return asked.add(db, self._seq, now)

    def asked(self, id_: str) -> asked.Request | None:
        with self._file.reading() as db:
            return asked.find(db, id_)

    def take(self, now: float) -> Work | None:
        """The work that is due and has waited longest, everything before single repositories. It stays in the queue."""
        with self._file.reading() as db:
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
            with self._file.transaction() as db:
                asked.begin(db, work.seq, now)

    def done(self, work: Work, now: float, lines: Sequence[str] = ()) -> None:
        """The work is done; what came for the same repository meanwhile stays. Everything covers each repository."""
        which, values = ("seq<=?", (work.seq,)) if work.target is None else ("key=? AND seq<=?", (work.key, work.seq))
        with self._file.transaction() as db:
            db.execute(f"DELETE FROM work WHERE {which}", values)  # noqa: S608 - one of two constants
            db.execute("UPDATE work SET first=newest, attempts=0, error='', due=0 WHERE key=?", (work.key,))
            if work.target is None:
                asked.end(db, work.seq, "done", now, lines)

    def failed(self, work: Work, now: float, due: float, error: str, lines: Sequence[str] = ()) -> None:
        """The work failed and is due again at `due` (epoch seconds); `error` is for people and holds no secret."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE work SET attempts=attempts+1, error=?, due=CASE WHEN seq<=? THEN ? ELSE 0 END WHERE key=?",
                (error, work.seq, due, work.key),
            )
            if work.target is None:
                asked.end(db, work.seq, "failed", now, (*lines, error))

    def postpone(self, work: Work, due: float) -> None:
        """The work could not begin, by no fault of its own."""
        with self._file.transaction() as db:
            db.execute("UPDATE work SET due=? WHERE key=?", (due, work.key))
            if work.target is None:
                asked.interrupted(db)

    def next_due(self) -> float | None:
        with self._file.reading() as db:
            found = db.execute("SELECT min(due) FROM work").fetchone()[0]
        return None if found is None else float(found)

    def waiting(self) -> Waiting:
        with self._file.reading() as db:
            row = db.execute("SELECT count(*), coalesce(sum(attempts > 0), 0), min(first) FROM work").fetchone()
        return Waiting(*row)

    def failing(self, most: int = 20) -> list[Failing]:
        """What failed last time, most often failed first."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT coalesce(owner || '/' || name, 'everything'), attempts, due, error FROM work"
                " WHERE attempts > 0 ORDER BY attempts DESC, first LIMIT ?",
                (most,),
            ).fetchall()
        return [Failing(*row) for row in rows]

    def knows(self, hook: str | None, id_: str) -> bool:
        """Whether this delivery has been taken in; with None by any hook, as those of one event share its id."""
        with self._file.reading() as db:
            found = db.execute("SELECT 1 FROM delivery WHERE id=? AND hook=coalesce(?, hook) LIMIT 1", (id_, hook))
            return found.fetchone() is not None

    def prune(self, now: float) -> None:
        """Forget old answers, and deliveries that cannot come again, a few at a time: no new one waits for that."""
        with self._file.transaction() as db:
            asked.prune(db, now)
        while True:
            with self._file.transaction() as db:
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
