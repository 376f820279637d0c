"""The queue's SQLite file: that a crash of the program or of the machine leaves it whole, and that one process has it.

Each commit is on the disk before it returns (WAL with synchronous=FULL: one fsync a commit). What is in its tables is
the matter of queue.py and asked.py.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError

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


class Database:
    """The file at `path`, made when it is not there. May be used by several threads of one process.

    Raises BootstrapError when it cannot be opened, or another process has it, and later when the disk fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
            # Before WAL: its index then lies in memory, and no second process can have the file.
            self.connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute("PRAGMA synchronous=FULL")
            self.connection.execute(f"PRAGMA wal_autocheckpoint={_MOST_LOG_PAGES}")
            self._make_tables()
        except sqlite3.Error as error:
            raise self._wrong(error) from error
        except OSError as error:
            raise BootstrapError(
                f"cannot be made: {error.strerror}", where=str(path), hint="give the folder to the user of serve"
            ) from error

    def _make_tables(self) -> None:
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, 1, _SCHEMA_VERSION):
            raise BootstrapError(
                f"is of version {version}, this program knows {_SCHEMA_VERSION}",
                where=str(self.path),
                hint="a newer image wrote it; move it away, the next full reconciliation makes up for it",
            )
        self.connection.executescript(_SCHEMA)
        with self.transaction() as db:
            if version == 1:
                db.execute("ALTER TABLE work ADD COLUMN gone INTEGER NOT NULL DEFAULT 0")
            db.execute(f"PRAGMA user_version={_SCHEMA_VERSION}")

    def close(self) -> None:
        with self._lock:
            self.connection.close()

    def settle(self) -> None:
        """Bring what is in the log of changes into the file itself, which takes several times what a commit takes."""
        with self.reading() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self.connection
            except sqlite3.Error as error:
                raise self._wrong(error) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self.reading() as db:
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
