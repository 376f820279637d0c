"""Finds, starts and ends the daemon of an embedded target. Imports nothing heavy: a daemon that runs is found in
milliseconds, and `--help` pays nothing.

It changes nothing in the daemon's state but by asking the daemon.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jenkins_bootstrap.embedded.layout import FAKE_CREDENTIAL, PROTOCOL, Record, StateFolder
from jenkins_bootstrap.errors import BootstrapError, ToolError

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Embedded, Settings

DEFAULT_REGION = "us-east-1"
START_PATIENCE = 60.0
END_PATIENCE = 30.0
Progress = Callable[[str], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an embedded target listens. `github_url` is the REST API's root; `ssh_port` that of every instance."""

    aws_url: str
    github_url: str
    state: Path
    pid: int
    ssh_port: int
    region: str
    started_now: bool = False

    @property
    def graphql_url(self) -> str:
        return self.github_url.removesuffix("/v3") + "/graphql"

    def environment(self) -> dict[str, str]:
        """What other tools (Packer, terraform, boto3) need in their environment, so that no real account is used."""
        return {
            "AWS_ACCESS_KEY_ID": FAKE_CREDENTIAL,
            "AWS_SECRET_ACCESS_KEY": FAKE_CREDENTIAL,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT": self.aws_url,
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_POLL_DELAY_SECONDS": "1",
            "AWS_MAX_ATTEMPTS": "60",
            "CHECKPOINT_DISABLE": "1",
            "GITHUB_API_URL": self.github_url,
            "GITHUB_GRAPHQL_URL": self.graphql_url,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a state folder without starting anything. `endpoints` is None when no daemon runs."""

    state: Path
    exists: bool
    endpoints: Endpoints | None
    seeded: tuple[str, ...] = ()


def state_folder(embedded: Embedded, folder: Path) -> Path:
    """The state folder: the settings', or `.jenkins-bootstrap` in `folder` (that of the settings file)."""
    return (embedded.state or folder / ".jenkins-bootstrap").absolute()


def cache_folder() -> Path:
    """Where the root file system and downloads are kept for all state folders of this user."""
    given = os.environ.get("JENKINS_BOOTSTRAP_CACHE")
    if given:
        return Path(given).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "jenkins-bootstrap"


def up(
    embedded: Embedded,
    folder: Path,
    *,
    settings: Settings | None,
    progress: Progress | None = None,
    reseed: bool = False,
    idle_seconds: float | None = None,
) -> Endpoints:
    """The embedded target of a state folder, started when it is not there.

    With `settings` its surroundings are made at the first start (what Terraform makes in a real account), and with
    `reseed` whatever of them is missing now. `idle_seconds` instead of the settings' minutes is
    for tests.

    Raises ToolError when the daemon does not start, StateError's text when its state cannot be used.
    """
    state = StateFolder(state_folder(embedded, folder))
    show: Progress = progress or (lambda _words: nullcontext())
    options = _options(embedded)
    region = settings.region if settings is not None else DEFAULT_REGION
    record, health = _find(state, options)
    started = False
    if record is None or not _seeded(health, settings) or reseed:
        _make_folder(state)
        with _locked(state.start_lock, show):
            record, health = _find(state, options)
            if record is None:
                with show("start the embedded AWS and GitHub") as line:
                    seconds = embedded.idle_minutes * 60.0 if idle_seconds is None else idle_seconds
                    record = _start(state, options, seconds, line)
                health = _call(record, "health", options)
                started = True
            if settings is not None and (reseed or not _seeded(health, settings)):
                with show("make the surroundings of the embedded AWS"):
                    _call(record, "seed", {"settings": settings.model_dump_json(), "plan": False})
    return _endpoints(record, state, region, started)


def has_state(embedded: Embedded, folder: Path) -> bool:
    """Whether an embedded AWS has ever been started in the state folder."""
    return StateFolder(state_folder(embedded, folder)).aws.exists()


def seed_plan(embedded: Embedded, folder: Path, settings: Settings) -> list[str] | None:
    """What `up` would make in a running embedded AWS, in words; None when none runs."""
    state = StateFolder(state_folder(embedded, folder))
    record, _health = _find(state, _options(embedded))
    if record is None:
        return None
    words: list[str] = _call(record, "seed", {"settings": settings.model_dump_json(), "plan": True})
    return words


def prepare_root(endpoints: Endpoints, progress: Callable[[str], None] | None = None) -> Path:
    """Have the root file system of the instances made, when it is not there yet (most of a minute, once a machine).

    Without this the first RunInstances does it, with nothing to show meanwhile. `progress` gets each new line of words.
    Raises the error that tells what is missing (a tool, space).
    """
    import threading

    record = _record_of(endpoints)
    ended = threading.Event()

    def watch() -> None:
        shown = ""
        while not ended.wait(0.5):
            line = _call(record, "root-progress", None)
            if line != shown and progress is not None:
                progress(line)
            shown = line

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return Path(_call(record, "root", None, seconds=1800))
    finally:
        ended.set()


def leftovers(endpoints: Endpoints) -> dict[str, Any]:
    """What is in the embedded AWS besides the surroundings, counted; all zero when every command cleaned up."""
    value: dict[str, Any] = _call(_record_of(endpoints), "leftovers", None)
    return value


def status(embedded: Embedded, folder: Path) -> Status:
    """What runs for a state folder. Starts nothing."""
    state = StateFolder(state_folder(embedded, folder))
    record = Record.read(state.record)
    if record is None or not record.alive():
        return Status(state.root, state.root.exists(), None)
    health = _call(record, "health", None)
    return Status(state.root, True, _endpoints(record, state, DEFAULT_REGION, False), tuple(health.get("seeded", ())))


@dataclass(frozen=True, slots=True)
class Ended:
    """What `down` did."""

    was_running: bool
    wiped: bool


def down(embedded: Embedded, folder: Path, *, wipe: bool = False, progress: Progress | None = None) -> Ended:
    """End the daemon and its instances; images and everything else stay for the next start.

    With `wipe` the state folder goes too, and all its images with it. Also clears up after a daemon that was killed.
    """
    state = StateFolder(state_folder(embedded, folder))
    show: Progress = progress or (lambda _words: nullcontext())
    if not state.root.exists():
        return Ended(False, False)
    with _locked(state.start_lock, show), show("end the embedded AWS and GitHub"):
        record = Record.read(state.record)
        running = record is not None and record.alive()
        if record is not None and running:
            _end(record)
        state.record.unlink(missing_ok=True)
        _clear_machines(state)
    if wipe:
        from jenkins_bootstrap.embedded.userns import remove_tree

        remove_tree(state.root)
    return Ended(running, wipe)


def _clear_machines(state: StateFolder) -> None:
    """Remove what instances a killed daemon left; their layers stay."""
    if (state.root / "metal").is_dir():
        from jenkins_bootstrap.embedded.metal import Metal

        Metal(state.root / "metal").reap()


def _options(embedded: Embedded) -> dict[str, Any]:
    from jenkins_bootstrap.resources import sample

    tar = embedded.root_filesystem
    return {
        "github": str((embedded.github or sample("github-sample.json")).absolute()),
        "options": {"cache": str(cache_folder()), "tar": str(tar.absolute()) if tar else None},
    }


def _seeded(health: dict[str, Any], settings: Settings | None) -> bool:
    return settings is None or f"{settings.project} {settings.region}" in health.get("seeded", ())


def _endpoints(record: Record, state: StateFolder, region: str, started: bool) -> Endpoints:
    return Endpoints(
        f"http://127.0.0.1:{record.aws_port}",
        f"http://127.0.0.1:{record.github_port}/api/v3",
        state.root,
        record.pid,
        record.ssh_port,
        region,
        started,
    )


def _record_of(endpoints: Endpoints) -> Record:
    record = Record.read(StateFolder(endpoints.state).record)
    if record is None or record.pid != endpoints.pid:
        raise ToolError(
            "the embedded AWS that this command used has ended", where=str(endpoints.state), hint="run it again"
        )
    return record


def _find(state: StateFolder, options: dict[str, Any]) -> tuple[Record | None, dict[str, Any]]:
    """The daemon that serves a folder and its health; None when there is none that answers for it."""
    record = Record.read(state.record)
    if record is None or not record.alive():
        return None, {}
    try:
        health = _call(record, "health", options)
    except ConnectionError:
        # It ends just now, or never got so far; what its lock says is waited for by the daemon that follows.
        return None, {}
    if health["closing"] or record.protocol != PROTOCOL:
        _end(record)
        return None, {}
    return record, health


def _call(record: Record, what: str, body: Any, seconds: float = 60.0) -> Any:
    """One control call. HTTP by hand, as importing an HTTP library takes longer than the call.

    Raises BootstrapError with what the daemon says, ConnectionError when it is not there.
    """
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"POST /_embedded/{what} HTTP/1.0\r\nHost: 127.0.0.1\r\nX-Embedded-Token: {record.token}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    try:
        with socket.create_connection(("127.0.0.1", record.aws_port), timeout=seconds) as connection:
            connection.sendall(head.encode() + data)
            with connection.makefile("rb") as stream:
                answer = stream.read()
    except TimeoutError:
        raise ToolError(
            f"does not answer within {seconds:g} s",
            where=f"embedded daemon, process {record.pid}",
            hint="jenkins-bootstrap embedded down, then try again",
        ) from None
    head_bytes, _, content = answer.partition(b"\r\n\r\n")
    parts = head_bytes.split(None, 2)
    if len(parts) < 2 or parts[1] == b"403":
        raise ConnectionError("no answer of this daemon")
    value = json.loads(content)
    if parts[1] != b"200":
        raise BootstrapError(value["what"], where=value.get("where", ""), hint=value.get("hint", ""))
    return value


def _make_folder(state: StateFolder) -> None:
    try:
        state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BootstrapError(
            f"cannot be made: {error.strerror}", where=str(state.root), hint="set embedded.state to another folder"
        ) from error


@contextlib.contextmanager
def _locked(path: Path, show: Progress) -> Iterator[None]:
    """Hold a lock file. The kernel gives it back when this process dies, however it does."""
    try:
        handle = path.open("wb")
    except OSError as error:
        raise BootstrapError(
            f"cannot be written: {error.strerror}", where=str(path), hint="check its owner and the space on its disk"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with show("wait for another command that starts or ends the embedded AWS"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _start(state: StateFolder, options: dict[str, Any], idle: float, line: Any) -> Record:
    """Start a daemon and return when it serves. Whatever goes wrong in it comes back as an error."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "jenkins_bootstrap.embedded.daemon", "--state", str(state.root)]
    command += ["--idle-seconds", str(idle)]
    command += ["--options", json.dumps(options["options"]), "--ready", str(writing)]
    with os.fdopen(reading, "rb") as ready:
        try:
            with state.log.open("ab") as log:
                starter = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=_environment(),
                    start_new_session=True,
                    pass_fds=(writing,),
                )
        finally:
            os.close(writing)
        starter.wait()  # it forks at once, so this takes as long as starting Python
        _await(ready, state, line)
    record = Record.read(state.record)
    if record is None:
        raise ToolError("the embedded daemon ended at once", where=str(state.log), hint="its log says why")
    return record


def _environment() -> dict[str, str]:
    """The daemon's: ours, plus the path to this package, as its working folder is not ours."""
    path = [entry for entry in sys.path if entry and Path(entry).is_dir()]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}


def _await(ready: IO[bytes], state: StateFolder, line: Any) -> None:
    """Read what the daemon says until it is ready."""
    deadline = time.monotonic() + START_PATIENCE
    pending = b""
    while True:
        if not select.select([ready], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise ToolError(
                f"the embedded daemon is not ready after {START_PATIENCE:g} s",
                where=str(state.log),
                hint="jenkins-bootstrap embedded down, then try again",
            )
        chunk = os.read(ready.fileno(), 65536)
        pending += chunk
        *lines, pending = pending.split(b"\n")
        for text in lines:
            value = json.loads(text)
            if "error" in value:
                error = value["error"]
                raise ToolError(error["what"], where=error["where"], hint=error["hint"])
            if value.get("ready"):
                return
            if callable(line):
                line(value["say"])
        if not chunk:
            raise ToolError(
                f"the embedded daemon ended before it was ready: {_tail(state.log)}",
                where=str(state.log),
                hint="jenkins-bootstrap check names what is missing; the log has more",
            )


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def _end(record: Record) -> None:
    """End a daemon: ask it, wait, and in the end kill it."""
    with contextlib.suppress(BootstrapError, ConnectionError, ValueError):
        _call(record, "shutdown", None, seconds=5)
    for number in (None, signal.SIGKILL):
        if number is not None and record.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, number)
        deadline = time.monotonic() + END_PATIENCE
        while record.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if not record.alive():
            return
    raise ToolError(
        f"process {record.pid} does not end", where="embedded daemon", hint=f"end it yourself: kill -9 {record.pid}"
    )
