"""Downloads: an update-center document, and the plugin files of a lock. The only part of this room that speaks HTTP.

A file appears under its name only when it is whole and its SHA-256 is the lock's; what is there and good is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from jenkins_bootstrap import __version__
from jenkins_bootstrap.errors import BootstrapError, raise_all
from jenkins_bootstrap.files import sha256_file
from jenkins_bootstrap.plugins import update_center
from jenkins_bootstrap.plugins.errors import PluginError, UnreachableError
from jenkins_bootstrap.plugins.lock import Lock, LockedPlugin
from jenkins_bootstrap.plugins.notes import SUFFIXES
from jenkins_bootstrap.plugins.signature import Trust
from jenkins_bootstrap.plugins.source import is_url

_TIMEOUT_SECONDS = 20
"""Without a byte."""
_ATTEMPTS = 3
_GIVE_UP = 4
"""So many plugins in a row without a connection to one host, for one reason: the others are not tried."""
_CHUNK = 1 << 18
_STALE_SECONDS = 3600
_MOST_BYTES = 512 * 1024 * 1024
_NETWORK = (OSError, http.client.HTTPException)


class Stream(Protocol):
    """What a download is read from."""

    def read(self, amount: int = -1, /) -> bytes: ...


Get = Callable[[str], AbstractContextManager[Stream]]
"""Opens a URL for reading; raises OSError (urllib's errors are) or http.client.HTTPException."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a run came to: names downloaded now, and names that had been there."""

    downloaded: tuple[str, ...]
    kept: tuple[str, ...]


def http_get(url: str) -> AbstractContextManager[Stream]:
    """The body of a URL. Proxies come from the environment, as with other tools."""
    request = urllib.request.Request(url, headers={"User-Agent": f"jenkins-bootstrap/{__version__}"})  # noqa: S310
    opened: AbstractContextManager[Stream] = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)  # noqa: S310
    return opened


def read_document(
    source: str,
    trust: Trust | None = None,
    *,
    get: Get = http_get,
    sleep: Callable[[float], None] = time.sleep,
    attempts: int = _ATTEMPTS,
) -> update_center.UpdateCenter:
    """The update-center document at a path or an http(s) URL.

    Raises PluginError when it cannot be had, is cut off, or is no such document; SignatureError when it must be signed
    by someone in `trust` and is not.
    """
    if not is_url(source):
        return update_center.read(Path(source), trust)
    where = _shown(source)

    def attempt() -> bytes:
        with get(source) as stream:
            raw = stream.read(_MOST_BYTES)
            _whole(stream)
        return raw

    raw = _patiently(attempt, where, "controller.update_center may also name a file", sleep, attempts)
    return update_center.parse(raw, where, trust)


def fetch(
    lock: Lock,
    out: Path,
    *,
    source: str | None = None,
    get: Get = http_get,
    workers: int = 4,
    progress: Callable[[str], None] = lambda _line: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Put every plugin of `lock` into the folder `out` as `NAME.jpi`, verified.

    `source` takes the place of the lock's addresses: a base URL (BASE/NAME/VERSION/NAME.hpi, the layout of
    updates.jenkins.io/download/plugins) or a folder (NAME.jpi, NAME.hpi or that layout). `progress` is called with the
    counts at the start, and with each plugin that is ready or has failed. Files that are there with the right hash are
    kept, so a run that was cut short goes on.

    Raises PluginError, or SeveralErrors of them: cannot be had, has another hash (the file is then not there). When one
    host cannot be reached for several plugins in a row, that is one error, and the rest is not tried.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PluginError(
            f"the folder cannot be made: {error.strerror}", where=str(out), hint="choose another with --out"
        ) from error
    _sweep(out)
    todo = missing(lock, out)
    kept = [p for p in lock.plugins if p not in todo]
    tally = _Tally(len(lock.plugins), len(kept), progress)
    stop = threading.Event()
    finished: SimpleQueue[Future[None]] = SimpleQueue()

    def pause(seconds: float) -> None:
        sleep(seconds)
        if stop.is_set():
            raise PluginError("given up", where="plugins fetch")

    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="fetch") as pool:
        try:
            tally.tell("")
            waiting = {}
            for plugin in todo:
                future = pool.submit(_fetch_one, plugin, out, source, get, pause)
                waiting[future] = plugin
                future.add_done_callback(finished.put)
            for _ in todo:
                future = finished.get()  # in the order of their ends, which as_completed does not keep
                tally.count(waiting[future], future)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    raise_all([tally.errors[p.name] for p in todo if p.name in tally.errors])
    return Fetched(tuple(p.name for p in todo), tuple(p.name for p in kept))


