"""manifest.json: Packer's own manifest, merged over the images of a project.

Packer writes one manifest a run. Here each run's builds are added to the project's manifest.json in Packer's own
format, newest last, so that `deploy` and other tools pick an image by build name. Results of a bake are read from the
manifest, never from Packer's output.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import ToolError
from jenkins_bootstrap.files import write_atomic

_KEPT = 50


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a manifest: the image's name and the AMI it became."""

    name: str
    region: str
    ami: str
    custom_data: Mapping[str, str]


def read_builds(path: Path) -> tuple[Build, ...]:
    """The AMIs of a manifest, oldest first. Raises ToolError when it is missing or not what Packer writes."""
    builds = []
    for raw in _load(path)["builds"]:
        region, _, ami = str(raw.get("artifact_id", "")).partition(":")
        if not ami.startswith("ami-"):
            continue
        data = raw.get("custom_data") or {}
        builds.append(Build(data.get("image") or raw["name"], region, ami.split(",")[0], data))
    return tuple(builds)


def merge(path: Path, fresh: Path) -> None:
    """Add the builds of Packer's manifest `fresh` to `path`; the newest of each name stays, the last 50 in all."""
    new = _load(fresh)
    old = _load(path)["builds"] if path.is_file() else []
    for build in new["builds"]:
        # Packer names a build after its source; two images may share a template, so the image's own name is put there.
        build["name"] = (build.get("custom_data") or {}).get("image", build["name"])
    known = {build.get("artifact_id") for build in new["builds"]}
    builds = [build for build in old if build.get("artifact_id") not in known] + new["builds"]
    text = json.dumps({"builds": builds[-_KEPT:], "last_run_uuid": new.get("last_run_uuid", "")}, indent=2) + "\n"
    write_atomic(path, text)


def _load(path: Path) -> dict[str, Any]:
    hint = "bake again; a manifest of your own must have the format of Packer's manifest post-processor"
    try:
        value = json.loads(path.read_text())
    except OSError as error:
        raise ToolError(f"cannot be read: {error.strerror}", where=str(path), hint=hint) from error
    except ValueError as error:
        raise ToolError(f"is not JSON: {error}", where=str(path), hint=hint) from error
    if not isinstance(value, dict) or not isinstance(value.get("builds"), list):
        raise ToolError("has no list of builds", where=str(path), hint=hint)
    return value
