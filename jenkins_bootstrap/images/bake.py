"""What to bake, and why. Pure: from the graph, the keys and the images that exist to a plan.

An image whose content key exists is not baked. Whatever happens, the tag Channel=current ends on the image of the
wanted key, so that going back to an older commit really goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jenkins_bootstrap.facts import Image
from jenkins_bootstrap.images.graph import NamedImage
from jenkins_bootstrap.plan import Plan, Step

CHANNEL = "Channel"
CURRENT = "current"


@dataclass(frozen=True, slots=True)
class BakeImage(Step):
    """Bake one image on `parent_ami`, or, when that is None, on the result of the step `parent_step`."""

    image: str = ""
    content_key: str = ""
    parent_ami: str | None = None
    parent_step: str | None = None


@dataclass(frozen=True, slots=True)
class MarkCurrent(Step):
    """Move Channel=current to `ami`, or, when that is None, to the result of the step `bake_step`."""

    image: str = ""
    ami: str | None = None
    bake_step: str | None = None
    others: tuple[str, ...] = ()
    """Images of this name that carry the tag now and are to lose it."""


def bake_plan(
    images: Sequence[NamedImage], keys: Mapping[str, str], sources: Mapping[str, Image], existing: Sequence[Image]
) -> Plan:
    """The steps that make each image of `images` (parents first) exist and be current; empty when all is so.

    `keys` has the wanted content keys and `sources` the foreign images, by image name; `existing` all own images of the
    project.
    """
    steps: list[Step] = []
    for image in images:
        named = [each for each in existing if each.tag("Name") == image.name and each.state == "available"]
        found = find(named, keys[image.name])
        bake = None
        if found is None:
            bake = _bake(image, keys, sources, existing, named, steps)
            steps.append(bake)
        marked = [each.id for each in named if each.tag(CHANNEL) == CURRENT]
        if found is None or marked != [found.id]:
            steps.append(_mark(image, found, bake, marked))
    return Plan(f"images: {', '.join(image.name for image in images)}", tuple(steps))


def find(images: Sequence[Image], content_key: str) -> Image | None:
    """The available image with this content key; the newest when two bakes made one each."""
    having = [i for i in images if i.tag("ContentKey") == content_key and i.state == "available"]
    return max(having, key=lambda i: (i.created, i.id), default=None)


def _bake(
    image: NamedImage,
    keys: Mapping[str, str],
    sources: Mapping[str, Image],
    existing: Sequence[Image],
    named: Sequence[Image],
    before: Sequence[Step],
) -> BakeImage:
    parent_step = parent_ami = None
    parent = image.parent
    if parent is None:
        parent_ami = sources[image.name].id
    elif any(step.key == _key(parent) for step in before):
        parent_step = _key(parent)
    else:
        found = find([i for i in existing if i.tag("Name") == parent], keys[parent])
        parent_ami = found.id if found is not None else None
    if parent_step is not None and named:
        reason = f"its parent {parent} is baked anew"
    elif not named:
        reason = f"there is no image {image.name} yet"
    else:
        reason = f"no image with content key {keys[image.name][:12]}"
    on = parent_ami or f"the new {parent}"
    return BakeImage(
        key=_key(image.name),
        words=f"bake {image.name}",
        call=f"packer build {image.name} on {on}",
        reason=reason,
        image=image.name,
        content_key=keys[image.name],
        parent_ami=parent_ami,
        parent_step=parent_step,
    )


def _mark(image: NamedImage, found: Image | None, bake: BakeImage | None, marked: Sequence[str]) -> MarkCurrent:
    ami = found.id if found is not None else None
    others = tuple(each for each in marked if each != ami)
    target = ami or f"the new {image.name}"
    call = f"ec2.create_tags {target} {CHANNEL}={CURRENT}"
    if others:
        call += f"; ec2.delete_tags {', '.join(others)} {CHANNEL}"
    return MarkCurrent(
        key=f"current:{image.name}",
        words=f"make {target} the current {image.name}",
        call=call,
        reason=f"{', '.join(others)} is current now" if others else f"no {image.name} is current",
        image=image.name,
        ami=ami,
        bake_step=bake.key if bake is not None else None,
        others=others,
    )


def _key(image: str) -> str:
    return f"bake:{image}"
