"""The process behind the embedded target: it owns moto, the instances and the embedded GitHub of one state folder.

`python -m jenkins_bootstrap.embedded.daemon` is started by client.py and by nobody else. It lives in a session of its
own, so that ^C in a command does not reach it, and ends by itself when nobody uses it and no instance runs, when its
folder is gone, on SIGTERM, and when told to. What it holds is in the state file before any answer goes out, so that it
may be killed at any moment.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jenkins_bootstrap.embedded.inventory import leftovers
from jenkins_bootstrap.embedded.layout import FAKE_CREDENTIAL, Record, StateFolder, this_process
from jenkins_bootstrap.embedded.machines import metal_machines
from jenkins_bootstrap.embedded.mount import GitHubMount
from jenkins_bootstrap.embedded.quick import quick_imports
from jenkins_bootstrap.errors import BootstrapError, ToolError
from jenkins_bootstrap.files import write_atomic

if TYPE_CHECKING:
    from jenkins_bootstrap.embedded.hooked import Hooks, Machines
    from jenkins_bootstrap.embedded.persistence import Store
    from jenkins_bootstrap.embedded.seed import Thing
    from jenkins_bootstrap.embedded.servers import Activity

OWNER_PATIENCE = 30.0
"""Seconds that a starting daemon waits for the one before it to end."""


class Daemon:
    """Everything the process has. Made, then `run` until it ends."""

    def __init__(self, folder: StateFolder, *, idle_seconds: float, machines: Machines) -> None:
        self.folder = folder
        self.idle_seconds = idle_seconds
        self.token = secrets.token_urlsafe(24)
        self.ended = threading.Event()
        self._machines = machines
        self._seeding = threading.Lock()
        self._seeded: list[str] = []
        self._hooks: Hooks
        self._store: Store
        self._activity: Activity
        self._github: GitHubMount
        self._port = 0
        self._regions = 0

    def start(self, say: Callable[[str], None]) -> Record:
        """Load the state, start the servers and return what a client must know."""
        _prepare_environment()
        with quick_imports():
            from moto.moto_server.werkzeug_app import (
                DomainDispatcherApplication,
                MotoRequestHandler,
                create_backend_app,
            )

            from jenkins_bootstrap.embedded import hooked, moto_hooks, persistence, servers

        self._hooks = hooked.Hooks(self._machines)
        moto_hooks.install(self._hooks)
        self._store = persistence.Store(self.folder.aws, self._state)
        state = self._store.load(say)
        if state is not None:
            persistence.install(state.backends)
            self._seeded = state.seeded
        repaired = moto_hooks.repair(self._hooks)
        for line in repaired:
            say(line)
        if repaired:
            self._save()
        self._activity = servers.Activity()
        self._github = GitHubMount(self.folder.github)
        gate = servers.Gate(
            DomainDispatcherApplication(create_backend_app),
            servers.Control(self.token, self._control()),
            self._hooks.lock,
            self._after_call,
            self._activity,
        )
        handler = type("AwsHandler", (servers.QuietHandler, MotoRequestHandler), {})
        aws = servers.serve(gate, handler)
        github = servers.serve(servers.Counted(self._github, self._activity))
        self._port = aws.port
        self._hooks.addresses = {
            "aws_endpoint": f"http://127.0.0.1:{aws.port}",
            "github_url": f"http://127.0.0.1:{github.port}/api/v3",
        }
        ports = (aws.port, github.port, self._machines.ssh_port, self._serve_jenkins())
        return Record(os.getpid(), this_process(), self.token, *ports)

    def _serve_jenkins(self) -> int:
        """The port of the embedded Jenkins; its account's token is made with the state folder."""
        from jenkins_bootstrap.embedded.jenkins.serving import Mount, Server

        if not self.folder.jenkins_token.exists():
            write_atomic(self.folder.jenkins_token, secrets.token_hex(17) + "\n", mode=0o600)
        mount = Mount(self.folder.jenkins, self.folder.jenkins_token.read_text().strip())
        server = Server(mount, self._activity.call)
        mount.url = server.url
        return server.port

    def _state(self) -> Any:
        from jenkins_bootstrap.embedded import persistence

        return persistence.State(persistence.collect(), self._seeded)

    def _after_call(self, only_read: bool) -> None:
        """Keep what a call changed. A read changes something too when it is the first of a region: its default VPC."""
        from jenkins_bootstrap.embedded import persistence

        regions = persistence.count()
        if not only_read or regions != self._regions:
            self._regions = regions
            self._save()

    def _save(self) -> None:
        self._store.save(self._hooks.lock)

    def _control(self) -> dict[str, Callable[[Any], Any]]:
        return {
            "health": self._health,
            "seed": self._seed,
            "leftovers": lambda _body: leftovers(self._machines),
            "root": self._root,
            "root-progress": lambda _body: self._machines.root_progress,
            "shutdown": self._shutdown,
        }

    def _health(self, body: Any) -> dict[str, Any]:
        """That the daemon is there, and counts as use: whoever asks is about to make calls."""
        with self._activity.call():
            if body:
                self._github.use(Path(body["github"]))
                self._machines.configure(body["options"])
            return {"closing": self._activity.closing, "seeded": self._seeded, "writes": self._store.writes}

    def _seed(self, body: Any) -> list[str]:
        from jenkins_bootstrap.config.models import Settings
        from jenkins_bootstrap.embedded import seed, seeder

        settings = Settings.model_validate_json(body["settings"])
        with self._activity.call(), self._seeding:
            seeding = seeder.Seeder(
                f"http://127.0.0.1:{self._port}", settings, partial(self._add_image, settings.region)
            )
            if body["plan"]:
                return [thing.words for thing in seed.plan(settings, seeding.existing())]
            made = seeding.run()
            key = f"{settings.project} {settings.region}"
            if key not in self._seeded:
                self._seeded = [*self._seeded, key]
                self._save()
            return [thing.words for thing in made]

    def _add_image(self, region: str, thing: Thing, created: datetime | None) -> str:
        from moto.ec2.models import ec2_backends

        from jenkins_bootstrap.embedded import moto_images
        from jenkins_bootstrap.embedded.layout import ACCOUNT

        with self._hooks.lock:
            image_id = moto_images.add_image(
                ec2_backends[ACCOUNT][region],
                name=thing.name,
                owner=thing.owner,
                architecture=thing.architecture,
                layers=(),
                tags=dict(thing.tags),
                created=created,
            )
        self._save()
        return image_id

    def _root(self, _body: Any) -> str:
        """Make the root file system if it is not there; answers when it is."""
        with self._activity.call():
            return str(self._machines.root())

    def _shutdown(self, _body: Any) -> dict[str, Any]:
        self._activity.close()
        self.ended.set()
        return {}

    def wait(self) -> None:
        """Until told to end, unused for long enough with no instance, or without its folder."""
        pause = min(5.0, max(0.05, self.idle_seconds / 10))
        while not self.ended.wait(pause):
            record = Record.read(self.folder.record)
            if record is None or record.token != self.token:
                print("the state folder is gone or belongs to another daemon", file=sys.stderr, flush=True)
                return
            if not self._machines.running() and self._activity.close_if_idle(self.idle_seconds):
                print("idle: ending", file=sys.stderr, flush=True)
                return

    def stop(self) -> None:
        """End what runs. Calls under way get a few seconds."""
        self._activity.close()
        deadline = time.monotonic() + 5
        while not self._activity.quiet() and time.monotonic() < deadline:
            time.sleep(0.01)
        record = Record.read(self.folder.record)
        try:
            self._machines.close()
        finally:
            if record is not None and record.token == self.token:
                self.folder.record.unlink(missing_ok=True)


