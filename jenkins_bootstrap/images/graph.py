"""The graph of images in the settings: which image is built on which, and in what order. Pure; knows no AWS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jenkins_bootstrap.config.models import ImageSpec
from jenkins_bootstrap.errors import SettingsError, UsageError, nearest, raise_all

# A name becomes part of an AMI's name, of an HCL identifier and of a file name.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class NamedImage:
    """One image of the settings with its name."""

    name: str
    spec: ImageSpec

    @property
    def parent(self) -> str | None:
        return self.spec.parent


@dataclass(frozen=True, slots=True)
class Graph:
    """All images of the settings, parents before their children; siblings in the order of the settings."""

    images: tuple[NamedImage, ...]

    def __getitem__(self, name: str) -> NamedImage:
        for image in self.images:
            if image.name == name:
                return image
        raise _unknown(name, [i.name for i in self.images])

    def ancestors(self, name: str) -> tuple[str, ...]:
        """The names of what `name` is built on, nearest first; empty for an image on a foreign source."""
        found: list[str] = []
        parent = self[name].parent
        while parent is not None:
            found.append(parent)
            parent = self[parent].parent
        return tuple(found)

    def wanted(self, names: Iterable[str] = ()) -> tuple[NamedImage, ...]:
        """The named images with their ancestors, parents first; all images when no name is given.

        Raises UsageError for a name that the settings do not define, with the nearest one that they do.
        """
        asked = list(names)
        if not asked:
            return self.images
        known = [i.name for i in self.images]
        raise_all([_unknown(name, known) for name in asked if name not in known])
        keep = {ancestor for name in asked for ancestor in self.ancestors(name)} | set(asked)
        return tuple(image for image in self.images if image.name in keep)


def build_graph(images: Mapping[str, ImageSpec]) -> Graph:
    """Order the settings' images. Raises SettingsError for a bad name, an unknown parent or a cycle, all at once."""
    errors = [
        SettingsError(
            f"{name!r} cannot be the name of an image",
            where=f"images.{name}",
            hint="use up to 32 lower-case letters, digits and hyphens, a letter first",
        )
        for name in images
        if not _NAME.fullmatch(name)
    ]
    for name, spec in images.items():
        if spec.parent is not None and spec.parent not in images:
            errors.append(_unknown_parent(name, spec.parent, images))
    raise_all(errors)
    ordered: list[NamedImage] = []
    placed: set[str] = set()
    waiting = dict(images)
    while waiting:
        ready = [name for name, spec in waiting.items() if spec.parent is None or spec.parent in placed]
        if not ready:
            raise _cycle(waiting)
        for name in ready:
            ordered.append(NamedImage(name, waiting.pop(name)))
            placed.add(name)
    return Graph(tuple(ordered))


def _unknown(name: str, known: list[str]) -> UsageError:
    near = nearest(name, known)
    return UsageError(
        f"no image is named {name!r}",
        where="images",
        hint=f"did you mean {near!r}?" if near else f"the settings define {', '.join(known) or 'none'}",
    )


def _unknown_parent(name: str, parent: str, images: Mapping[str, ImageSpec]) -> SettingsError:
    near = nearest(parent, images)
    return SettingsError(
        f"no image is named {parent!r}",
        where=f"images.{name}.parent",
        hint=f"did you mean {near!r}?" if near else f"add images.{parent}, or name one of {', '.join(images)}",
    )


def _cycle(waiting: Mapping[str, ImageSpec]) -> SettingsError:
    # Each image left waits for one that is left too, so following parents from any of them runs into the cycle.
    path = [next(iter(waiting))]
    while (parent := waiting[path[-1]].parent) is not None and parent not in path:
        path.append(parent)
    ring = path[path.index(parent) :] if parent is not None else path
    return SettingsError(
        f"images are built on each other in a ring: {' on '.join([*ring, ring[0]])}",
        where=f"images.{ring[0]}.parent",
        hint="give one of them a source instead of a parent",
    )
