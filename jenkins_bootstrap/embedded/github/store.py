"""What the embedded GitHub knows: repositories, tokens, one App, points used, and faults to inject.

The file is the data each time the store is loaded; ids and later changes live in the state folder, written after each
change, so that a rename keeps its id and a killed process loses nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jenkins_bootstrap.embedded.github.organisation import (
    OWNER_NAME,
    REPOSITORY_NAME,
    Record,
    read_organisation,
)
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json, write_atomic

STATE_FILE = "github.json"
DEMO_TOKEN = "not-a-real-token"  # noqa: S105 - it is what it says
TOKEN_SECONDS = 3600
WINDOW_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Token:
    """What a token may do. `scopes` is None for an installation's token, which sees only `owner`; `ends` is a time."""

    login: str = "demo-user"
    scopes: tuple[str, ...] | None = ("repo", "read:org", "admin:org_hook")
    owner: str | None = None
    ends: float | None = None

    def sees(self, record: Record) -> bool:
        if not record.private:
            return True
        if self.scopes is None:
            return self.owner is not None and self.owner.lower() == record.owner.lower()
        return "repo" in self.scopes


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App. Without `public_key` (PEM) a JWT's claims are checked, its signature is not; `id` "" takes any."""

    id: str = ""
    slug: str = "demo-app"
    public_key: str | None = None
    installations: Mapping[int, str] = field(default_factory=dict)
    permissions: Mapping[str, str] = field(default_factory=lambda: {"metadata": "read", "contents": "read"})


@dataclass(slots=True)
class Fault:
    """A wrong answer to give instead of the right one, or the right one altered.

    Args:
        status, headers, body: the answer; a body that is not text or bytes is sent as JSON.
        times: how many requests it meets.
        path: only requests whose path contains this.
        skip: matching requests that pass unharmed before it starts.
        alter: gets the right answer's JSON and returns what is sent instead; status and body are then unused.
    """

    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = ""
    times: int = 1
    path: str = ""
    skip: int = 0
    alter: Callable[[Any], Any] | None = None


