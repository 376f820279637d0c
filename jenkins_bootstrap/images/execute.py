"""Carries out the plan of bake.py: a run of Packer for each image, tags moved, nothing left behind on failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.errors import BootstrapError, ToolError
from jenkins_bootstrap.images import manifest, packer, payload, runs
from jenkins_bootstrap.images.bake import CHANNEL, CURRENT, BakeImage, MarkCurrent, find
from jenkins_bootstrap.images.inputs import ImageInputs
from jenkins_bootstrap.images.packer import Limits, Progress
from jenkins_bootstrap.images.ports import Cloud
from jenkins_bootstrap.images.tool import PackerTool
from jenkins_bootstrap.plan import Handler, Step


@dataclass(frozen=True, slots=True)
class Target:
    """The AWS that Packer bakes in. `endpoint` is "" for real AWS.

    `environment` holds the AWS_ variables that Packer is given, credentials among them.
    """

    name: str
    endpoint: str
    environment: Mapping[str, str]
    ssh_port: int = 22
    subnet: str = ""
    vpc: str = ""
    security_groups: tuple[str, ...] = ()
    ssh_from: str = ""
    """The addresses (CIDR) that a temporary group lets in, when no `security_groups` are given."""


@dataclass(slots=True)
class Bakery:
    """What the steps of one command need. `state` and `cache` are folders, `manifest` the project's manifest.json."""

    settings: Settings
    target: Target
    cloud: Cloud
    tool: PackerTool
    inputs: Mapping[str, ImageInputs]
    state: Path
    cache: Path
    manifest: Path
    commit: str
    progress: Progress = lambda _line: None
    limits: Limits = field(default_factory=Limits)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    run: runs.Run = field(init=False)
    packer_seconds: dict[str, float] = field(default_factory=dict)
    """Seconds that Packer itself ran, by image; the rest of a bake is ours."""

    def __post_init__(self) -> None:
        self.run = runs.this_run(runs.place(self.target.endpoint, self.settings.region))

    def handlers(self) -> dict[type[Step], Handler]:
        return {BakeImage: BakeHandler(self), MarkCurrent: MarkHandler(self.cloud)}

    def sweep_dead(self) -> list[str]:
        """Remove what killed runs left; to be called before images are read. Returns what was removed, in words."""
        return runs.sweep_dead(self.cloud, self.state, self.run.place)


@dataclass(slots=True)
class MarkHandler:
    cloud: Cloud

    def is_done(self, step: MarkCurrent, results: Mapping[str, Any]) -> None:
        return None

    def run(self, step: MarkCurrent, results: Mapping[str, Any]) -> str:
        ami = step.ami or str(results[step.bake_step or ""])
        # First the new one: a crash between the two leaves two that are current, which look-ups refuse and a next bake
        # puts right, instead of none.
        self.cloud.tag([ami], {CHANNEL: CURRENT})
        others = [other for other in step.others if other != ami]
        if others:
            self.cloud.untag(others, [CHANNEL])
        return ami


