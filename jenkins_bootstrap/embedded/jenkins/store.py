"""The items of the embedded Jenkins: a tree in memory, every change in an SQLite file before it is answered.

Definitions are in the file alone. The caller holds `lock` around what belongs together.
"""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jenkins_bootstrap.embedded.jenkins import definitions
from jenkins_bootstrap.embedded.jenkins.definitions import FOLDER, Definition

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
  id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, description TEXT,
  disabled INTEGER NOT NULL, scannable INTEGER NOT NULL, scans INTEGER NOT NULL, config BLOB NOT NULL)
"""


@dataclass(slots=True, eq=False)
class Item:
    """A job or a folder. `id` stays with it over renames and moves, as its builds would; `scans` were asked for."""

    id: int
    parent: Item | None
    name: str
    kind: str
    description: str | None = None
    disabled: bool = False
    scannable: bool = False
    scans: int = 0
    children: dict[str, Item] = field(default_factory=dict)
    """By `key` of their names."""

    @property
    def path(self) -> str:
        above = self.parent.path if self.parent is not None else ""
        return f"{above}/{self.name}" if above else self.name

    def key(self, name: str) -> str:
        """What stands for a name in here: Jenkins itself finds an item in any letters' case, a folder does not."""
        return name.lower() if self.parent is None else name

    def child(self, name: str) -> Item | None:
        return self.children.get(self.key(name))

    def sorted(self) -> list[Item]:
        """In the order in which Jenkins lists them."""
        return [self.children[name] for name in sorted(self.children)]

    def below(self) -> Iterator[Item]:
        for one in self.sorted():
            yield one
            yield from one.below()

    @property
    def buildable(self) -> bool:
        return not self.disabled and (self.parent is None or not self.parent.disabled)


class Store:
    """Items below `root`, which stands for Jenkins itself and has the id 0."""

    def __init__(self, file: Path) -> None:
        """Open the file, made when it is not there. It survives the death of the process, not that of the machine."""
        self.lock = threading.RLock()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(_SCHEMA)
        self.root = Item(0, None, "", "hudson.model.Hudson")
        self._load()

    def close(self) -> None:
        with self.lock:
            self._db.close()

    def _load(self) -> None:
        columns = "id, parent, name, kind, description, disabled, scannable, scans"
        rows = self._db.execute(f"SELECT {columns} FROM items").fetchall()  # noqa: S608 - names of our own
        found = {row[0]: Item(row[0], None, row[2], row[3], row[4], bool(row[5]), bool(row[6]), row[7]) for row in rows}
        for row in rows:
            item, parent = found[row[0]], found[row[1]] if row[1] else self.root
            item.parent = parent
            parent.children[parent.key(item.name)] = item

    def find(self, names: list[str]) -> Item | None:
        item: Item | None = self.root
        for name in names:
            item = item.child(name) if item is not None else None
        return item

    def create(self, parent: Item, name: str, xml: bytes, said: Definition) -> Item:
        values = (parent.id, name, said.kind, said.description, said.disabled, said.scannable, zlib.compress(xml, 1))
        made = self._db.execute(
            "INSERT INTO items (parent, name, kind, description, disabled, scannable, scans, config)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
            values,
        )
        assert made.lastrowid is not None
        item = Item(made.lastrowid, parent, name, said.kind, said.description, said.disabled, said.scannable)
        parent.children[parent.key(name)] = item
        return item

    def update(self, item: Item, xml: bytes, said: Definition) -> None:
        self._db.execute(
            "UPDATE items SET description = ?, disabled = ?, scannable = ?, config = ? WHERE id = ?",
            (said.description, said.disabled, said.scannable, zlib.compress(xml, 1), item.id),
        )
        item.description, item.disabled, item.scannable = said.description, said.disabled, said.scannable

    def config(self, item: Item) -> bytes:
        (packed,) = self._db.execute("SELECT config FROM items WHERE id = ?", (item.id,)).fetchone()
        return zlib.decompress(packed)

    def set_disabled(self, item: Item, disabled: bool) -> None:
        """As a person's click: Jenkins saves the definition. A folder cannot be disabled, and is left as it is."""
        if item.kind == FOLDER or item.disabled == disabled:
            return
        xml = definitions.saved(self.config(item), disabled)
        self.update(item, xml, definitions.read(xml))

    def place(self, item: Item, parent: Item, name: str) -> None:
        """Another name, or another folder; what is below goes along."""
        self._db.execute("UPDATE items SET parent = ?, name = ? WHERE id = ?", (parent.id, name, item.id))
        assert item.parent is not None
        del item.parent.children[item.parent.key(item.name)]
        item.parent, item.name = parent, name
        parent.children[parent.key(name)] = item

    def delete(self, item: Item) -> None:
        numbers = [(one.id,) for one in (item, *item.below())]
        self._db.execute("BEGIN")
        self._db.executemany("DELETE FROM items WHERE id = ?", numbers)
        self._db.execute("COMMIT")
        assert item.parent is not None
        del item.parent.children[item.parent.key(item.name)]

    def scanned(self, item: Item) -> None:
        item.scans += 1
        self._db.execute("UPDATE items SET scans = ? WHERE id = ?", (item.scans, item.id))
