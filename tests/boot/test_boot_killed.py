"""A boot killed at any moment, then run again, leaves what an undisturbed one leaves."""

import contextlib
import json
import os
import shutil
import signal
import stat
from pathlib import Path

import pytest

STEPS = [
    "compare the plugins",
    "put the plugins",
    "import the agents'",
    "make the tokens",
    "fill the hook",
    "write facts",
]


def left_behind(layout):
    """Everything in run with its rights, and JENKINS_HOME's entries; of what is random at each boot its length."""
    found = {}
    for path in sorted(p for p in layout.run.rglob("*") if not p.is_symlink()):
        text = path.read_text() if path.is_file() else ""
        if path.name in ("service-token", "reconcile-token", "digest-key"):
            text = str(len(text))
        if path.name == "secrets.json":
            text = {**json.loads(text), "service_token": "", "credentials": ""}
        if path.name == "applied.json":
            text = {stage: sorted(read) for stage, read in json.loads(text)["stages"].items()}
        found[str(path.relative_to(layout.run))] = (stat.S_IMODE(path.stat().st_mode), text)
    return found, sorted(p.name for p in layout.home.iterdir())


def killed(boot, sabotage):
    """Run the boot in a process that kills itself with SIGKILL where `sabotage` says."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            sabotage(lambda: os.kill(os.getpid(), signal.SIGKILL), boot)
        os._exit(99)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def at_step(words):
    def sabotage(kill, boot):
        @contextlib.contextmanager
        def progress(said):
            if said.startswith(words):
                kill()
            yield

        boot.run(progress)

    return sabotage


def before_rename_of(name):
    def sabotage(kill, boot):
        real = Path.replace

        def replace(self, target):
            return kill() if Path(target).name == name else real(self, target)

        Path.replace = replace
        boot.run()

    return sabotage


def between_old_and_new_hooks(kill, boot):
    real = Path.rename
    Path.rename = lambda self, target: kill() if Path(target).name == "hooks" else real(self, target)
    boot.run()


def in_the_middle_of_the_hooks(kill, boot):
    real, count = shutil.rmtree, []

    def rmtree(path, *rest, **options):
        count.append(path)
        (Path(path) / "init.groovy").unlink()
        kill()
        real(path, *rest, **options)

    shutil.rmtree = rmtree
    boot.run()


POINTS = {words: at_step(words) for words in STEPS} | {
    "writing the token": before_rename_of("service-token"),
    "writing the token of the receiver": before_rename_of("reconcile-token"),
    "writing facts.json": before_rename_of("facts.json"),
    "writing secrets.json": before_rename_of("secrets.json"),
    "removing the old hooks": in_the_middle_of_the_hooks,
    "between old and new hooks": between_old_and_new_hooks,
}


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again(boot_of, controller, point):
    boot_of().run()
    wanted = left_behind(controller)
    if point.startswith("writing the token"):
        controller.service_token.unlink()
        controller.reconcile_token.unlink()
    killed(boot_of(), POINTS[point])
    for path in controller.run.rglob("*secrets.json*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    boot_of().run()
    assert left_behind(controller) == wanted
