"""Definitions as files for people and for review: DIR/<folder>/<owner>/<name>.xml, and seed.json beside them.

A second run writes what changed and removes what the run before wrote and this one did not: only files that the old
seed.json names and that still say that they belong to the same installation.
"""

from __future__ import annotations

import contextlib
import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import write_atomic
from jenkins_bootstrap.jobs import seed
from jenkins_bootstrap.jobs.marker import read_line
from jenkins_bootstrap.jobs.xml import FolderXml, JobXml, Rendered


@dataclass(frozen=True, slots=True)
class Written:
    """How many files of definitions were written, were there already as they should be, and were removed."""

    written: int
    unchanged: int
    removed: int


def write_tree(out: Path, rendered: Rendered, listed_at: datetime) -> Written:
    """Write the definitions below `out`, which is made as needed. `listed_at` is when GitHub was listed.

    Raises BootstrapError when a file cannot be written, and when `out` has a seed.json that is none of ours.
    """
    old = _files_before(out / "seed.json")
    jobs = [job for job in rendered.jobs if not job.keep_only]
    contents = seed.contents(
        jobs,
        rendered.folders,
        listed_at,
        file_of_job=lambda job: f"{job.path}.xml",
        file_of_folder=lambda place: f"{rendered.folders[place].path}.xml",
    )
    files: dict[str, FolderXml | JobXml] = {f"{folder.path}.xml": folder for folder in rendered.folders}
    files |= {f"{job.path}.xml": job for job in jobs}
    # One at a time: ten thousand definitions are 50 MB.
    written = sum(_write(f"{out}/{name}", each.xml) for name, each in files.items())
    removed = sum(_remove(out, name, contents["installation"]) for name in old if name not in files)
    write_atomic(out / "seed.json", seed.to_json(contents))
    return Written(written, len(files) - written, removed)


def _files_before(path: Path) -> list[str]:
    try:
        contents: Any = json.loads(path.read_text())
        if contents["schema"] != seed.SCHEMA:
            raise ValueError("another schema")
        return [str(item["file"]) for item in (*contents["jobs"], *reversed(contents["folders"]))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BootstrapError(
            "is there, and is no list of job definitions that this version wrote",
            where=str(path),
            hint="choose an empty folder, or remove that file",
        ) from error


def _write(path: str, xml: bytes) -> bool:
    """Whether the file was not there as it should be. What is not there yet needs no second file, as seed.json, which
    says what there is, is written last."""
    try:
        with open(path, "xb", buffering=0) as file:  # noqa: PTH123 - ten thousand Paths take time
            if file.write(xml) == len(xml):
                return True
    except OSError:  # it is there, or its folder is not
        with contextlib.suppress(OSError):
            if Path(path).read_bytes() == xml:
                return False
    write_atomic(Path(path), xml)
    return True


def _remove(out: Path, name: str, installation: str) -> bool:
    """Remove a file that an earlier run wrote, and folders that become empty by it."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or parts.suffix != ".xml":
        return False
    path = out / parts
    try:
        line = read_line(path.read_bytes())
    except (OSError, ET.ParseError):
        return False
    if line is None or line.owner != installation:
        return False
    path.unlink()
    for folder in list(path.parents)[: len(parts.parts) - 1]:
        try:
            folder.rmdir()
        except OSError:
            break
    return True
