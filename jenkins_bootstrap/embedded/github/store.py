"""What the embedded GitHub knows: repositories, tokens, one App, points used, and faults to inject.

The file is the data each time the store is loaded; ids and later changes live in the state folder, written after each
change, so that a rename keeps its id and a killed process loses nothing.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jenkins_bootstrap.embedded.github.deliveries import Deliveries
from jenkins_bootstrap.embedded.github.hooks import Hook, Hooks
from jenkins_bootstrap.embedded.github.limits import Meter, Secondary
from jenkins_bootstrap.embedded.github.model import DEMO_TOKEN, App, Delay, Fault, Faults, Token
from jenkins_bootstrap.embedded.github.organisation import (
    OWNER_NAME,
    REPOSITORY_NAME,
    Record,
    read_organisation,
)
from jenkins_bootstrap.embedded.github.state import OVERLAY, STATE_FILE, read_state
from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import canonical_json, write_atomic

TOKEN_SECONDS = 3600
HOOKS_FILE = "github-hooks.json"
DELIVERIES_FILE = "github-deliveries.db"


@dataclass(slots=True)
class Store:
    """All of it, for several threads."""

    repositories: dict[int, Record]
    state: Path | None = None
    tokens: dict[str, Token] = field(default_factory=lambda: {DEMO_TOKEN: Token()})
    app: App = field(default_factory=App)
    clock: Callable[[], float] = time.time
    points: int = 5000
    secondary: Secondary = field(default_factory=Secondary)
    faults: Faults = field(default_factory=Faults)
    delays: list[Delay] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The latest, as `METHOD /path`."""
    calls: Counter[str] = field(default_factory=Counter)
    """How many there were, by method and route: `GET /repos/{owner}/{repo}`."""
    hooks: Hooks = field(default_factory=Hooks)
    deliveries: Deliveries = field(default_factory=Deliveries)
    owner_types: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Lower-case login to login and type."""
    remembered: dict[Any, Any] = field(default_factory=dict)
    """For the query: orders that were computed; emptied by each change."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    meter: Meter = field(default_factory=Meter)
    _keys: dict[str, int] = field(default_factory=dict)
    _known: dict[str, int] = field(default_factory=dict)
    _overlay: dict[str, Any] = field(default_factory=lambda: {"changed": {}, "created": [], "deleted": [], "moved": {}})

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
        kept = read_state(state / STATE_FILE)
        records = read_organisation(file)
        store = cls({}, state, {token: Token() for token in tokens}, clock=clock)
        store._known = kept["ids"]
        store._overlay = {name: kept[name] for name in OVERLAY}
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
        store.hooks = Hooks.load(state / HOOKS_FILE)
        store.deliveries = Deliveries(state / DELIVERIES_FILE, lambda: store.clock())  # noqa: PLW0108 - the clock may be replaced
        return store

    def _number(self, records: list[Record]) -> None:
        """Ids for the records that have none: as before, else made of the name, so that a lost state gives the same."""
        claimed = {self._known[record.key] for record in records if record.key in self._known}
        moved = {key: self._current_name(key, number) for key, number in self._known.items() if number not in claimed}
        by_new_name = {name: self._known[key] for key, name in moved.items() if name is not None}
        given = {record.id for record in records if record.id}
        taken = given | set(self._known.values()) | {int(values["id"]) for values in self._overlay["created"]}
        for record in records:
            known = self._known.get(record.key, by_new_name.get(record.key))
            if not record.id:
                usable = known is not None and known not in given
                record.id = known if usable and known is not None else _fresh_id(record.key, taken)
                taken.add(record.id)
            self._known[record.key] = record.id

    def _current_name(self, key: str, number: int) -> str | None:
        """The name that an earlier run gave the repository, in case the file was made to follow it."""
        values = self._overlay["changed"].get(str(number), {})
        if "owner" not in values and "name" not in values:
            return None
        owner, _, name = key.partition("/")
        return f"{values.get('owner', owner)}/{values.get('name', name)}".lower()

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

    def moved(self, owner: str, name: str) -> Record | None:
        """The repository that had this name once, if no other has it now; GitHub redirects to it."""
        with self.lock:
            key = f"{owner}/{name}".lower()
            number = None if key in self._keys else self._overlay["moved"].get(key)
            return None if number is None else self.repositories.get(number)

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
            if new.key != record.key:
                self._overlay["moved"][record.key] = record.id
                self._overlay["moved"].pop(new.key, None)
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
            self._overlay["moved"].pop(record.key, None)
            self.repositories[record.id] = record
            self._overlay["created"].append(asdict(record))
            self._save()
            return record

    def delete(self, record: Record) -> None:
        with self.lock:
            del self._keys[record.key], self.repositories[record.id]
            self._overlay["moved"] = {k: n for k, n in self._overlay["moved"].items() if n != record.id}
            self._overlay["deleted"].append(record.id)
            self._save()

    def _check_name(self, record: Record, own: int) -> None:
        if not REPOSITORY_NAME.fullmatch(record.name) or not OWNER_NAME.fullmatch(record.owner):
            raise BootstrapError(f"{record.full_name!r} is no repository name", where="embedded GitHub")
        if self._keys.get(record.key, own) != own:
            raise BootstrapError("name already exists on this account", where=f"embedded GitHub: {record.full_name}")

    @property
    def app_hook(self) -> Hook:
        """The App's own webhook."""
        return self.hooks.app_hook(self.app.number)

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
        """Take points from this hour; returns how many are used by now and the hour's end."""
        return self.meter.spend(token, resource, cost, self.clock())

    def next_fault(self, path: str, method: str = "POST") -> Fault | None:
        """The first fault that meets this request, counted down."""
        with self.lock:
            return self.faults.next(method, path)

    def delay(self, path: str) -> float:
        """Seconds that the answer to this path is held back."""
        with self.lock:
            return next((d.seconds for d in self.delays if d.path in path), 0.0)


def _fresh_id(key: str, taken: set[int]) -> int:
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 2**30 + 1
    while number in taken:
        number = number % 2**30 + 1
    return number
