"""Finds, starts and ends the daemon of an embedded target. Imports nothing heavy: a daemon that runs is found in
milliseconds, and `--help` pays nothing.

It changes nothing in the daemon's state but by asking the daemon.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jenkins_bootstrap.embedded.layout import DEFAULT_NAME, FAKE_CREDENTIAL, JENKINS_USER, PROTOCOL, Record, StateFolder
from jenkins_bootstrap.embedded.starter import Progress, end, locked, start
from jenkins_bootstrap.embedded.wire import call
from jenkins_bootstrap.errors import BootstrapError, ToolError
from jenkins_bootstrap.interrupts import undisturbed

if TYPE_CHECKING:
    from jenkins_bootstrap.config.models import Embedded, Settings

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an embedded target listens. `github_url` is the REST API's root; `ssh_port` that of every instance.

    `jenkins_url` is a stand-in for Jenkins as far as its jobs go; its account is JENKINS_USER of layout.py.
    """

    aws_url: str
    github_url: str
    state: Path
    pid: int
    ssh_port: int
    region: str
    started_now: bool = False
    throwaway: bool = False
    """Of the daemon: see layout.Record."""
    jenkins_url: str = ""

    @property
    def graphql_url(self) -> str:
        return self.github_url.removesuffix("/v3") + "/graphql"

    @property
    def jenkins_token_file(self) -> Path:
        return StateFolder(self.state).jenkins_token

    def jenkins_environment(self) -> dict[str, str]:
        """What our own commands take a Jenkins from."""
        return {
            "JENKINS_BOOTSTRAP_JENKINS_URL": self.jenkins_url,
            "JENKINS_BOOTSTRAP_JENKINS_USER": JENKINS_USER,
            "JENKINS_BOOTSTRAP_JENKINS_TOKEN_FILE": str(self.jenkins_token_file),
        }

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
    return (embedded.state or folder / DEFAULT_NAME).absolute()


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
    throwaway: bool = False,
) -> Endpoints:
    """The embedded target of a state folder, started when it is not there.

    With `settings` its surroundings are made at the first start (what Terraform makes in a real account), and with
    `reseed` whatever of them is missing now. A daemon that is started here is marked as `throwaway`. `idle_seconds` is
    for tests.

    Raises ToolError when the daemon does not start, StateError's text when its state cannot be used. Interrupted, it
    ends the daemon that it has started.
    """
    state = StateFolder(state_folder(embedded, folder))
    show: Progress = progress or (lambda _words: nullcontext())
    options = _options(embedded)
    region = settings.region if settings is not None else DEFAULT_REGION
    record, health = _find(state, options)
    started = False
    if record is None or not _seeded(health, settings) or reseed:
        with locked(state, show):
            record, health = _find(state, options)
            started = record is None
            try:
                if record is None:
                    seconds = embedded.idle_minutes * 60.0 if idle_seconds is None else idle_seconds
                    with show("start the embedded AWS and GitHub") as line:
                        record, health = _started(state, options, seconds, line, throwaway)
                if settings is not None and (reseed or not _seeded(health, settings)):
                    with show("make the surroundings of the embedded AWS"):
                        call(record, "seed", {"settings": settings.model_dump_json(), "plan": False})
            except KeyboardInterrupt:
                if started:
                    with undisturbed():
                        end(state)
                raise
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
    words: list[str] = call(record, "seed", {"settings": settings.model_dump_json(), "plan": True})
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
            line = call(record, "root-progress", None)
            if line != shown and progress is not None:
                progress(line)
            shown = line

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return Path(call(record, "root", None, seconds=1800))
    finally:
        ended.set()


def leftovers(endpoints: Endpoints) -> dict[str, Any]:
    """What is in the embedded AWS besides the surroundings, counted; all zero when every command cleaned up."""
    value: dict[str, Any] = call(_record_of(endpoints), "leftovers", None)
    return value


def status(embedded: Embedded, folder: Path) -> Status:
    """What runs for a state folder. Starts nothing."""
    state = StateFolder(state_folder(embedded, folder))
    record = Record.read(state.record)
    if record is None or not record.alive():
        return Status(state.root, state.root.exists(), None)
    health = call(record, "health", None)
    return Status(state.root, True, _endpoints(record, state, DEFAULT_REGION, False), tuple(health.get("seeded", ())))


@dataclass(frozen=True, slots=True)
class Ended:
    """What `down` did."""

    was_running: bool
    wiped: bool
    kept: str = ""
    """Why nothing was ended."""


def down(
    embedded: Embedded,
    folder: Path,
    *,
    wipe: bool = False,
    progress: Progress | None = None,
    unless: Callable[[], str] = lambda: "",
) -> Ended:
    """End the daemon and its instances; images and everything else stay for the next start.

    With `wipe` the state folder goes too, and all its images with it. Also clears up after a daemon that was killed.
    `unless` is asked while no other command can start or end a daemon: a reason in words leaves everything as it is.
    """
    state = StateFolder(state_folder(embedded, folder))
    show: Progress = progress or (lambda _words: nullcontext())
    if not state.root.exists():
        return Ended(False, False)
    with locked(state, show):
        if reason := unless():
            return Ended(False, False, reason)
        with show("end the embedded AWS and GitHub"):
            running = end(state)
            state.record.unlink(missing_ok=True)
            _clear_machines(state)
            if wipe:
                _wipe(state)
    return Ended(running, wipe)


def _wipe(state: StateFolder) -> None:
    from jenkins_bootstrap.embedded.userns import remove_tree

    if not state.mark.exists():
        raise BootstrapError(
            "there was something else in this folder before: it is not removed",
            where=str(state.root),
            hint="remove what you do not need of it yourself",
        )
    remove_tree(state.root)


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
        record.throwaway,
        f"http://127.0.0.1:{record.jenkins_port}/",
    )


def _record_of(endpoints: Endpoints) -> Record:
    record = Record.read(StateFolder(endpoints.state).record)
    if record is None or record.pid != endpoints.pid:
        raise ToolError(
            "the embedded AWS that this command used has ended", where=str(endpoints.state), hint="run it again"
        )
    return record


def _started(
    state: StateFolder, options: dict[str, Any], idle_seconds: float, line: Any, throwaway: bool
) -> tuple[Record, dict[str, Any]]:
    """Start a daemon. Another one may have been about to serve, or to end: then it is that one, or once more."""
    for _attempt in range(3):
        start(state, options, idle_seconds, line, throwaway)
        record, health = _find(state, options)
        if record is not None:
            return record, health
    raise ToolError("the embedded daemon ends as soon as it is ready", where=str(state.log), hint="its log says why")


def _find(state: StateFolder, options: dict[str, Any]) -> tuple[Record | None, dict[str, Any]]:
    """The daemon that serves a folder and its health; None when there is none that answers for it."""
    record = Record.read(state.record)
    if record is None or not record.alive():
        return None, {}
    try:
        health = call(record, "health", options)
    except ConnectionError:
        # It ends just now, or never got so far; what its lock says is waited for by the daemon that follows.
        return None, {}
    if health["closing"] or record.protocol != PROTOCOL:
        end(state)
        return None, {}
    return record, health
