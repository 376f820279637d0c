"""Keeps what the embedded AWS holds in one file: written whole after each change, read back at the next start.

The file is a line of JSON (format, versions, length, SHA-256) and a pickle of moto's backends. A pickle fits only the
version of moto that wrote it, so another version is refused, never guessed at. Only this project's daemon writes the
file and only it reads it, in a folder of the user's own (0700): a pickle from elsewhere must not be put there.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import json
import marshal
import os
import pickle
import platform
import sys
import threading
import types
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError

FORMAT = 1
KEPT = ("ec2", "iam", "secretsmanager", "elb", "elbv2", "ssm", "autoscaling", "kms", "acm", "sts")
"""Services whose state is kept; what others hold lasts as long as the daemon."""

_LOCK_TYPES = (type(threading.Lock()), type(threading.RLock()))


class StateError(BootstrapError):
    """The state folder's file cannot be used."""


@dataclass(slots=True)
class State:
    """What is kept: `backends` by service, account and region; `seeded` names the surroundings that were made."""

    backends: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    seeded: list[str] = field(default_factory=list)


class _Pickler(pickle.Pickler):
    """Pickles what moto keeps: also lambdas, locks, private keys and its own dictionaries, which pickle refuses."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, types.FunctionType) and "<" in obj.__qualname__:
            cells = tuple(cell.cell_contents for cell in obj.__closure__ or ())
            return _function, (obj.__module__, marshal.dumps(obj.__code__), obj.__defaults__, cells)
        if isinstance(obj, defaultdict) and type(obj) is not defaultdict:
            return _default_dict, (type(obj), obj.default_factory), vars(obj), None, iter(obj.items())
        if isinstance(obj, _LOCK_TYPES):
            return (threading.RLock if isinstance(obj, _LOCK_TYPES[1]) else threading.Lock), ()
        if type(obj).__module__.startswith("cryptography.") and hasattr(obj, "private_bytes"):
            return _private_key, (_der(obj),)
        return NotImplemented


def _default_dict(kind: type[defaultdict[Any, Any]], factory: Callable[[], Any] | None) -> defaultdict[Any, Any]:
    """An empty one of a subclass whose constructor wants other arguments (SSM's parameters)."""
    made = kind.__new__(kind)
    made.default_factory = factory
    return made


def _der(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    data: bytes = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return data


def _private_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    return load_der_private_key(data, password=None)


def _function(module: str, code: bytes, defaults: tuple[Any, ...] | None, cells: tuple[Any, ...]) -> Callable[..., Any]:
    namespace = vars(importlib.import_module(module))
    closure = tuple(types.CellType(value) for value in cells)
    return types.FunctionType(marshal.loads(code), namespace, None, defaults, closure or None)  # noqa: S302 our file


def collect() -> dict[str, dict[str, dict[str, Any]]]:
    """The backends that moto has in use now, of the services that are kept."""
    from moto.core.base_backend import BackendDict

    found: dict[str, dict[str, dict[str, Any]]] = {}
    for service in list(BackendDict._instances):
        if service.service_name in KEPT:
            found[service.service_name] = {account: dict(regions) for account, regions in list(service.items())}
    return found


def count() -> int:
    """How many backends there are: it grows when a region is used for the first time."""
    from moto.core.base_backend import BackendDict

    return sum(
        len(regions)
        for service in list(BackendDict._instances)
        if service.service_name in KEPT
        for regions in list(service.values())
    )


def install(backends: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Make moto use these backends."""
    from moto.backends import get_backend

    for service, accounts in backends.items():
        holder = get_backend(service)
        for account, regions in accounts.items():
            for region, backend in regions.items():
                holder[account][region] = backend


class Store:
    """One state file. `save` is called by many threads and writes once for all that wait."""

    def __init__(self, path: Path, snapshot: Callable[[], State]) -> None:
        """`snapshot` gives the state as it is; it is called while `state_lock` of the caller is held by `save`."""
        self.path = path
        self.previous = path.with_name(path.name + ".previous")
        self.writes = 0
        self._snapshot = snapshot
        self._writing = threading.Lock()
        self._asked = 0
        self._done = 0
        self._count = threading.Lock()

    def save(self, state_lock: contextlib.AbstractContextManager[Any]) -> None:
        """Return when the state, as it was when this was called or later, is in the file.

        A burst of callers is written once: whoever comes while a write is under way waits for the next, and finds that
        the first of them has written for all. There is no fsync: the file survives the death of any process; after the
        death of the machine a torn file is noticed by its checksum and the one before is used.
        """
        with self._count:
            self._asked += 1
            mine = self._asked
        with self._writing:
            if self._done >= mine:
                return
            with state_lock:
                with self._count:
                    covered = self._asked
                data = encode(self._snapshot())
            self._write(data)
            self._done = covered

    def _write(self, data: bytes) -> None:
        temporary = self.path.with_name(self.path.name + ".new")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            if self.path.exists():
                kept = self.path.with_name(self.path.name + ".kept")
                kept.unlink(missing_ok=True)
                os.link(self.path, kept)
                kept.replace(self.previous)
            temporary.replace(self.path)
        except OSError as error:
            raise StateError(
                f"cannot be written: {error.strerror or error}", where=str(self.path), hint="free space on its disk"
            ) from error
        self.writes += 1

    def load(self, say: Callable[[str], None]) -> State | None:
        """What the file holds, or None when there is none yet.

        A file that is cut off is passed over for the one before it, and `say` is told. Raises StateError when both are
        unreadable, or were written by another version.
        """
        if not self.path.exists() and not self.previous.exists():
            return None
        reasons = []
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                state = decode(path.read_bytes(), str(path))
            except _TornError as error:
                reasons.append(f"{path.name} {error}")
                continue
            if reasons:
                say(f"{'; '.join(reasons)}: using {path.name}, the last call may be lost")
            return state
        raise StateError(
            f"nothing readable: {'; '.join(reasons)}",
            where=str(self.path),
            hint="jenkins-bootstrap embedded down --wipe removes the state folder and all its images",
        )


class _TornError(Exception):
    """The file is not whole."""


@cache
def _versions() -> dict[str, Any]:
    return {"format": FORMAT, "moto": version("moto"), "python": ".".join(map(str, sys.version_info[:2]))}


def encode(state: State) -> bytes:
    """The bytes of a state file."""
    out = io.BytesIO()
    _Pickler(out, protocol=5).dump((state.backends, state.seeded))
    body = out.getvalue()
    head = {**_versions(), "length": len(body), "sha256": hashlib.sha256(body).hexdigest(), "host": platform.machine()}
    return json.dumps(head, sort_keys=True).encode() + b"\n" + body


def decode(data: bytes, where: str) -> State:
    """The state in a file's bytes. Raises StateError when another version wrote it."""
    line, _, body = data.partition(b"\n")
    try:
        head = json.loads(line)
        length, digest = head["length"], head["sha256"]
    except (ValueError, KeyError, TypeError):
        raise _TornError("has no readable first line") from None
    if len(body) != length or hashlib.sha256(body).hexdigest() != digest:
        raise _TornError(f"is not whole ({len(body)} of {length} bytes)")
    for key, mine in _versions().items():
        if head.get(key) != mine:
            raise StateError(
                f"was written with {key} {head.get(key)}, this is {key} {mine}",
                where=where,
                hint=f"use {key} {head.get(key)} again, or start anew: jenkins-bootstrap embedded down --wipe "
                "(removes the state folder and all its images)",
            )
    try:
        backends, seeded = pickle.loads(body)  # noqa: S301 written by ourselves, see the top
    except Exception as error:
        raise StateError(
            f"cannot be read back: {type(error).__name__}: {error}",
            where=where,
            hint="start anew: jenkins-bootstrap embedded down --wipe",
        ) from error
    return State(backends, seeded)
