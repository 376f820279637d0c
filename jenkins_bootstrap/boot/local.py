"""A controller on this machine, without systemd: for `try`, the acceptance tests and the benchmarks.

Everything lies below one folder, laid out as on a controller, and ends with it. Java gets the options of
jenkins.service with the paths replaced, listens on loopback only, and its heap is bounded. What the unit does in front
of Jenkins (`boot`) is given as a function, since a person's machine has no role, volume or mount of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jenkins_bootstrap.boot.layout import RESTART_STATUS, Layout
from jenkins_bootstrap.boot.unit import java_options
from jenkins_bootstrap.errors import BootstrapError, ToolError
from jenkins_bootstrap.files import canonical_json, read_object, write_atomic
from jenkins_bootstrap.interrupts import held_back
from jenkins_bootstrap.plugins.explode import explode, tree_digest
from jenkins_bootstrap.resources import share

_HEAP = ("-Xms512m", "-Xmx1500m")
_RATIO = ("-XX:MaxRAM", "-XX:InitialRAM")
"""Options for the share of the machine's memory: a person's machine is not Jenkins' alone."""
_MOST_RESTARTS = 3
_LAST_LINES = 15
_POLL_SECONDS = 0.1


class BootFailed(BootstrapError):
    """Jenkins did not come up. `stage` is the stage that ended it, None when it ended before or between the stages."""

    def __init__(self, what: str, *, where: str, hint: str, stage: str | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Ready:
    """Jenkins is up. `seconds` from the start of Java, and of each stage; `restarts` on the way."""

    seconds: float
    restarts: int
    stages: Mapping[str, float]


@dataclass(slots=True)
class LocalController:
    """One Jenkins below `layout.root`, which is there and filled (see `lay_out`).

    `prepare` runs before each start, as the unit's ExecStartPre does; `environment` is what Java gets besides PATH;
    `options` go in front of the unit's own.
    """

    layout: Layout
    port: int
    prepare: Callable[[], None] = lambda: None
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    java: str = "java"
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    _started: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        return self.layout.root / "jenkins.log"

    @property
    def stages(self) -> dict[str, Any]:
        """What each stage that has ended in this start says of itself, by name, in the order they ended."""
        return {path.stem: said for path in self._ended() if (said := read_object(path))}

    def _ended(self) -> list[Path]:
        return sorted(self.layout.results.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)

    def command(self) -> list[str]:
        """How Java is called. The unit says everything but the port, the heap, and what loopback and a folder need."""
        given = [_moved(option, self.layout, self.port) for option in unit_options() if not option.startswith(_RATIO)]
        at = given.index("-jar")
        scratch = self.layout.root / "tmp"
        ours = [*_HEAP, f"-Djava.io.tmpdir={scratch}", f"-Duser.home={self.layout.root / 'user'}"]
        # Jenkins takes a restart by itself otherwise, and what stands in front of a start would not run again.
        ours.append("-Dhudson.lifecycle=hudson.lifecycle.ExitLifecycle")
        listen = ["--httpListenAddress=127.0.0.1"]
        return [self.java, *ours, *given[:at], *self.options, *given[at:], *listen]

    def start(self) -> None:
        """Prepare and start; does not wait. The log is appended to over restarts."""
        self.prepare()
        for name in ("tmp", "user"):
            (self.layout.root / name).mkdir(exist_ok=True)
        command = self.command()
        if shutil.which("setpriv") is not None:  # Java goes when this process does, however that ends
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        environment |= {"HOME": str(self.layout.root / "user"), "JENKINS_HOME": str(self.layout.home)}
        self._started = time.monotonic()
        try:
            with held_back(), self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    command,
                    cwd=self.layout.home,
                    env={**environment, **self.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # ^C in the terminal is ours to pass on
                )
        except FileNotFoundError as error:
            raise ToolError(
                f"{error.filename} is not there", where="PATH", hint="apt-get install openjdk-17-jre-headless"
            ) from error

    def wait(self, seconds: float = 180, tell: Callable[[str], None] = lambda _line: None) -> Ready:
        """Wait until Jenkins answers and every stage has ended; restarts it asks for are made.

        `tell` gets a line for each stage that ends. Raises BootFailed when a stage or Jenkins itself fails, with the
        cause as it was told, and when `seconds` have passed; Jenkins may then still run: call `stop`.
        """
        deadline = time.monotonic() + seconds
        told: set[str] = set()
        while True:
            stages = self.stages
            for name in [name for name in stages if name not in told]:
                told.add(name)
                tell(f"{name} {stages[name].get('seconds', 0):.1f} s")
            failed = next((name for name, said in stages.items() if said.get("failed")), None)
            status = self.process.poll() if self.process is not None else None
            if failed is not None:
                raise self._failure(str(stages[failed].get("cause", "")), failed, str(stages[failed].get("remedy", "")))
            if status == RESTART_STATUS and self.restarts < _MOST_RESTARTS:
                self.restarts += 1
                tell("Jenkins restarts")
                self.start()
            elif status is not None:
                raise self._failure(f"Jenkins ended with exit status {status}", None)
            elif self.answers():
                each = {name: float(said.get("seconds", 0)) for name, said in self.stages.items()}
                return Ready(time.monotonic() - self._started, self.restarts, each)
            if time.monotonic() > deadline:
                raise self._failure(f"Jenkins is not up after {seconds:.0f} s", None)
            time.sleep(_POLL_SECONDS)

    def watch(self, tell: Callable[[str], None] = lambda _line: None) -> None:
        """Stay until Jenkins ends; a restart that it asks for is made. Raises BootFailed when it ends otherwise."""
        while True:
            assert self.process is not None
            status = self.process.wait()
            if status != RESTART_STATUS:
                raise self._failure(f"Jenkins ended with exit status {status}", None)
            tell("Jenkins restarts")
            self.restarts = 0
            self.start()
            tell(f"up again after {self.wait().seconds:.1f} s")

    def answers(self) -> bool:
        """Whether Jenkins shows its login page, so that its start has ended well."""
        return self.status("login") == 200

    def status(self, path: str) -> int:
        """The HTTP status of a page, 0 when nobody listens."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:  # noqa: S310 - our own http URL
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def stop(self, seconds: float = 30) -> int | None:
        """End Jenkins and what it started: SIGTERM, then SIGKILL. Returns its exit status, None when none ran."""
        process, self.process = self.process, None
        if process is None:
            return None
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience)
                if number is signal.SIGTERM:
                    continue  # what it started in its session may still be there
        return process.returncode

    def _failure(self, cause: str, stage: str | None, remedy: str = "") -> BootFailed:
        if stage is None:
            cause += "".join(f"\n  {line}" for line in self._telling_lines())
        place = f"stage {stage}" if stage else str(self.log)
        return BootFailed(cause, where=place, hint=remedy or f"look at the whole log, {self.log}", stage=stage)

    def _telling_lines(self) -> list[str]:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        causes = [line for line in lines if re.search(r"Exception|Error|SEVERE|Caused by", line)]
        return [line[:300] for line in (causes or lines)[-_LAST_LINES:]]


def lay_out(
    layout: Layout,
    *,
    war: Path,
    stages: Mapping[str, str],
    seed: Mapping[str, bytes],
    documents: Mapping[str, str] = {},
    classes: bytes | None = None,
) -> None:
    """Make what an image carries below `layout.root`, for its owner's eyes only: war, stages, seed, and `documents` by
    their name in /usr/share/jenkins-bootstrap; and an empty JENKINS_HOME. `classes` is the archive of the stages'
    classes, where there is one."""
    layout.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout.root.chmod(0o700)
    for path in (layout.run.parent, layout.home, layout.war.parent, layout.share):
        path.mkdir(parents=True, exist_ok=True)
    if not layout.war.exists():
        layout.war.symlink_to(war.resolve())
    _write(layout.stages, {name: text.encode() for name, text in stages.items()})
    if classes is not None:
        _write(layout.classes.parent, {layout.classes.name: classes})
    _write(layout.seed.parent, seed)
    _write(layout.share, {name: text.encode() for name, text in documents.items()})


def put_plugins(layout: Layout, files: Mapping[str, tuple[Path, str]], cache: Path) -> None:
    """Put the image's plugins below `layout`, exploded. `files` gives the archive and its SHA-256 (hex) of each plugin;
    what is exploded once stays in `cache`, and later controllers get links to it."""
    layout.plugins.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, (archive, sha256) in sorted(files.items()):
        kept = cache / sha256
        if not (kept / "digest").is_file():
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy2(archive, kept / f"{name}.jpi")
            explode(kept / f"{name}.jpi", kept / name)
            write_atomic(kept / "digest", tree_digest(kept / name))
        link_tree(kept / f"{name}.jpi", layout.plugins / f"{name}.jpi")
        link_tree(kept / name, layout.plugins / name)
        digests[name] = (kept / "digest").read_text()
    write_atomic(layout.plugins / "tree.json", canonical_json(digests))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def link_tree(source: Path, target: Path) -> None:
    """`target` becomes like the folder or file `source`, by hard links where the file system allows them.

    Jenkins replaces a plugin's files and does not write into them, so that the source stays as it is.
    """
    if source.is_file():
        _link(source, target)
        return
    shutil.copytree(source, target, copy_function=_link)
    shutil.copystat(source, target)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def unit_options() -> list[str]:
    """The arguments of Java in jenkins.service: the one place where they stand."""
    text = (share("packer") / "systemd/jenkins.service").read_text(encoding="utf-8")
    return java_options(text)


def _moved(option: str, layout: Layout, port: int) -> str:
    """An option of the unit for a controller below another root, on another port."""
    if option.startswith("--httpPort="):
        return f"--httpPort={port}"
    real = Layout()
    for place in ("run", "home", "war", "share"):
        option = option.replace(str(getattr(real, place)), str(getattr(layout, place)))
    return option


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(controller: LocalController, seconds: float = 180) -> Iterator[Ready]:
    """A started controller that is ready; stopped at the end, whatever happens."""
    try:
        controller.start()
        yield controller.wait(seconds)
    finally:
        controller.stop()