@dataclass(slots=True)
class Store:
    """All of it, for several threads."""

    repositories: dict[int, Record]
    state: Path | None = None
    tokens: dict[str, Token] = field(default_factory=lambda: {DEMO_TOKEN: Token()})
    app: App = field(default_factory=App)
    clock: Callable[[], float] = time.time
    points: int = 5000
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    owner_types: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Lower-case login to login and type."""
    remembered: dict[Any, Any] = field(default_factory=dict)
    """For the query: orders that were computed; emptied by each change."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    _keys: dict[str, int] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)
    _overlay: dict[str, Any] = field(default_factory=dict)
    _used: dict[tuple[str, str, int], int] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        file: Path,
        state: Path,
        *,
        tokens: Iterable[str] = (DEMO_TOKEN,),
        app: App | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Store:
        """Read the organisation file and what earlier runs kept in the folder `state`.

        Args:
            file: JSON list of repositories.
            state: folder; `github.json` in it is read and written.
            tokens: those that are accepted.
            app: the App; by default one whose installations are numbered from 1 in the order of the owners in the file.
            clock: seconds since the epoch.

        Raises:
            BootstrapError: the file or the state is cut off or wrong; nothing is written then.
        """
        kept = _read_state(state / STATE_FILE)
        records = read_organisation(file)
        store = cls({}, state, {token: Token() for token in tokens}, clock=clock)
        store._known = kept["ids"]
        store._overlay = {name: kept[name] for name in ("changed", "created", "deleted")}
        store._number(records)
        for record in [*records, *(Record(**values) for values in kept["created"])]:
            for name, value in kept["changed"].get(str(record.id), {}).items():
                setattr(record, name, value)
            store.owner_types.setdefault(record.owner.lower(), (record.owner, record.owner_type))
            if record.id not in kept["deleted"]:
                store._put(record, str(file))
        owners = dict.fromkeys(record.owner for record in records)
        store.app = app or App(installations=dict(enumerate(owners, start=1)))
        store._save()
        return store

    def _number(self, records: list[Record]) -> None:
        """Ids for the records that have none: as before, else made of the name, so that a lost state gives the same."""
        claimed = {self._known[record.key] for record in records if record.key in self._known}
        renamed = {number: self._current_name(number) for number in self._known.values() if number not in claimed}
        by_new_name = {name: number for number, name in renamed.items() if name is not None}
        given = {record.id for record in records if record.id}
        taken = given | set(self._known.values()) | {int(values["id"]) for values in self._overlay["created"]}
        for record in records:
            known = self._known.get(record.key, by_new_name.get(record.key))
            if not record.id:
                usable = known is not None and known not in given
                record.id = known if usable and known is not None else _fresh_id(record.key, taken)
                taken.add(record.id)
            self._known[record.key] = record.id

    def _current_name(self, number: int) -> str | None:
        """The name that an earlier run gave the repository, in case the file was made to follow it."""
        values = self._overlay["changed"].get(str(number), {})
        old = next(key for key, its in self._known.items() if its == number)
        owner, name = values.get("owner", old.partition("/")[0]), values.get("name")
        return None if name is None else f"{owner}/{name}".lower()

    def _put(self, record: Record, where: str) -> None:
        other = self._keys.get(record.key)
        if other is not None and other != record.id:
            raise BootstrapError(
                f"{record.full_name} is there twice: in the file, and by a rename or creation of an earlier run",
                where=where,
                hint=f"remove it from the file, or stop the embedded target and remove {STATE_FILE} of its state",
            )
        self._keys[record.key] = record.id
        self.repositories[record.id] = record

    def find(self, owner: str, name: str) -> Record | None:
        with self.lock:
            found = self._keys.get(f"{owner}/{name}".lower())
            return None if found is None else self.repositories[found]

    def of_owner(self, owner: str) -> list[Record]:
        with self.lock:
            lower = owner.lower()
            return [record for record in self.repositories.values() if record.owner.lower() == lower]

    def owner(self, login: str) -> tuple[str, str] | None:
        """The login as GitHub spells it and the type, or None."""
        return self.owner_types.get(login.lower())

    def change(self, record: Record, **values: Any) -> Record:
        """Change fields of a repository (a rename is a new `name`) and keep them.

        Raises:
            BootstrapError: the new name is taken or is none.
        """
        with self.lock:
            new = Record(**{**asdict(record), "updated_at": self.now(), **values})
            self._check_name(new, record.id)
            del self._keys[record.key]
            for name in [*values, "updated_at"]:
                setattr(record, name, getattr(new, name))
            self._keys[record.key] = record.id
            self._overlay["changed"].setdefault(str(record.id), {}).update(values, updated_at=record.updated_at)
            self._save()
            return record

    def create(self, owner: str, name: str, **values: Any) -> Record:
        """A new repository of an owner that exists."""
        with self.lock:
            login, kind = self.owner_types[owner.lower()]
            now = self.now()
            record = Record(login, name, owner_type=kind, created_at=now, updated_at=now, **values)
            self._check_name(record, 0)
            # The id of one that was deleted is never given again, as on GitHub.
            taken = {*self.repositories, *self._known.values(), *self._overlay["deleted"]}
            record.id = _fresh_id(f"{record.key}@{now}", taken)
            self._keys[record.key] = record.id
            self.repositories[record.id] = record
            self._overlay["created"].append(asdict(record))
            self._save()
            return record

    def delete(self, record: Record) -> None:
        with self.lock:
            del self._keys[record.key], self.repositories[record.id]
            self._overlay["deleted"].append(record.id)
            self._save()

    def _check_name(self, record: Record, own: int) -> None:
        if not REPOSITORY_NAME.fullmatch(record.name) or not OWNER_NAME.fullmatch(record.owner):
            raise BootstrapError(f"{record.full_name!r} is no repository name", where="embedded GitHub")
        if self._keys.get(record.key, own) != own:
            raise BootstrapError("name already exists on this account", where=f"embedded GitHub: {record.full_name}")

    def now(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _save(self) -> None:
        self.remembered.clear()
        if self.state is not None:
            write_atomic(self.state / STATE_FILE, canonical_json({"version": 1, "ids": self._known, **self._overlay}))

    def sign_in(self, value: str) -> Token | None:
        with self.lock:
            token = self.tokens.get(value)
            return None if token is None or (token.ends is not None and token.ends < self.clock()) else token

    def installation_token(self, installation: int) -> tuple[str, float]:
        """A new token for an installation, and its end. It does not outlive the process."""
        with self.lock:
            ends = self.clock() + TOKEN_SECONDS
            value = "ghs_embedded_" + secrets.token_hex(16)
            owner = self.app.installations[installation]
            self.tokens[value] = Token(f"{self.app.slug}[bot]", None, owner, ends)
            return value, ends

    def spend(self, token: str, resource: str, cost: int) -> tuple[int, int]:
        """Take points from this hour; returns how many are used (never more than there are) and the hour's end."""
        with self.lock:
            window = int(self.clock()) // WINDOW_SECONDS
            key = (token, resource, window)
            self._used = {k: v for k, v in self._used.items() if k[2] == window}
            self._used[key] = self._used.get(key, 0) + cost
            return self._used[key], (window + 1) * WINDOW_SECONDS

    def next_fault(self, path: str) -> Fault | None:
        """The first fault that meets this request, counted down."""
        with self.lock:
            for fault in self.faults:
                if fault.path not in path:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None


def _fresh_id(key: str, taken: set[int]) -> int:
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 2**30 + 1
    while number in taken:
        number = number % 2**30 + 1
    return number


def _read_state(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"version": 1, "ids": {}, "changed": {}, "created": [], "deleted": []}
    try:
        kept = json.loads(path.read_bytes())
        known = {f.name for f in fields(Record)}
        fits = kept["version"] == 1 and all(type(kept[name]) is type(value) for name, value in empty.items())
        fits = fits and all(set(values) <= known for values in (*kept["changed"].values(), *kept["created"]))
    except FileNotFoundError:
        return empty
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad_state(path) from error
    if not fits:
        raise _bad_state(path)
    return {name: kept[name] for name in empty}


def _bad_state(path: Path) -> BootstrapError:
    return BootstrapError(
        "is not the state of an embedded GitHub",
        where=str(path),
        hint="remove it while the embedded target is down; repositories then come from the organisation file alone",
    )
