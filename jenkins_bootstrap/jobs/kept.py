"""What jenkins-job-builder gave, kept on disk: a run in which no template changed does not need to import it.

One file in a folder that the caller gives. Its name is the digest of everything that a rendering depends on: the
templates' bytes, this package's own modules, the versions of Python and of every installed distribution. What is
rendered from which data stands in it by the data's digest. A file that is torn, foreign or of another format counts as
absent, and so does the whole store where templates include further files.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jenkins_bootstrap.errors import BootstrapError
from jenkins_bootstrap.files import read_object, write_atomic
from jenkins_bootstrap.jobs.jjb import yaml_files
from jenkins_bootstrap.resources import share

FORMAT = 1
MOST_FILES = 4
"""Of other templates or versions, so that going back and forth between two of them stays quick."""


class Kept:
    """Values by the digest of the data they were rendered from. Not kept where there is no folder."""

    def __init__(self, folder: Path | None, templates: Sequence[Path]) -> None:
        name = None if folder is None else _name(templates)
        self._path = None if folder is None or name is None else folder / f"{name}.json"
        self._values: dict[str, Any] = {} if self._path is None else _read(self._path)
        self._changed = False

    def __contains__(self, data: object) -> bool:
        return _digest(data) in self._values

    def get(self, data: object) -> Any:
        """What was kept for this data (JSON); KeyError when there is nothing."""
        return self._values[_digest(data)]

    def put(self, data: object, value: Any) -> None:
        """Keep a value (JSON) for this data until `save`."""
        self._values[_digest(data)] = value
        self._changed = True

    def save(self) -> None:
        """Write the file when something is new. A folder that cannot be written is no error: the next run is slower."""
        if self._path is None or not self._changed:
            return
        text = json.dumps(self._values, ensure_ascii=False)
        contents = {"format": FORMAT, "digest": hashlib.sha256(text.encode()).hexdigest(), "values": text}
        try:
            write_atomic(self._path, json.dumps(contents, ensure_ascii=False), mode=0o600)
            others = sorted(self._path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in others[MOST_FILES:]:
                file.unlink()
        except (BootstrapError, OSError):
            return


def _read(path: Path) -> dict[str, Any]:
    contents = read_object(path)
    try:
        if contents is None or contents["format"] != FORMAT:
            return {}
        text = contents["values"]
        if hashlib.sha256(text.encode()).hexdigest() != contents["digest"]:
            return {}
        values = json.loads(text)
    except (KeyError, ValueError, AttributeError, TypeError):
        return {}
    return values if isinstance(values, dict) else {}


def _digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _name(templates: Sequence[Path]) -> str | None:
    """The digest of what every rendering depends on; None where it cannot be told."""
    total = hashlib.sha256(f"{FORMAT} {sys.version}".encode())
    try:
        for path in templates:
            ours = path == share("jobs")
            for file in [*yaml_files(path), *(sorted(path.glob("*.ini")) if ours else ())]:
                raw = file.read_bytes()
                if not ours and (b"!include" in raw or b"!j2" in raw):
                    return None
                _add(total, file.name, raw)
        for module in sorted(Path(__file__).parent.glob("*.py")):
            _add(total, module.name, module.read_bytes())
        for name in _distributions(sys.path):
            _add(total, name, b"")
    except OSError:
        return None  # jenkins-job-builder explains it
    return total.hexdigest()


def _add(total: Any, name: str, raw: bytes) -> None:
    total.update(f"{len(name)} {name} {len(raw)} ".encode() + raw)


def _distributions(folders: Iterable[str]) -> list[str]:
    """Names with versions of what is installed: any of it may extend jenkins-job-builder."""
    found = []
    for folder in dict.fromkeys(folders):
        path = Path(folder or ".")
        if path.is_dir():
            found += [entry.name for entry in path.iterdir() if entry.name.endswith((".dist-info", ".egg-info"))]
    return sorted(found)
