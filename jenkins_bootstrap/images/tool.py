"""The Packer at hand: found on the PATH, told from other programs of that name, its version and what it knows."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jenkins_bootstrap.errors import ToolError

OLDEST = (1, 6, 6)
_TOO_NEW = (2, 0, 0)
_INSTALL = "sudo apt-get install packer"


@dataclass(frozen=True, slots=True)
class PackerTool:
    path: Path
    version: tuple[int, int, int]

    @property
    def words(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def needs_plugins(self) -> bool:
        """Builders are plugins that `packer init` fetches by a required_plugins block."""
        return self.version >= (1, 7, 0)

    @property
    def imds_v2(self) -> bool:
        """It knows metadata_options and imds_support: the amazon plugin that packer/plugins.pkr.hcl requires does."""
        return self.needs_plugins


def find_packer(environ: Mapping[str, str] | None = None) -> PackerTool:
    """The first Packer on the PATH. Raises ToolError when there is none, or its version is not one we can use.

    Other programs are called packer too (cracklib's, for one), so each is asked for its version.
    """
    path = (os.environ if environ is None else environ).get("PATH", os.defpath)
    others = []
    for folder in path.split(os.pathsep):
        candidate = Path(folder or ".", "packer")
        if not (candidate.is_file() and os.access(candidate, os.X_OK)):
            continue
        version = _version(candidate, path)
        if version is None:
            others.append(str(candidate))
            continue
        tool = PackerTool(candidate, version)
        if not OLDEST <= version < _TOO_NEW:
            raise ToolError(
                f"Packer {tool.words} is not supported; {'.'.join(map(str, OLDEST))} up to below 2.0 is",
                where=str(candidate),
                hint=_INSTALL,
            )
        return tool
    if others:
        raise ToolError(f"{others[0]} is another program, not HashiCorp's Packer", where="PATH", hint=_INSTALL)
    raise ToolError("packer is not installed", where="PATH", hint=_INSTALL)


def _version(program: Path, path: str) -> tuple[int, int, int] | None:
    try:
        done = subprocess.run(
            [program, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
            env={"PATH": path, "CHECKPOINT_DISABLE": "1", "HOME": "/nonexistent"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(rb"Packer v(\d+)\.(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
