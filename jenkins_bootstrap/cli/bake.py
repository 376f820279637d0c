"""`bake`: the whole main path. Facts, stages, jobs and lock become images, and only what changed is baked."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jenkins_bootstrap.cli import content
from jenkins_bootstrap.cli.context import CHANGES_PENDING, Context, global_options, plan_options
from jenkins_bootstrap.cli.summary import summary
from jenkins_bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from jenkins_bootstrap.aws.bakery import ImageCloud
    from jenkins_bootstrap.facts import Image
    from jenkins_bootstrap.images.execute import Bakery, Target
    from jenkins_bootstrap.images.inputs import ControllerContent
    from jenkins_bootstrap.images.request import Request
    from jenkins_bootstrap.images.war import JenkinsSource
    from jenkins_bootstrap.plan import Outcome, Plan
    from jenkins_bootstrap.plugins.lock import Lock
    from jenkins_bootstrap.stages.compile import CompileReport


@dataclass(slots=True)
class Prepared:
    """Everything a bake needs, read and rendered; nothing is changed yet."""

    jenkins: JenkinsSource
    lock: Lock
    notes: list[str]
    stages: dict[str, str]
    compiled: CompileReport
    made: content.Definitions
    sources: Mapping[str, Image]
    seconds: dict[str, float] = field(default_factory=dict)
    packer_seconds: dict[str, float] = field(default_factory=dict)
    plugin_files: Path | None = None
    """Where the locked plugins' files are, or will be before Packer starts; None bakes without them."""

    @property
    def missing(self) -> list[str]:
        """What the controller is baked without, in words that every summary says."""
        return [words for words in (self.jenkins.note, "" if self.plugin_files else WITHOUT_PLUGINS) if words]


LOOPBACK = "127.0.0.0/8"
WITHOUT_PLUGINS = "without plugins: give JENKINS_PLUGINS=DIR, a folder with the files of the lock"


@click.command("bake")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@plan_options
@global_options
def bake(ctx: Context, images: tuple[str, ...], plan_only: bool, exit_code: bool) -> int:
    """Bake images in dependency order, only those whose content changed; all of them when none is named.

    \b
    Example:
      jenkins-bootstrap bake controller
      jenkins-bootstrap bake --plan

    What an image is built on is baked with it. Killed at any moment it can be run again; what a killed run left in AWS
    is removed first. JENKINS_WAR=FILE in the environment gives the Jenkins that goes into the controller.
    """
    from jenkins_bootstrap.images import runs
    from jenkins_bootstrap.images.graph import build_graph

    graph = build_graph(ctx.settings.images)
    wanted = [image.name for image in graph.wanted(images)]
    parts = prepare(ctx, wanted)
    asked, cloud = request(ctx, parts, images)
    if plan_only:
        plan = asked.plan(cloud.project_images(ctx.settings.project))
        show_plan(ctx, plan)
        return CHANGES_PENDING if exit_code and plan else 0
    with runs.one_at_a_time(
        ctx.state, lambda: ctx.note("another bake of this folder is under way: waiting for its end")
    ):
        for words in runs.sweep_dead(cloud, ctx.state, runs.place(ctx.aws.endpoint or "", ctx.settings.region)):
            ctx.note(f"removed what a killed bake left: {words}")
        plan = asked.plan(cloud.project_images(ctx.settings.project))
        write_lock(ctx, parts.lock)
        outcome = execute(ctx, parts, asked, cloud, plan)
    summary(ctx, parts, asked, cloud.project_images(ctx.settings.project), outcome)
    return 0


def prepare(ctx: Context, wanted: list[str]) -> Prepared:
    """Read and render: settings, Jenkins' source, plugin lock, stages, what is in AWS, the organisation, the jobs."""
    from jenkins_bootstrap.aws import find
    from jenkins_bootstrap.cli.plugins import wanted_lock
    from jenkins_bootstrap.cli.sources import check_organisation
    from jenkins_bootstrap.images.war import find_jenkins
    from jenkins_bootstrap.plugins.core import check_lock
    from jenkins_bootstrap.plugins.lock import dumps

    clock = Clock()
    if ctx.target == "aws":
        _ = ctx.aws  # without credentials nothing else is worth telling
    check_organisation(ctx)
    jenkins = find_jenkins(ctx.settings.controller, environ=os.environ, target=ctx.target, cache=ctx.cache)
    lock, notes = wanted_lock(ctx)
    check_lock(lock, jenkins.version)
    files = content.stages(ctx, lock)
    clock.mark("settings, plugin lock, stages")
    with ThreadPoolExecutor(max_workers=1) as pool:
        report = content.compiling(ctx, pool, files, require=False)
        _ = ctx.aws
        clock.mark(f"{ctx.target} AWS")
        _ = ctx.facts
        clock.mark("look-ups")
        _ = ctx.repositories
        clock.mark("listing of the organisation")
        made = content.definitions(ctx, lock)
        clock.mark("job definitions")
        images = {name: ctx.settings.images[name] for name in wanted}
        sources = find.source_images(ctx.aws, images, ctx.settings.project)
        clock.mark("source images")
        with ctx.progress("compiling the stages"):
            compiled = report.result()
        clock.mark("waiting for Groovy")
    plugin_files = None
    if ctx.target == "aws" or os.environ.get("JENKINS_PLUGINS"):
        key = hashlib.sha256(dumps(lock).encode()).hexdigest()[:16]
        plugin_files = ctx.cache / "plugins" / key
    return Prepared(jenkins, lock, notes, files, compiled, made, sources, clock.seconds, plugin_files=plugin_files)


