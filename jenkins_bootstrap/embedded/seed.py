"""The surroundings of an embedded target: what Terraform makes in a real account, so that every look-up finds its one.

Pure: settings and what exists in, what is to be made out. seeder.py reads what exists and makes the rest.
"""

from __future__ import annotations

import fnmatch
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from jenkins_bootstrap.config.models import Find, FindImage, Settings
from jenkins_bootstrap.embedded.layout import ACCOUNT

Kind = Literal["vpc", "subnet", "security group", "instance profile", "volume", "target group", "image", "secret"]
ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
STAMP = "20251117-2299"
"""What a `*` in the name of a foreign image stands for: Debian names its images debian-13-amd64-20251117-2299."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that exists or is to be made. `name` is "" where only tags identify it."""

    kind: Kind
    name: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    zone: str = ""
    owner: str = ""
    architecture: str = ""

    @property
    def words(self) -> str:
        told = [self.name] if self.name else []
        told += [f"{key}={value}" for key, value in self.tags]
        return f"{self.kind} {' '.join(told)}" + (f" in {self.zone}" if self.zone else "")


def plan(settings: Settings, existing: Iterable[Thing]) -> tuple[Thing, ...]:
    """What must be made so that every look-up of the settings finds what it names; nothing that exists is changed."""
    have = list(existing)
    make: list[Thing] = []

    def add(*things: Thing) -> None:
        make.extend(things)
        have.extend(things)

    vpc = Thing("vpc", f"{settings.project}-embedded", (("Project", settings.project),))
    if vpc not in have:
        add(vpc)
    # The look-up with most tags first: what is made for it may also be what a wider one finds.
    for kind, label, find in sorted(_finds(settings), key=lambda w: (-len(w[2].tags), w[2].name is None)):
        if any(thing.kind == kind and _matches(thing, find) for thing in have):
            continue
        name = _text(find.name, "embedded") if find.name is not None else ""
        if kind in ("security group", "instance profile") and not name:
            name = label
        zones = ["a", "b"] if kind == "subnet" and find.several else ["a"] if kind in ("subnet", "volume") else [""]
        tags = tuple(sorted(find.tags.items()))
        add(*(Thing(kind, name, tags, settings.region + zone if zone else "") for zone in zones))
    group = settings.controller.target_group
    if group is not None and not any(t.kind == "target group" and t.name == group for t in have):
        add(Thing("target group", group))
    for find_image, architecture in _foreign_images(settings):
        if not any(_is_image(thing, find_image, architecture) for thing in have):
            add(_vendor_image(find_image, architecture))
    for image, architecture in _own_images(settings):
        wanted_tags = {"Project": settings.project, "Name": image, "Channel": "current"}
        wanted = FindImage(owners=["self"], tags=wanted_tags)
        if not any(_is_image(thing, wanted, architecture) for thing in have):
            add(
                Thing(
                    "image",
                    f"{settings.project}-{image}-stand-in" + ("" if architecture == _here() else f"-{architecture}"),
                    tuple(sorted({**wanted_tags, "StandIn": "true"}.items())),
                    owner=ACCOUNT,
                    architecture=architecture,
                )
            )
    for secret in (settings.secrets.agent_key, settings.secrets.settings):
        if not any(thing.kind == "secret" and thing.name == secret for thing in have):
            add(Thing("secret", secret))
    return tuple(make)


def _here() -> str:
    return {"aarch64": "arm64"}.get(platform.machine(), "x86_64")


def _finds(settings: Settings) -> list[tuple[Kind, str, Find]]:
    """Each look-up of the settings: what it looks for, a name for it, and the look-up."""
    found: list[tuple[Kind, str, Find | None]] = []
    controller, network = settings.controller, settings.network
    name = f"{settings.project}-controller"
    found += [
        ("security group", name, controller.security_groups),
        ("subnet", name, controller.subnets),
        ("instance profile", name, controller.instance_profile),
        ("volume", name, controller.volume),
        ("subnet", f"{settings.project}-bake", network.subnets),
        ("security group", f"{settings.project}-bake", network.security_groups),
    ]
    for agent in settings.agents:
        name = f"{settings.project}-agent-{agent.label}"
        found += [
            ("security group", name, agent.security_groups),
            ("subnet", name, agent.subnets),
            ("instance profile", name, agent.instance_profile),
        ]
    return [(kind, label, find) for kind, label, find in found if find is not None]


def _matches(thing: Thing, find: Find) -> bool:
    named = find.name is None or fnmatch.fnmatchcase(thing.name, find.name)
    return named and find.tags.items() <= dict(thing.tags).items()


def _is_image(thing: Thing, find: FindImage, architecture: str) -> bool:
    owners = {ACCOUNT if owner == "self" else owner for owner in find.owners}
    named = find.name is None or fnmatch.fnmatchcase(thing.name, find.name)
    tagged = find.tags.items() <= dict(thing.tags).items()
    return thing.kind == "image" and thing.owner in owners and thing.architecture == architecture and named and tagged


def _text(glob: str, stands_for: str) -> str:
    """A name that a glob matches."""
    return glob.replace("*", stands_for).replace("?", "x")


def _foreign_images(settings: Settings) -> list[tuple[FindImage, str]]:
    found = [(spec.source, spec.architecture) for spec in settings.images.values() if spec.source is not None]
    found += [(agent.ami, agent.architecture) for agent in settings.agents if agent.ami.image is None]
    return [(find, ARCHITECTURES[architecture]) for find, architecture in found]


def _own_images(settings: Settings) -> list[tuple[str, str]]:
    return [(a.ami.image, ARCHITECTURES[a.architecture]) for a in settings.agents if a.ami.image is not None]


def _vendor_image(find: FindImage, architecture: str) -> Thing:
    owner = find.owners[0]
    return Thing(
        "image",
        _text(find.name, STAMP) if find.name is not None else f"vendor-{architecture}-{STAMP}",
        tuple(sorted(find.tags.items())),
        owner=ACCOUNT if owner == "self" else owner,
        architecture=architecture,
    )