@dataclass(slots=True)
class BakeHandler:
    """The result of a step is the AMI's id."""

    bakery: Bakery

    def is_done(self, step: BakeImage, results: Mapping[str, Any]) -> str | None:
        """Another bake may have made the same image since the plan was computed."""
        mine = [
            i for i in self.bakery.cloud.project_images(self.bakery.settings.project) if i.tag("Name") == step.image
        ]
        found = find(mine, step.content_key)
        return found.id if found is not None else None

    def run(self, step: BakeImage, results: Mapping[str, Any]) -> str:
        bakery = self.bakery
        parent = step.parent_ami or str(results[step.parent_step or ""])
        now = bakery.now()
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        # The run's mark keeps two bakes of one second apart, also those of two machines.
        ami_name = f"{bakery.settings.project}-{step.image}-{stamp}-{step.content_key[:8]}-{bakery.run.mark}"
        runs.write_record(bakery.state, bakery.run, [ami_name])
        try:
            ami = self._bake(step, parent, ami_name, now)
        except BaseException:
            # What Packer could not remove itself. Its own error is the one to show, not one of this.
            with suppress(BootstrapError):
                runs.sweep(bakery.cloud, bakery.run, [ami_name])
            raise
        finally:
            runs.end_run(bakery.state, bakery.run)
        return ami

    def _bake(self, step: BakeImage, parent: str, ami_name: str, now: datetime) -> str:
        bakery, inputs = self.bakery, self.bakery.inputs[step.image]
        folder = runs.folder(bakery.state, bakery.run) / step.image
        upload = payload.write_upload(
            folder,
            inputs,
            key=step.content_key,
            identity={
                "target": bakery.target.name,
                "project": bakery.settings.project,
                "commit": bakery.commit,
                "image": step.image,
            },
            cache=bakery.cache,
            progress=bakery.progress,
        )
        own_group = [] if bakery.target.security_groups else [self._security_group(step.image)]
        fresh = folder / "manifest.json"
        values = self._values(step, inputs, parent, ami_name, now)
        values |= {"upload": str(upload), "manifest": str(fresh)}
        values["security_groups"] = list(bakery.target.security_groups) or own_group
        packer.write_work(folder / "packer", inputs.template, values, bakery.tool)
        started = time.monotonic()
        packer.run_packer(
            bakery.tool,
            folder / "packer",
            env=packer.environment({**bakery.target.environment, "AWS_ENDPOINT": bakery.target.endpoint}),
            log=bakery.state / "logs" / f"{ami_name}.log",
            progress=bakery.progress,
            limits=bakery.limits,
            origin=inputs.template.folder,
        )
        bakery.packer_seconds[step.image] = time.monotonic() - started
        builds = manifest.read_builds(fresh)
        if not builds:
            raise ToolError("Packer's manifest names no image", where=str(fresh), hint="see Packer's log")
        manifest.merge(bakery.manifest, fresh)
        if own_group:
            bakery.cloud.remove_run(runs.TAG, bakery.run.id, bakery.run.key_pair)
        return builds[-1].ami

    def _security_group(self, image: str) -> str:
        # Made here and not by Packer, whose own group has a random name and no tags: after a crash none could find it.
        bakery = self.bakery
        return bakery.cloud.make_security_group(
            f"{bakery.run.key_pair}{image}",
            bakery.target.vpc,
            bakery.target.ssh_port,
            bakery.target.ssh_from,
            self._run_tags(image),
        )

    def _run_tags(self, image: str) -> dict[str, str]:
        bakery = self.bakery
        return {
            **bakery.settings.tags,
            "Name": f"bake {image}",
            "Project": bakery.settings.project,
            runs.TAG: bakery.run.id,
        }

    def _values(
        self, step: BakeImage, inputs: ImageInputs, parent: str, ami_name: str, now: datetime
    ) -> dict[str, Any]:
        bakery, spec = self.bakery, inputs.image.spec
        tags = {
            **bakery.settings.tags,
            **spec.tags,
            "Name": step.image,
            "Project": bakery.settings.project,
            "Commit": bakery.commit,
            "ContentKey": step.content_key,
            "Parent": parent,
            "BuiltAt": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return {
            "endpoint": bakery.target.endpoint,
            "region": bakery.settings.region,
            "source_ami": parent,
            "instance_type": spec.instance_type,
            "volume_gib": spec.volume_gib,
            "ssh_user": spec.ssh_user,
            "ssh_port": bakery.target.ssh_port,
            "ssh_timeout": "60s" if bakery.target.endpoint else "5m",
            "subnet": bakery.target.subnet,
            "key_pair": f"{bakery.run.key_pair}{step.image}",
            "run_tags": self._run_tags(step.image),
            "ami_name": ami_name,
            "ami_description": f"{step.image} of {bakery.settings.project}, content key {step.content_key[:12]}",
            "tags": tags,
            "environment": payload.environment(inputs),
            "custom_data": {"image": step.image, **{name: tags[name] for name in _IN_MANIFEST}},
        }


_IN_MANIFEST = ("Project", "Commit", "ContentKey", "Parent", "BuiltAt")
