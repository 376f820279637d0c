"""One bake as asked for: the wanted images, what goes into each, and their content keys. Reads files; knows no AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.config.models import Settings
from jenkins_bootstrap.facts import Image
from jenkins_bootstrap.images.bake import bake_plan
from jenkins_bootstrap.images.graph import NamedImage, build_graph
from jenkins_bootstrap.images.inputs import ControllerContent, ImageInputs, gather
from jenkins_bootstrap.images.key import content_keys
from jenkins_bootstrap.images.runtime import package_files
from jenkins_bootstrap.plan import Plan


@dataclass(frozen=True, slots=True)
class Request:
    """`images` has parents first; `inputs` and `keys` are by image name, `sources` the foreign images found."""

    images: tuple[NamedImage, ...]
    inputs: Mapping[str, ImageInputs]
    keys: Mapping[str, str]
    sources: Mapping[str, Image]

    def plan(self, existing: Sequence[Image]) -> Plan:
        """What is to be done, given all own images of the project."""
        return bake_plan(self.images, self.keys, self.sources, existing)


def request(
    settings: Settings,
    names: Iterable[str],
    *,
    content: ControllerContent,
    sources: Mapping[str, Image],
    folder: Path,
) -> Request:
    """Gather what the named images (all of them when none is named) and their ancestors are made of.

    `content` is what controller images carry, `sources` the newest foreign image for each image that has a source, by
    image name, `folder` the settings file's. Raises UsageError or SettingsError for what is not there.
    """
    images = build_graph(settings.images).wanted(names)
    package = package_files()
    inputs = [gather(image, settings, content, folder=folder, package=package) for image in images]
    keys = content_keys(inputs, sources)
    return Request(images, {each.image.name: each for each in inputs}, keys, sources)