class Clock:
    """Seconds between marks, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def mark(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = now - self._last
        self._last = now


def request(ctx: Context, parts: Prepared, images: tuple[str, ...]) -> tuple[Request, ImageCloud]:
    """What is to be in each image with its content key, and the gateway that a bake needs."""
    from jenkins_bootstrap.aws.bakery import ImageCloud
    from jenkins_bootstrap.images.request import request as gather

    asked = gather(
        ctx.settings, images, content=controller_content(ctx, parts), sources=parts.sources, folder=ctx.folder
    )
    return asked, ImageCloud(ctx.aws)


def controller_content(ctx: Context, parts: Prepared) -> ControllerContent:
    from jenkins_bootstrap.boot.documents import image_settings
    from jenkins_bootstrap.files import canonical_json
    from jenkins_bootstrap.images.inputs import Archive, ControllerContent
    from jenkins_bootstrap.jobs.seed import seed_files
    from jenkins_bootstrap.plugins.lock import dumps

    folder, made = parts.plugin_files, parts.made.rendered
    plugins = () if folder is None else parts.lock.plugins
    return ControllerContent(
        stages=parts.stages,
        lock=dumps(parts.lock),
        jenkins=parts.jenkins,
        seed=seed_files(made.jobs, made.folders, parts.made.listed_at),
        archives=tuple(Archive(p.name, (folder or Path()) / f"{p.name}.jpi", p.sha256) for p in plugins),
        settings=canonical_json(image_settings(ctx.settings)),
        classes=parts.compiled.classes,
    )


def write_lock(ctx: Context, lock: Lock) -> None:
    """Keep the lock beside the settings, when it is new: the image and the file say the same."""
    from jenkins_bootstrap.plugins import lock as locks

    path = locks.path_beside(ctx.settings_path)
    if not path.exists() or path.read_text() != locks.dumps(lock):
        locks.write(path, lock)
        ctx.note(f"wrote {path}")


def target(ctx: Context) -> Target:
    """The AWS that Packer bakes in, with the credentials of the usual chain in its environment, not its arguments.

    Raises BootstrapError on real AWS when nothing says who may reach the instance: SSH is never open to the world.
    """
    from jenkins_bootstrap.aws import lookup
    from jenkins_bootstrap.images.execute import Target

    network = ctx.settings.network
    subnet, vpc = "", ""
    groups: tuple[str, ...] = ()
    if (where := network.subnets) is not None:
        found = lookup.subnets(ctx.aws, where.tags, where.name, where.several)
        subnet, vpc = found[0].id, found[0].vpc
    if (find := network.security_groups) is not None:
        groups = tuple(g.id for g in lookup.security_groups(ctx.aws, find.tags, find.name, find.several))
    if ctx.target == "embedded":
        ends = ctx.endpoints
        return Target(
            *("embedded", ends.aws_url, ends.environment(), ends.ssh_port, subnet, vpc, groups),
            ssh_from=network.ssh_from or LOOPBACK,
        )
    if not groups and network.ssh_from is None:
        raise BootstrapError(
            "nothing says who may reach the instance that bakes",
            where=f"{ctx.settings_path}: network",
            hint="set network.ssh_from to this machine's address (203.0.113.7/32), or network.security_groups",
        )
    return Target("aws", "", ctx.aws.environment(), 22, subnet, vpc, groups, ssh_from=network.ssh_from or "")


def execute(ctx: Context, parts: Prepared, asked: Request, cloud: ImageCloud, plan: Plan) -> Outcome:
    """Run the plan with the real Packer."""
    from jenkins_bootstrap.images.commit import commit_of
    from jenkins_bootstrap.images.execute import Bakery
    from jenkins_bootstrap.images.tool import find_packer
    from jenkins_bootstrap.plan import Executor, Journal, Outcome

    if not plan:
        return Outcome()
    where = target(ctx)
    prepared = make_ready(ctx, parts)
    bakery: Bakery = Bakery(
        settings=ctx.settings,
        target=where,
        cloud=cloud,
        tool=find_packer(),
        inputs=asked.inputs,
        state=ctx.state,
        cache=ctx.cache,
        manifest=ctx.folder / "manifest.json",
        commit=commit_of(ctx.folder),
        progress=ctx.tell,
    )
    executor = Executor(bakery.handlers(), Journal(ctx.state / "journal.jsonl"), progress=ctx.progress)
    outcome = executor.run(plan)
    outcome.seconds = prepared | outcome.seconds
    parts.packer_seconds = bakery.packer_seconds
    return outcome


def make_ready(ctx: Context, parts: Prepared) -> dict[str, float]:
    """What a bake needs on this machine before Packer starts: plugin files, the embedded root file system; seconds."""
    clock = Clock()
    if parts.plugin_files is not None:
        from jenkins_bootstrap.plugins.fetch import fetch

        with ctx.progress("fetching plugins") as line:
            fetch(parts.lock, parts.plugin_files, source=os.environ.get("JENKINS_PLUGINS"), progress=line)
        clock.mark("plugin files")
    if ctx.target == "embedded":
        from jenkins_bootstrap.embedded import client

        with ctx.progress("making the root file system of the instances") as line:
            client.prepare_root(ctx.endpoints, line)
        clock.mark("root file system")
    return clock.seconds


def show_plan(ctx: Context, plan: Plan) -> None:
    """What would be done and why."""
    from jenkins_bootstrap.plan import describe

    if ctx.json:
        ctx.data(describe(plan))
        return
    for step in plan.steps:
        ctx.out(
            f"{step.words}\n  {step.call}\n  because {step.reason}" if step.reason else f"{step.words}\n  {step.call}"
        )
    ctx.out(f"{len(plan.steps)} steps" if plan else "nothing to do: every image is current")
