"""What a person should know of the plugins in a lock: security warnings, deprecations, newer versions, wrong files.

Pure, but for reading the files of a folder in `verify_folder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jenkins_bootstrap.files import sha256_file
from jenkins_bootstrap.plugins.lock import Lock
from jenkins_bootstrap.plugins.update_center import UpdateCenter
from jenkins_bootstrap.plugins.versions import older

Kind = Literal["security", "deprecated", "newer", "withdrawn", "hash", "missing", "extra", "too-old", "core"]
SUFFIXES = (".jpi", ".hpi")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `wrong` says that the plugins must not be used so, and not only that one should know it."""

    plugin: str
    version: str
    kind: Kind
    what: str
    hint: str
    wrong: bool = False

    def __str__(self) -> str:
        return f"{self.plugin} {self.version}: {self.what}"


def notes(lock: Lock, document: UpdateCenter) -> tuple[Finding, ...]:
    """Security warnings and deprecations of the locked versions and of the core, by plugin name."""
    found = []
    for name, version in [("core", lock.core), *((p.name, p.version) for p in lock.plugins)]:
        for warning in document.warnings(name, version):
            found.append(Finding(name, version, "security", f"{warning.id}: {warning.message}", f"see {warning.url}"))
        where = document.deprecation(name)
        if where is not None:
            found.append(Finding(name, version, "deprecated", "is deprecated", f"see {where}" if where else ""))
    return tuple(found)


def verify(lock: Lock, document: UpdateCenter) -> tuple[Finding, ...]:
    """The lock against itself and against a document: what it lacks, other hashes, warnings, newer versions."""
    found = [*_within(lock), *notes(lock, document)]
    for plugin in lock.plugins:
        offered = document.plugin(plugin.name)
        if offered is None:
            found.append(
                Finding(plugin.name, plugin.version, "withdrawn", "is no longer offered", "look for what replaces it")
            )
        elif offered.version == plugin.version and offered.sha256 != plugin.sha256:
            what = f"has sha256 {plugin.sha256} in the lock and {offered.sha256} in {document.source}"
            hint = "one of the two was tampered with: compare with plugins.jenkins.io before going on"
            found.append(Finding(plugin.name, plugin.version, "hash", what, hint, wrong=True))
        elif older(plugin.version, offered.version):
            hint = f"jenkins-bootstrap plugins lock --upgrade {plugin.name}"
            found.append(Finding(plugin.name, plugin.version, "newer", f"{offered.version} is offered", hint))
    return tuple(found)


def _within(lock: Lock) -> list[Finding]:
    have = lock.by_name()
    found = []
    for plugin in lock.plugins:
        if older(lock.core, plugin.required_core):
            what = f"needs core {plugin.required_core}, the lock is for {lock.core}"
            found.append(
                Finding(plugin.name, plugin.version, "core", what, "jenkins-bootstrap plugins lock", wrong=True)
            )
        for need in (*plugin.dependencies, *plugin.optional, *plugin.implied):
            other = have.get(need.name)
            if other is None and not need.optional:
                what = f"needs {need}, which is not locked"
                found.append(
                    Finding(plugin.name, plugin.version, "missing", what, "jenkins-bootstrap plugins lock", wrong=True)
                )
            elif other is not None and older(other.version, need.minimum):
                what = f"needs {need}, {other.version} is locked"
                found.append(
                    Finding(plugin.name, plugin.version, "too-old", what, "jenkins-bootstrap plugins lock", wrong=True)
                )
    return found


def verify_folder(lock: Lock, folder: Path) -> tuple[Finding, ...]:
    """The plugin files of a folder (`NAME.jpi` or `NAME.hpi`) against the lock: missing, another hash, not locked."""
    found = []
    files = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix in SUFFIXES} if folder.is_dir() else {}
    for plugin in lock.plugins:
        path = files.pop(plugin.name, None)
        if path is None:
            hint = f"jenkins-bootstrap plugins fetch --out {folder}"
            found.append(Finding(plugin.name, plugin.version, "missing", f"is not in {folder}", hint, wrong=True))
        elif (seen := sha256_file(path)) != plugin.sha256:
            what = f"{path} has sha256 {seen}, the lock {plugin.sha256}"
            hint = "remove the file and fetch it again"
            found.append(Finding(plugin.name, plugin.version, "hash", what, hint, wrong=True))
    for name, path in files.items():
        hint = f"remove {path}, or want {name} in controller.plugins"
        found.append(Finding(name, "?", "extra", "is not locked", hint, wrong=True))
    return tuple(found)