def _prepare_environment() -> None:
    """Before moto is imported: it reads these at import, and boto3 inside it must not look for an account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        MOTO_EC2_LOAD_DEFAULT_AMIS="false",
        AWS_ACCESS_KEY_ID=FAKE_CREDENTIAL,
        AWS_SECRET_ACCESS_KEY=FAKE_CREDENTIAL,
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_EC2_METADATA_DISABLED="true",
    )


def take_ownership(folder: StateFolder) -> IO[bytes] | None:
    """Lock the folder for this process's life, or return None when another daemon turns out to serve it.

    That happens when the command that started the other one was killed before it was ready. Raises ToolError when
    another daemon neither serves nor ends.
    """
    handle = folder.owner_lock.open("a+b")
    deadline = time.monotonic() + OWNER_PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            handle.truncate(0)
            handle.write(f"{os.getpid()} {this_process()}\n".encode())
            handle.flush()
            return handle
        except BlockingIOError:
            other = Record.read(folder.record)
            if other is not None and other.alive():
                return None
            if time.monotonic() > deadline:
                raise ToolError(
                    "another daemon holds this state folder and does not answer",
                    where=str(folder.root),
                    hint="jenkins-bootstrap embedded down, then try again",
                ) from None
            time.sleep(0.02)


def main(arguments: list[str] | None = None) -> int:
    """Start, tell the client by lines of JSON on the given file descriptor, serve, end."""
    parser = argparse.ArgumentParser(prog="python -m jenkins_bootstrap.embedded.daemon")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    parser.add_argument("--options", default="{}", help="JSON: cache and tar, see machines.py")
    parser.add_argument("--throwaway", action="store_true", help="whoever starts it ends it, see layout.Record")
    parser.add_argument("--ready", type=int, required=True, help="file descriptor that the client reads")
    given = parser.parse_args(arguments)
    if os.fork():
        os._exit(0)  # the daemon is nobody's child, so nobody has to wait for it
    os.set_inheritable(given.ready, False)
    with os.fdopen(given.ready, "w") as ready:
        return _serve(given, ready)


def _serve(given: argparse.Namespace, ready: IO[str]) -> int:
    def tell(**values: Any) -> None:
        # The command that started us may be gone; others may come.
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(values), file=ready, flush=True)

    folder = StateFolder(given.state)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        owned = take_ownership(folder)
        if owned is None:
            tell(ready=True)
            return 0
        machines = metal_machines(folder.root, json.loads(given.options))
        daemon = Daemon(folder, idle_seconds=given.idle_seconds, machines=machines)
        signal.signal(signal.SIGTERM, lambda _number, _frame: daemon.ended.set())
        record = replace(daemon.start(lambda line: tell(say=line)), throwaway=given.throwaway)
        record.write(folder.record)
    except BootstrapError as error:
        tell(error={"what": error.what, "where": error.where, "hint": error.hint})
        return 1
    except Exception as error:
        traceback.print_exc()
        tell(error={"what": f"{type(error).__name__}: {error}", "where": "embedded daemon", "hint": "its log has more"})
        return 1
    tell(ready=True)
    with contextlib.suppress(BrokenPipeError):
        ready.close()
    try:
        daemon.wait()
    finally:
        daemon.stop()
        owned.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
