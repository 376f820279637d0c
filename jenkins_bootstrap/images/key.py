"""The content key: what an image is. Equal inputs give the equal key, on any machine and at any time.

In it: what the image is built on (the AMI id of a foreign source, else the parent's key), the settings that matter,
and the bytes of every file by its role and name. Not in it: time, git commit, the seed of jobs, modification times, the
order of a directory, tags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from jenkins_bootstrap.facts import Image
from jenkins_bootstrap.files import canonical_json
from jenkins_bootstrap.images.inputs import ImageInputs, digest

# To be raised when what a bake does changes without any of its inputs changing.
_FORMAT = 1


def content_key(origin: str, settings: Mapping[str, str], digests: Mapping[str, str]) -> str:
    """The SHA-256 (64 hex digits) of an image's inputs; `digests` are SHA-256 by role and name."""
    value = {"format": _FORMAT, "origin": origin, "settings": dict(settings), "files": dict(digests)}
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def content_keys(inputs: Sequence[ImageInputs], sources: Mapping[str, Image]) -> dict[str, str]:
    """The key of each image by name. `inputs` has parents first; `sources` the foreign images found, by image name."""
    keys: dict[str, str] = {}
    for each in inputs:
        name, parent = each.image.name, each.image.parent
        origin = f"image {keys[parent]}" if parent is not None else f"ami {sources[name].id}"
        keys[name] = content_key(origin, each.settings, {n: digest(content) for n, content in each.files.items()})
    return keys