@dataclass(slots=True)
class _Tally:
    """How far a run of `wanted` plugins is, `ready` of them there."""

    wanted: int
    ready: int
    progress: Callable[[str], None]
    errors: dict[str, BootstrapError] = field(default_factory=dict)
    unreachable: list[UnreachableError] = field(default_factory=list)
    """The last plugins in a row that failed for one host and one reason."""

    def count(self, plugin: LockedPlugin, future: Future[None]) -> None:
        """Note what came of a plugin. Raises what the run ends with, when going on makes no sense."""
        try:
            future.result()
        except BootstrapError as error:
            self.errors[plugin.name] = error
            self.tell(f"{plugin.name} {plugin.version}: {error.what} ")
            self.look_at_the_host(error)
            return
        self.ready += 1
        self.unreachable = []
        self.tell(f"{plugin.name} {plugin.version} ")

    def look_at_the_host(self, error: BootstrapError) -> None:
        if not isinstance(error, UnreachableError):
            self.unreachable = []
            return
        if self.unreachable and not error.same_as(self.unreachable[-1]):
            self.unreachable = []
        self.unreachable.append(error)
        if len(self.unreachable) < _GIVE_UP:
            return
        others = [e for e in self.errors.values() if not (isinstance(e, UnreachableError) and e.same_as(error))]
        untried = self.wanted - self.ready - len(self.errors)
        rest = f", {untried} more were not tried" if untried else ""
        what = f"cannot be reached: {error.reason}; {len(self.errors) - len(others)} plugins failed{rest}"
        raise_all([*others, PluginError(what, where=error.host, hint=error.hint)])

    def tell(self, words: str) -> None:
        failed = f", {len(self.errors)} failed" if self.errors else ""
        self.progress(f"{words}({self.ready} of {self.wanted}{failed})")


def _sweep(out: Path) -> None:
    """Remove what a run that was killed left behind; a younger file may belong to one that is still going."""
    for stale in out.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - stale.stat().st_mtime > _STALE_SECONDS:
                stale.unlink()


def missing(lock: Lock, out: Path) -> list[LockedPlugin]:
    """The plugins that are not in the folder `out` with the lock's hash."""

    def good(plugin: LockedPlugin) -> bool:
        path = out / f"{plugin.name}.jpi"
        return path.is_file() and sha256_file(path) == plugin.sha256

    return [p for p in lock.plugins if not good(p)]


def _fetch_one(plugin: LockedPlugin, out: Path, source: str | None, get: Get, sleep: Callable[[float], None]) -> None:
    if source is not None and not is_url(source):
        path = _in_folder(plugin, Path(source))
        try:
            _store(plugin, out, lambda: path.open("rb"), str(path))
        except OSError as error:
            raise PluginError(
                f"cannot be read: {error.strerror or error}", where=str(path), hint="let this user read the file"
            ) from error
        return
    url = plugin.url if source is None else _under(source, plugin)
    if not is_url(url):
        raise PluginError(
            f"the address of {plugin.name} is no http(s) URL",
            where="the plugin lock",
            hint="jenkins-bootstrap plugins lock",
        )

    def attempt() -> None:
        _store(plugin, out, lambda: get(url), _shown(url))

    hint = f"Jenkins' mirrors drop old versions: jenkins-bootstrap plugins lock --upgrade {plugin.name}"
    _patiently(attempt, _shown(url), hint, sleep)


