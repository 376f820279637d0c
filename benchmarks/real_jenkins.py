"""What our stages cost at the boot of a real Jenkins: the same war and plugins with and without them, side by side.

    JENKINS_WAR=FILE JENKINS_PLUGINS=DIR python benchmarks/real_jenkins.py

Boots from an empty JENKINS_HOME with the plugins already exploded, as in an image, in turns, and takes the medians.
With the stages they run against the embedded AWS and GitHub. `make bench` runs this when both variables are set.
"""

from __future__ import annotations

import os
import shlex
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from run import ROOT, row

from jenkins_bootstrap.boot.layout import Layout
from jenkins_bootstrap.boot.local import LocalController, free_port
from jenkins_bootstrap.cli import trial
from jenkins_bootstrap.cli.context import Context
from jenkins_bootstrap.embedded.client import down

RUNS = 3
EVERY = 300.0


@dataclass
class World:
    """One organisation's size with its embedded AWS."""

    ctx: Context
    gathered: trial.Trial

    @classmethod
    def make(cls, folder: Path, repositories: int) -> World:
        folder.mkdir()
        text = (ROOT / "jenkins-bootstrap.yml").read_text()
        text = text.replace('include: ["*"]', 'include: ["*"]\n        has_jenkinsfile: false')
        (folder / "jenkins-bootstrap.yml").write_text(f"{text}\nembedded:\n  github: organisation.json\n")
        shutil.copy(ROOT / "jenkins-bootstrap.lock.json", folder)
        listed = ",".join(
            f'{{"name": "r{n:04}", "full_name": "acme-demo/r{n:04}", "has_jenkinsfile": false}}'
            for n in range(repositories)
        )
        (folder / "organisation.json").write_text(f"[{listed}]")
        ctx = Context(settings_path=folder / "jenkins-bootstrap.yml", quiet=True)
        war, plugins = Path(os.environ["JENKINS_WAR"]), Path(os.environ["JENKINS_PLUGINS"])
        return cls(ctx, trial.gather(ctx, war, plugins, "http://127.0.0.1:1/"))

    def controller(self, root: Path) -> LocalController:
        port = free_port()
        version = self.gathered.war_version
        settings = trial.local_settings(self.gathered.settings, f"http://127.0.0.1:{port}/", version)
        made = replace(self.gathered, settings=settings)
        controller = trial.put(self.ctx, made, Layout(root), port)
        controller.options = shlex.split(os.environ.get("JENKINS_JAVA_OPTIONS", ""))
        return controller

    def close(self) -> None:
        down(self.ctx.settings.embedded, self.ctx.folder, wipe=True)


def boot(controller: LocalController, *, stages: bool) -> tuple[float, float]:
    """Seconds to the login page, and of our stages by their own clock; everything is removed afterwards."""
    if not stages:
        controller.prepare = lambda: bare(controller)
    try:
        controller.start()
        ready = controller.wait(EVERY)
        return ready.seconds, sum(ready.stages.values())
    finally:
        controller.stop()
        shutil.rmtree(controller.layout.root)


def bare(controller: LocalController) -> None:
    """An empty hook root, and the plugins where `boot` puts them."""
    controller.layout.hooks.mkdir(parents=True)
    (controller.layout.home / "plugins").symlink_to(controller.layout.plugins)


def median_of(runs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(one[0] for one in runs), statistics.median(one[1] for one in runs)


def main() -> None:
    if not {"JENKINS_WAR", "JENKINS_PLUGINS"} <= set(os.environ):
        sys.exit("give JENKINS_WAR=FILE and JENKINS_PLUGINS=DIR")
    with tempfile.TemporaryDirectory(prefix="jb-jenkins-") as name:
        folder = Path(name)
        worlds: list[World] = []
        try:
            worlds += [World.make(folder / "few", 5)]
            worlds += [World.make(folder / "many", 1000)]
            few, many = worlds
            kinds: dict[str, Callable[[], tuple[float, float]]] = {
                "none": lambda: boot(few.controller(folder / "boot"), stages=False),
                "few": lambda: boot(few.controller(folder / "boot"), stages=True),
                "many": lambda: boot(many.controller(folder / "boot"), stages=True),
            }
            kinds["none"]()  # the first boot explodes the plugins into the cache and warms the files
            runs: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
            for _ in range(RUNS):
                for kind, one in kinds.items():
                    runs[kind].append(one())
                    print(f"  {kind}: {runs[kind][-1][0]:.2f} s, stages {runs[kind][-1][1]:.2f} s", file=sys.stderr)
        finally:
            for world in worlds:
                world.close()
    none, with_few, with_many = (median_of(runs[kind]) for kind in kinds)
    beside = "of the same Jenkins without stages"
    row("boot of Jenkins with our stages, 5 jobs", with_few[0], none[0] + 2.0, beside, none[0])
    row("  the stages by their own clock", with_few[1], 2.0, "of that boot", with_few[0])
    row("boot of Jenkins, 1,000 jobs made in it", with_many[0], none[0] + 17.0, beside, none[0])
    row("  the stages by their own clock", with_many[1], 17.0, "of that boot", with_many[0])


if __name__ == "__main__":
    main()