def _under(base: str, plugin: LockedPlugin) -> str:
    name, version = quote(plugin.name), quote(plugin.version)
    return f"{base.rstrip('/')}/{name}/{version}/{name}.hpi"


def _in_folder(plugin: LockedPlugin, folder: Path) -> Path:
    for suffix in SUFFIXES:
        for path in (
            folder / f"{plugin.name}{suffix}",
            folder / plugin.name / plugin.version / f"{plugin.name}{suffix}",
        ):
            if path.is_file():
                return path
    raise PluginError(f"{plugin.name}.jpi is not there", where=str(folder), hint="give a folder that has it")


def _store(plugin: LockedPlugin, out: Path, opening: Callable[[], AbstractContextManager[Stream]], where: str) -> None:
    """Copy to a temporary file in `out` while hashing; rename when the hash is right, else leave nothing behind.

    Errors of reading pass as they are, so that they can be tried again; those of writing become PluginErrors.
    """
    handle, temporary = _temporary(plugin, out)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as target, opening() as stream:
            while block := stream.read(_CHUNK):
                digest.update(block)
                _write(target.write, block, out)
            _write(lambda _nothing: target.flush(), b"", out)
            _whole(stream)
        if digest.hexdigest() != plugin.sha256:
            raise PluginError(
                f"{plugin.name} {plugin.version} has sha256 {digest.hexdigest()}, the lock {plugin.sha256}",
                where=where,
                hint="the file was cut off or tampered with: try again, or from another place",
            )
        Path(temporary).chmod(0o644)
        Path(temporary).replace(out / f"{plugin.name}.jpi")
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _whole(stream: Stream) -> None:
    """Raise what a broken connection raises when the server had announced more than came."""
    missing = getattr(stream, "length", None)
    if isinstance(missing, int) and missing > 0:
        raise http.client.IncompleteRead(b"", missing)


def _temporary(plugin: LockedPlugin, out: Path) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix=f".{plugin.name}.", suffix=".part", dir=out)
    except OSError as error:
        raise _no_room(error, out) from error


def _write(write: Callable[[bytes], object], block: bytes, out: Path) -> None:
    try:
        write(block)
    except OSError as error:
        raise _no_room(error, out) from error


def _no_room(error: OSError, out: Path) -> PluginError:
    free = ""
    with contextlib.suppress(OSError):
        free = f" ({shutil.disk_usage(out).free >> 20} MiB are free)"
    return PluginError(
        f"cannot be written: {error.strerror or error}{free}",
        where=str(out),
        hint="free space, or choose another folder",
    )


T = TypeVar("T")


def _patiently(
    attempt: Callable[[], T], where: str, hint: str, sleep: Callable[[float], None], attempts: int = _ATTEMPTS
) -> T:
    """Try again after what may pass: no connection, a connection that broke, 429 and 5xx."""
    for left in reversed(range(attempts)):
        try:
            return attempt()
        except urllib.error.HTTPError as error:
            error.close()
            if left and (error.code == 429 or error.code >= 500):
                sleep(float(attempts - left))
                continue
            raise PluginError(f"the server answers {error.code} {error.reason}", where=where, hint=hint) from error
        except _NETWORK as error:
            if left:
                sleep(float(attempts - left))
                continue
            why = str(getattr(error, "reason", None) or error)
            what, hint = f"cannot be downloaded: {why}", "check the network and HTTPS_PROXY, or name a local copy"
            if isinstance(error, urllib.error.URLError):  # that is before the first byte of an answer
                host = urlsplit(where).netloc
                raise UnreachableError(what, where=where, hint=hint, host=host, reason=why) from error
            raise PluginError(what, where=where, hint=hint) from error
    raise AssertionError("unreachable")


def _shown(url: str) -> str:
    """A URL without user, password and query, as messages may show it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
